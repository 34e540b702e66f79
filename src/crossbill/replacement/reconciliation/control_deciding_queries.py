"""What people accepted of controls, whether it counts on a day, and what a run breaks beyond it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Abs, Coalesce

from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation.control import OPEN
from crossbill.replacement.reconciliation.control_deciding import Break, BreakLimits, why_over
from crossbill.replacement.reconciliation.deciding import Given, why_not
from crossbill.replacement.reconciliation.models import (
    ControlAcceptance,
    ControlRow,
    ControlRun,
    Gate,
)

KEPT = ("unit", "reason", "limit_figures", "figures", "limit_value", "value")


def breaks_of(run: ControlRun) -> list[Break]:
    """What a run found open, unit by unit; what stands on one side only counts whole."""
    apart = Abs(Coalesce(F("right_value"), 0) - Coalesce(F("left_value"), 0))
    rows = ControlRow.objects.filter(run=run, verdict__in=OPEN).order_by().values("unit")
    found = rows.annotate(figures=Count("id"), value=Sum(apart)).order_by("unit")
    return [Break(row["unit"], row["figures"], int(row["value"])) for row in found]


def acceptances_of(wave: Wave, control: str | None = None) -> "QuerySet[ControlAcceptance]":
    """Everything that was accepted of a wave's controls, or of one, in time."""
    made = ControlAcceptance.objects.filter(run__wave=wave).order_by("id")
    made = made.select_related("run__wave", "made_by", "revocation__made_by")
    return made.filter(run__control=control) if control else made


def why_not_on(acceptance: ControlAcceptance, day: date) -> str:
    """Why an acceptance does not count on a day; empty where it does."""
    revocation = getattr(acceptance, "revocation", None)
    who = revocation.made_by.get_username() if revocation else ""
    return why_not(Given(acceptance.valid_until_date, who), day)


def decisions_on(wave: Wave, day: date) -> list[dict[str, Any]]:
    """Everything that was accepted of a wave's controls, and whether it counts on a day."""
    return [_decision(each, why_not_on(each, day)) for each in acceptances_of(wave)]


def _decision(acceptance: ControlAcceptance, why: str) -> dict[str, Any]:
    return {name: getattr(acceptance, name) for name in KEPT} | {
        "acceptance": acceptance.id,
        "run": acceptance.run_id,
        "control": acceptance.run.control,
        "valid_until": str(acceptance.valid_until_date),
        "accepted_by": acceptance.made_by.get_username(),
        "counts": not why,
        "why_not": why,
    }


def accepted_breaks(run: ControlRun, decided: Sequence[dict[str, Any]]) -> list[Break]:
    """What a run found open that is no worse than what people accepted of the control.

    ``decided``: as ``decisions_on`` gives it. Worse is more figures, a greater amount, and any
    figure that did not differ in the run that was accepted.
    """
    counting = [each["acceptance"] for each in decided if each["counts"]]
    given = list(acceptances_of(run.wave, run.control).filter(id__in=counting))
    found = breaks_of(run)
    return [each for each in found if any(_covers(one, each, run) for one in given)]


def _covers(given: ControlAcceptance, found: Break, run: ControlRun) -> bool:
    if given.unit != found.unit or why_over(found, _limits(given)):
        return False
    seen = ControlRow.objects.filter(
        run=given.run, unit=found.unit, verdict__in=OPEN, key=OuterRef("key")
    )
    mine = ControlRow.objects.filter(run=run, unit=found.unit, verdict__in=OPEN)
    return not mine.exclude(Exists(seen)).exists()


def _limits(given: ControlAcceptance) -> BreakLimits:
    return BreakLimits(given.limit_figures, given.limit_value)


def has_accepted(wave: Wave, user: AbstractUser) -> bool:
    """Whether a person has accepted what controls found on the wave, and nobody revoked it."""
    return acceptances_of(wave).filter(made_by=user, revocation__isnull=True).exists()


def ended_since(gate: Gate, today: date) -> str:
    """Which controls were accepted at the gate and are no longer, in words; empty where none."""
    counted = [d["acceptance"] for d in gate.facts.get("control_decisions", []) if d["counts"]]
    given = acceptances_of(gate.wave).filter(id__in=counted)
    why = {(each.run.control, each.unit): why_not_on(each, today) for each in given}
    return "; ".join(f"control {control}: {words}" for (control, _), words in why.items() if words)
