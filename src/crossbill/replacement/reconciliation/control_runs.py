"""Runs controls on a wave and puts on record what they found."""

from collections.abc import Iterable
from typing import ClassVar

import ibis
import pyarrow as pa
from django.db import transaction

from crossbill.core.plugins import chosen
from crossbill.core.refusal import Refusal
from crossbill.engine import duckdb
from crossbill.engine.integers import refusing_overflow
from crossbill.engine.store import Store
from crossbill.platform.bulk import copy_in
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation.control import (
    OPEN,
    Control,
    catalogue,
    judged,
    standing,
    totals,
)
from crossbill.replacement.reconciliation.control_queries import compared_waves
from crossbill.replacement.reconciliation.models import ControlRow, ControlRun
from crossbill.replacement.reconciliation.sides import Sides

NOTHING = "There is nothing of the kind on either side"
NOT_LATER = "No later extract was read"
ROWS = ("key", "unit", "left_value", "right_value", "difference", "verdict")


class NotReconciled(Refusal):
    """The wave was not compared yet. Run the change-over up to its gate."""

    code: ClassVar[str] = "NOT_RECONCILED"


def run_controls(*, wave: Wave, store: Store, only: str | None = None) -> list[ControlRun]:
    """Run every control of the catalogue on a wave, or one; each run is a new record."""
    controls = _asked_for(only)
    refuse_not_compared(wave)
    with duckdb.connect() as backend, refusing_overflow(), transaction.atomic():
        return [_run(control, Sides(wave, store, backend)) for control in controls]


def refuse_not_compared(wave: Wave) -> None:
    """Refuse a wave whose old and new side were not compared yet."""
    if not compared_waves([wave]):
        cure = "run `crossbill replace` until the wave is compared"
        raise NotReconciled(
            "Old and new are not there yet", field="wave", value=wave.name, cure=cure
        )


def _asked_for(only: str | None) -> Iterable[Control]:
    known = catalogue()
    if only is None:
        return known.values()
    chosen({name: control.verb for name, control in known.items()}, only, field="--control")
    return [known[only]]


def _run(control: Control, sides: Sides) -> ControlRun:
    """One control; what it lacks is its reason for having no data."""
    terms = control.terms
    tables = sides.tables((*terms.needs, *terms.uses))
    lacking = [name for name in terms.needs if name not in tables]
    if lacking:
        return _recorded(control, sides.wave, reason=_lacking_words(sides, lacking))
    measured = judged(control.verb.measure(tables), terms.tolerance)
    rows = sides.backend.create_table(f"measured_{control.id}", measured, temp=True)
    found = standing(sides.backend.to_pyarrow(totals(rows)).to_pylist())
    if not found:
        return _recorded(control, sides.wave, reason=NOTHING)
    open_rows = sum(unit[verdict] for unit in found for verdict in OPEN)
    outcome = ControlRun.Outcome.FAILED if open_rows else ControlRun.Outcome.PASSED
    told = sides.told(terms.needs)
    run = _recorded(control, sides.wave, outcome=outcome, totals=found, reason=told)
    kept = rows if terms.level == "group" else rows.filter(rows.verdict != "equal")
    ordered = kept.order_by("key", "unit").select(run_id=ibis.literal(run.id), **_columns(kept))
    copy_in(ControlRow, sides.backend.to_pyarrow(ordered).cast(_schema()))
    return run


def _columns(rows: ibis.Table) -> dict[str, ibis.Value]:
    return {name: rows[name] for name in ROWS}


def _schema() -> pa.Schema:
    kinds = {name: pa.int64() for name in ("left_value", "right_value", "difference")}
    fields = [(name, kinds.get(name, pa.string())) for name in ROWS]
    return pa.schema([("run_id", pa.int64()), *fields])


def _lacking_words(sides: Sides, names: list[str]) -> str:
    """What a control lacks: the whole later extract where none was read, else tables by name."""
    if sides.later_extract is None and any(name.startswith("later_") for name in names):
        return NOT_LATER
    return f"There is no {_words(names)}"


def _words(names: list[str]) -> str:
    """Names of tables as people say them."""
    sides = {"old": "old", "new": "new", "book": "booked", "later": "later", "now": "booked"}
    parts = [name.split("_", 1) for name in names]
    said = [f"{sides[part[0]]} {part[1]}" if part[0] in sides else " ".join(part) for part in parts]
    return ", no ".join(name.replace("_", " ") for name in said)


def _recorded(control: Control, wave: Wave, **found: object) -> ControlRun:
    """The record of a run; without an outcome it has no data."""
    values = {"outcome": ControlRun.Outcome.NO_DATA} | found
    return ControlRun.objects.create(
        wave=wave, control=control.id, terms=control.terms.model_dump(mode="json"), **values
    )
