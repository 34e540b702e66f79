"""What the quarterly report states, computed from the books: no figure here is typed by anybody."""

from datetime import date
from typing import Any

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.programme import change_over, people
from crossbill.replacement.programme.facts import QuarterlyFacts
from crossbill.replacement.programme.models import ProgrammePlan
from crossbill.replacement.programme.quarter import Quarter


class NoReplacement(Refusal):
    """There is no replacement to report on. Run ``crossbill demo`` first."""

    code = "NO_REPLACEMENT"


class CarrierNeeded(Refusal):
    """Several carriers are being moved. Say which one the report is about."""

    code = "CARRIER_NEEDED"


class CarrierUnknown(Refusal):
    """No replacement belongs to this carrier. Use one of the codes that the message names."""

    code = "CARRIER_UNKNOWN"


class QuarterWithoutData(Refusal):
    """Nothing is recorded for this quarter. Choose one of those that the message names."""

    code = "QUARTER_WITHOUT_DATA"


def find_replacement(*, carrier_code: str | None = None) -> Replacement:
    """The replacement of the carrier, or the only one there is."""
    by_code = {r.carrier.code: r for r in Replacement.objects.select_related("carrier", "run")}
    codes = ", ".join(sorted(by_code))
    if not by_code:
        raise NoReplacement("There is no replacement to report on", cure="run: crossbill demo")
    if carrier_code is None and len(by_code) > 1:
        raise CarrierNeeded(
            "Several carriers are being moved",
            field="carrier",
            cure=f"add --carrier, one of {codes}",
        )
    if carrier_code is not None and carrier_code not in by_code:
        raise CarrierUnknown(
            "No replacement of this carrier",
            field="carrier",
            value=carrier_code[:40],
            cure=f"use one of {codes}",
        )
    return by_code[carrier_code] if carrier_code else next(iter(by_code.values()))


def replacements_of(quarter: Quarter) -> list[Replacement]:
    """The replacements that have something to report on in a quarter, the newest first."""
    every = Replacement.objects.select_related("carrier", "run").order_by("-created_at")
    return [r for r in every if quarter in quarters_with_data(replacement_id=r.pk)]


def quarters_with_data(*, replacement_id: int) -> list[Quarter]:
    """The quarters in which something was planned, reached, spent or cut over, in order."""
    waves = Wave.objects.filter(replacement_id=replacement_id)
    days = set(waves.values_list("cutover_date", flat=True))
    plan = ProgrammePlan.objects.filter(replacement_id=replacement_id).first()
    found = {Quarter.of(day) for day in days}
    return sorted(found | (people.quarters(plan) if plan else set()))


def latest_quarter(*, replacement_id: int) -> Quarter:
    """The quarter of the last wave that went live; before any did, the first with data."""
    live = Wave.objects.filter(replacement_id=replacement_id, live_at__isnull=False)
    last = live.order_by("-cutover_date").first()
    if last is not None:
        return Quarter.of(last.cutover_date)
    return quarters_with_data(replacement_id=replacement_id)[0]


def quarterly_facts(*, replacement_id: int, quarter: Quarter, as_of_date: date) -> QuarterlyFacts:
    """All that the report of a quarter states, as it stood on a day (its close of business)."""
    replacement = Replacement.objects.select_related("carrier", "run").get(pk=replacement_id)
    _refuse_empty(replacement, quarter)
    plan = ProgrammePlan.objects.filter(replacement=replacement).first()
    return QuarterlyFacts(
        carrier=replacement.carrier.name,
        carrier_code=replacement.carrier.code,
        replacement=replacement.name,
        extract_date=replacement.as_of_date,
        quarter=quarter,
        as_of_date=as_of_date,
        has_programme=plan is not None,
        **_of_the_system(replacement, quarter),
        **_of_the_people(plan, quarter, as_of_date),
    )


def _of_the_system(replacement: Replacement, quarter: Quarter) -> dict[str, Any]:
    """What the books know by themselves."""
    waves = change_over.waves(replacement, quarter)
    in_quarter = [wave for wave in waves if wave.in_quarter]
    so_far = [wave for wave in waves if wave.cutover_date < quarter.to_date]
    gates = list(change_over.gates(replacement, quarter))
    run = change_over.run_facts(replacement.run)
    books = change_over.ledger(replacement.carrier_id, quarter)
    return {
        "accounts": change_over.accounts(change_over.moves_in_all(replacement), so_far),
        "bills": change_over.added_bills(wave.bills for wave in in_quarter),
        "waves": tuple(so_far),
        "next_waves": tuple(wave for wave in waves if wave.cutover_date in quarter.next),
        "classes": change_over.classes(replacement, in_quarter),
        "fallout": change_over.fallout(replacement, quarter),
        "blocks_next_gate": change_over.blocks_next_gate(replacement),
        "run": run,
        "control_totals": change_over.control_totals(gates),
        "ledger": books,
        "checks": change_over.checks(replacement, run, books, gates),
    }


def _of_the_people(
    plan: ProgrammePlan | None, quarter: Quarter, as_of_date: date
) -> dict[str, Any]:
    """What the programme file says; nothing where there is none."""
    if plan is None:
        nothing = dict.fromkeys(("milestones", "risks", "objectives", "teams", "budget"), ())
        return {"summary": "", "budget_currency": "", **nothing}
    return {
        "summary": plan.summary,
        "budget_currency": plan.currency,
        "milestones": people.milestones(plan, as_of_date),
        "risks": people.risks(plan, as_of_date),
        "objectives": people.objectives(plan, quarter.next),
        "teams": people.teams(plan, as_of_date),
        "budget": people.budget(plan, quarter, as_of_date),
    }


def _refuse_empty(replacement: Replacement, quarter: Quarter) -> None:
    known = quarters_with_data(replacement_id=replacement.pk)
    if quarter not in known:
        raise QuarterWithoutData(
            "Nothing is planned or recorded for this quarter",
            field="quarter",
            value=str(quarter),
            cure=f"use one of {', '.join(map(str, known))}",
        )
