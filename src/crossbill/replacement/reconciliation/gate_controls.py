"""The controls that a gate asks: run on what is to go live, for the gate's evidence."""

from collections.abc import Sequence
from typing import Any

from crossbill.core.plugins import chosen
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.migration.spec import GateSpec
from crossbill.replacement.reconciliation.control import catalogue
from crossbill.replacement.reconciliation.control_deciding import Break
from crossbill.replacement.reconciliation.control_deciding_queries import accepted_breaks
from crossbill.replacement.reconciliation.control_queries import kept_rows, open_count
from crossbill.replacement.reconciliation.control_runs import NOTHING, run_controls
from crossbill.replacement.reconciliation.models import ControlRun


def refuse_unknown(spec: GateSpec) -> None:
    """Before a run begins: a gate asks only controls that there are."""
    known = {name: control.verb for name, control in catalogue().items()}
    for name in spec.controls:
        chosen(known, name, field="gate.controls")


def ask(
    wave: Wave, store: Store, spec: GateSpec, decided: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run the controls that the terms name; what each found, for the gate's evidence.

    ``decided``: what people accepted of them, as `control_deciding_queries.decisions_on` gives it.
    """
    runs = [run_controls(wave=wave, store=store, only=name)[0] for name in sorted(spec.controls)]
    return [answer(run, accepted_breaks(run, decided)) for run in runs]


def answer(run: ControlRun, accepted: Sequence[Break] = ()) -> dict[str, Any]:
    """A run in the gate's evidence: its outcome, how many figures differ, how many of them people
    accepted, and the first that nobody did.

    ``lacking`` says which table it has not; that there is nothing of the kind is nothing wrong.
    """
    lacks = run.outcome == ControlRun.Outcome.NO_DATA
    return {
        "control": run.control,
        "outcome": run.outcome,
        "lacking": run.reason if lacks and run.reason != NOTHING else "",
        "differ": open_count(run),
        "accepted": sum(each.figures for each in accepted),
        "first": _first(run, [each.unit for each in accepted]),
    }


def _first(run: ControlRun, accepted_units: Sequence[str]) -> str:
    row = kept_rows(run).exclude(unit__in=accepted_units).first()
    if row is None:
        return ""
    old, new = ("none" if v is None else f"{v:,}" for v in (row.left_value, row.right_value))
    return f"{row.key}: old {old}, new {new} {row.unit}"
