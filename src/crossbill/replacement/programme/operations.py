"""Writes of the programme: what its file says goes in, what the report says comes out."""

from collections.abc import Iterable
from pathlib import Path

from django.db import models, transaction

from crossbill.core.money import minor_digits, parse_minor
from crossbill.core.refusal import Refusal
from crossbill.replacement.document.markdown import markdown
from crossbill.replacement.document.pdf import pdf
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.programme.facts import QuarterlyFacts
from crossbill.replacement.programme.format import BudgetLineSpec, Programme
from crossbill.replacement.programme.models import (
    BookedSpending,
    BudgetLine,
    Milestone,
    Objective,
    PlannedSpending,
    ProgrammePlan,
    Risk,
    Team,
)
from crossbill.replacement.programme.report import quarterly_report

FTE_DIGITS = 2
BY_PLAN: tuple[type[models.Model], ...] = (Milestone, Risk, Objective, Team, BudgetLine)


class MilestoneWaveUnknown(Refusal):
    """A milestone hangs on a wave that the replacement does not have. Name one that it has."""

    code = "MILESTONE_WAVE_UNKNOWN"


def take_over_programme(*, replacement_id: int, programme: Programme) -> ProgrammePlan:
    """Store what the programme file says, in place of what an earlier file said."""
    with transaction.atomic():
        replacement = Replacement.objects.select_for_update().get(pk=replacement_id)
        _check_waves(replacement, programme)
        plan, _ = ProgrammePlan.objects.update_or_create(
            replacement=replacement,
            defaults={"currency": programme.currency, "summary": programme.summary.strip()},
        )
        for model in BY_PLAN:
            model._default_manager.filter(plan=plan).delete()
        _store_texts(plan, programme)
        for line in programme.budget:
            _store_budget_line(plan, line, minor_digits(programme.currency))
    return plan


def _check_waves(replacement: Replacement, programme: Programme) -> None:
    """A milestone on a wave that does not exist could never be reached."""
    known = set(replacement.waves.values_list("position", flat=True))
    for milestone in programme.milestones:
        if milestone.wave_position is not None and milestone.wave_position not in known:
            raise MilestoneWaveUnknown(
                "The replacement has no such wave",
                file="programme.yaml",
                field=f"milestones.{milestone.code}.wave",
                value=milestone.wave,
                cure=f"use a position from 1 to {max(known, default=0)}, as in 'wave: 1 live'",
            )


def _store_texts(plan: ProgrammePlan, programme: Programme) -> None:
    _create(
        Milestone,
        (
            Milestone(
                plan=plan, wave_position=each.wave_position, **each.model_dump(exclude={"wave"})
            )
            for each in programme.milestones
        ),
    )
    _create(
        Risk,
        (
            Risk(plan=plan, **each.model_dump() | {"likelihood": each.likelihood or ""})
            for each in programme.risks
        ),
    )
    _create(Objective, (Objective(plan=plan, **o.model_dump()) for o in programme.objectives))
    _create(
        Team,
        (
            Team(
                plan=plan,
                planned_fte_hundredths=parse_minor(each.planned_fte, FTE_DIGITS),
                filled_fte_hundredths=parse_minor(each.filled_fte, FTE_DIGITS),
                **each.model_dump(exclude={"planned_fte", "filled_fte"}),
            )
            for each in programme.teams
        ),
    )


def _store_budget_line(plan: ProgrammePlan, spec: BudgetLineSpec, digits: int) -> None:
    line = BudgetLine.objects.create(plan=plan, code=spec.code, name=spec.name)
    _create(
        PlannedSpending,
        (
            PlannedSpending(line=line, quarter=quarter, amount_minor=parse_minor(amount, digits))
            for quarter, amount in sorted(spec.planned.items())
        ),
    )
    _create(
        BookedSpending,
        (
            BookedSpending(
                line=line,
                booked_date=booking.booked_date,
                amount_minor=parse_minor(booking.amount, digits),
                text=booking.text,
            )
            for booking in spec.booked
        ),
    )


def _create(model: type[models.Model], rows: Iterable[models.Model]) -> None:
    model._default_manager.bulk_create(rows)


class FolderUnwritable(Refusal):
    """The report cannot be written there. Name a folder that you may write to."""

    code = "FOLDER_UNWRITABLE"


def write_report(*, facts: QuarterlyFacts, folder: Path) -> list[Path]:
    """Write the report as Markdown and PDF; returns the files."""
    document = quarterly_report(facts)
    contents = {".md": markdown(document).encode(), ".pdf": pdf(document)}
    stem = report_name(facts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in contents.items():
            (folder / f"{stem}{suffix}").write_bytes(content)
    except OSError as error:
        raise FolderUnwritable(
            "The report cannot be written",
            file=str(folder),
            cure=f"name another folder with --out ({error.strerror})",
        ) from error
    return [folder / f"{stem}{suffix}" for suffix in contents]


def report_name(facts: QuarterlyFacts) -> str:
    """What the report's files are called, without their endings."""
    return f"{facts.carrier_code}-{facts.quarter}"
