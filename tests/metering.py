"""Prices metered lines as the platform does: written terms to tables, tables to amounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import ibis
import pyarrow as pa

from crossbill.core.plugins import chosen
from crossbill.engine import integers
from crossbill.engine.calculation import Calculation
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.rating.metered import INPUTS, Plugins, metered_pricing
from crossbill.platform.rating.price_models import (
    adjustment_rows,
    adjustment_terms,
    adjustments,
    price_models,
    price_terms,
    tier_rows,
)

ENGINE = DuckDBBackend().connect()


@dataclass(frozen=True)
class Line:
    """One line as a catalogue and a meter would state it; quantities are base units."""

    key: str
    model: str
    terms: dict
    quantity: int = 0
    selecting_quantity: int | None = None
    event_count: int | None = None
    events: Sequence[int] = ()
    selecting_events: Sequence[int] | None = None
    earlier_quantity: int | None = None
    earlier_events: int = 0
    earlier_nanos: int = 0
    last_line: bool = True
    adjustments: Sequence[dict] = ()
    rounding_mode: str = "half_up"
    rounding_digits: int = 9


@dataclass(frozen=True)
class Priced:
    """What a line costs: exactly, rounded, and step by step."""

    whole_nanos: int
    part: int
    parts: int
    amount_nanos: int
    steps: tuple[tuple[str, int], ...]


def priced(lines: Sequence[Line]) -> dict[str, Priced]:
    """All lines in one run of the engine."""
    rows = {dataset.name: [] for dataset in INPUTS}
    models, others = price_models(), adjustments()
    for line in lines:
        _add(rows, line, models, others)
    tables = {d.name: pa.Table.from_pylist(rows[d.name], schema=d.arrow) for d in INPUTS}
    positions = max((len(line.adjustments) for line in lines), default=0)
    with integers.refusing_overflow():
        return _results(_pricing(tuple(models), tuple(others), positions), tables)


@cache
def _pricing(models: tuple[str, ...], adjusting: tuple[str, ...], positions: int) -> Calculation:
    """The calculation, compiled once for each set of plug-ins that is installed."""
    ours, others = price_models(), adjustments()
    return metered_pricing(
        {name: ours[name] for name in models},
        {name: others[name] for name in adjusting},
        positions=positions,
    )


def _results(calculation: Calculation, tables: dict[str, pa.Table]) -> dict[str, Priced]:
    done = calculation.run(ENGINE, {n: ibis.memtable(t) for n, t in tables.items()})
    names = ("metered_amount", "metered_step", "metered_proof")
    found = {name: ENGINE.to_pyarrow(done[name]).to_pylist() for name in names}
    (proof,) = found["metered_proof"]
    assert proof["balanced"], proof
    steps: dict[str, list] = {}
    for row in sorted(found["metered_step"], key=lambda row: row["position"]):
        steps.setdefault(row["line_key"], []).append((row["step"], row["amount_nanos"]))
    return {
        row.pop("line_key"): Priced(**row, steps=tuple(steps[key]))
        for row in found["metered_amount"]
        for key in [row["line_key"]]
    }


def _add(rows: dict[str, list[dict]], line: Line, models: Plugins, others: Plugins) -> None:
    """The rows that one line adds to the tables; its terms are its own."""
    model = chosen(models, line.model, field="model")
    terms = price_terms(model, line.terms)
    rows["price_tier"] += tier_rows(line.key, line.model, model, terms)
    declared = [_declared(written, others) for written in line.adjustments]
    rows["price_adjustment"] += adjustment_rows(line.key, declared)
    rows["metered_event"] += [
        {"line_key": line.key, "position": n, "quantity": quantity, "selecting_quantity": full}
        for n, (quantity, full) in enumerate(
            zip(line.events, line.selecting_events or line.events, strict=True)
        )
    ]
    same = {
        name: getattr(line, name)
        for name in (
            "quantity", "earlier_quantity", "earlier_events", "earlier_nanos", "last_line",
            "rounding_mode", "rounding_digits",
        )
    }  # fmt: skip
    selecting, events = line.selecting_quantity, line.event_count
    rows["metered"].append(
        same
        | {
            "line_key": line.key,
            "terms_key": line.key,
            "selecting_quantity": line.quantity if selecting is None else selecting,
            "events": len(line.events) - line.earlier_events if events is None else events,
        }
    )


def _declared(written: dict, others: Plugins) -> tuple:
    ((name, terms),) = written.items()
    adjustment = chosen(others, name, field="adjustment")
    return name, adjustment, adjustment_terms(adjustment, terms)
