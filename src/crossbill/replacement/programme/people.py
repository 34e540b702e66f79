"""What people planned and booked, as it stood on the day of a report."""

from datetime import date

from django.db.models import Q

from crossbill.replacement.migration.models import Wave
from crossbill.replacement.programme.facts import (
    BudgetFacts,
    MilestoneFacts,
    MilestoneState,
    ObjectiveFacts,
    RiskFacts,
    Spending,
    TeamFacts,
)
from crossbill.replacement.programme.models import (
    BookedSpending,
    BudgetLine,
    Milestone,
    PlannedSpending,
    ProgrammePlan,
)
from crossbill.replacement.programme.quarter import Quarter


def quarters(plan: ProgrammePlan) -> set[Quarter]:
    """The quarters in which something is planned, due, reached or booked."""
    named = set(plan.objectives.values_list("quarter", flat=True))
    named |= set(PlannedSpending.objects.filter(line__plan=plan).values_list("quarter", flat=True))
    days = set(plan.milestones.values_list("due_date", flat=True))
    days |= set(plan.milestones.exclude(achieved_date=None).values_list("achieved_date", flat=True))
    days |= set(
        BookedSpending.objects.filter(line__plan=plan).values_list("booked_date", flat=True)
    )
    return {Quarter.parse(text) for text in named} | {Quarter.of(day) for day in days}


def milestones(plan: ProgrammePlan, as_of_date: date) -> tuple[MilestoneFacts, ...]:
    """All milestones in the order in which they are due."""
    waves = {wave.position: wave for wave in plan.replacement.waves.all()}
    return tuple(
        _milestone(each, waves.get(each.wave_position), as_of_date)
        for each in plan.milestones.order_by("due_date", "code")
    )


def _milestone(milestone: Milestone, wave: Wave | None, as_of_date: date) -> MilestoneFacts:
    achieved = milestone.achieved_date
    if wave is not None:
        achieved = wave.cutover_date if wave.live_at is not None else None
    if achieved is not None and achieved > as_of_date:
        achieved = None
    return MilestoneFacts(
        code=milestone.code,
        name=milestone.name,
        owner=milestone.owner,
        due_date=milestone.due_date,
        state=_state(achieved, milestone.due_date, as_of_date),
        achieved_date=achieved,
        wave=wave.name if wave else None,
    )


def _state(achieved: date | None, due: date, as_of_date: date) -> MilestoneState:
    if achieved is not None:
        return MilestoneState.ACHIEVED
    return MilestoneState.LATE if due <= as_of_date else MilestoneState.PLANNED


def risks(plan: ProgrammePlan, as_of_date: date) -> tuple[RiskFacts, ...]:
    """Blockers, then risks, that are open on the day."""
    found = plan.risks.filter(raised_date__lte=as_of_date).exclude(closed_date__lte=as_of_date)
    return tuple(
        RiskFacts(
            code=risk.code,
            kind=risk.kind,
            title=risk.title,
            owner=risk.owner,
            likelihood=risk.likelihood,
            impact=risk.impact,
            mitigation=risk.mitigation,
            raised_date=risk.raised_date,
        )
        for risk in found.order_by("kind", "code")
    )


def objectives(plan: ProgrammePlan, quarter: Quarter) -> tuple[ObjectiveFacts, ...]:
    """What the quarter shall bring."""
    found = plan.objectives.filter(quarter=str(quarter)).order_by("code")
    return tuple(ObjectiveFacts(each.code, each.text, each.measure, each.owner) for each in found)


def teams(plan: ProgrammePlan, as_of_date: date) -> tuple[TeamFacts, ...]:
    """The teams that are there on the day."""
    here = plan.teams.filter(from_date__lte=as_of_date).filter(
        Q(to_date=None) | Q(to_date__gt=as_of_date)
    )
    return tuple(
        TeamFacts(t.name, t.purpose, t.planned_fte_hundredths, t.filled_fte_hundredths)
        for t in here.order_by("-planned_fte_hundredths", "name")
    )


def budget(plan: ProgrammePlan, quarter: Quarter, as_of_date: date) -> tuple[BudgetFacts, ...]:
    """Each line: this quarter, from the beginning up to the day, and all that is planned."""
    lines = plan.budget_lines.prefetch_related("planned", "booked").order_by("id")
    return tuple(_budget_line(line, quarter, as_of_date) for line in lines)


def _budget_line(line: BudgetLine, quarter: Quarter, as_of_date: date) -> BudgetFacts:
    planned = [(Quarter.parse(part.quarter), part.amount_minor) for part in line.planned.all()]
    booked = [(b.booked_date, b.amount_minor) for b in line.booked.all()]
    booked = [(day, amount) for day, amount in booked if day <= as_of_date]
    return BudgetFacts(
        code=line.code,
        name=line.name,
        quarter=Spending(
            sum(amount for part, amount in planned if part == quarter),
            sum(amount for day, amount in booked if day in quarter),
        ),
        to_date=Spending(
            sum(amount for part, amount in planned if part <= quarter), sum(a for _, a in booked)
        ),
        planned_total_minor=sum(amount for _, amount in planned),
    )
