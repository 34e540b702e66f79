"""What would this quantity cost: terms of a price model that somebody tries, by the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import ibis
import pyarrow as pa
from pydantic import BaseModel

from crossbill.core.money import NANO_DIGITS
from crossbill.core.plugins import chosen
from crossbill.core.rounding import RoundingMode
from crossbill.engine.calculation import Calculation
from crossbill.platform.rating.metered import INPUTS, metered_pricing
from crossbill.platform.rating.price_models import Row, price_models, tier_rows
from crossbill.platform.rating.small_engine import small_engine

ASKED = "asked"
POINTS = 40  # of the curve, from nothing to twice what is asked
HALF = POINTS // 2


@dataclass(frozen=True)
class Trial:
    """The amount in nanos, the part of a nano that was left, the tiers, and the curve around it."""

    quantity: int
    events: int
    amount_nanos: int
    is_exact: bool
    tiers: list[Row]
    curve: list[tuple[int, int]]


def tried(name: str, terms: BaseModel, events: Sequence[int]) -> Trial:
    """Price events with these quantities, in base units, as one line of one period."""
    tiers = tier_rows(ASKED, name, chosen(price_models(), name, field="model"), terms)
    lines = {ASKED: list(events)} | {
        str(point): [quantity * point // HALF for quantity in events] for point in range(POINTS + 1)
    }
    rows = {
        "price_tier": tiers,
        "price_adjustment": [],
        "metered": [_line(key, quantities) for key, quantities in lines.items()],
        "metered_event": [row for key, each in lines.items() for row in _events(key, each)],
    }
    tables = {d.name: pa.Table.from_pylist(rows[d.name], schema=d.arrow) for d in INPUTS}
    with small_engine("trials") as backend:
        held = {each: ibis.memtable(table) for each, table in tables.items()}
        done = _pricing(tuple(price_models())).run(backend, held)
        found = backend.to_pyarrow(done["metered_amount"]).to_pylist()
    amounts = {row["line_key"]: row for row in found}
    return Trial(
        sum(events),
        len(events),
        amounts[ASKED]["amount_nanos"],
        not amounts[ASKED]["part"],
        tiers,
        [
            (sum(lines[str(point)]), amounts[str(point)]["amount_nanos"])
            for point in range(POINTS + 1)
        ],
    )


@cache
def _pricing(names: tuple[str, ...]) -> Calculation:
    """The calculation without adjustments, compiled once for the models that are installed."""
    known = price_models()
    return metered_pricing({name: known[name] for name in names}, {}, positions=0)


def _line(key: str, quantities: Sequence[int]) -> Row:
    """A line that is all of its period, kept to the nano."""
    total = sum(quantities)
    return {
        "line_key": key, "terms_key": ASKED, "quantity": total, "selecting_quantity": total,
        "events": len(quantities), "earlier_quantity": None, "earlier_events": 0,
        "earlier_nanos": 0, "last_line": True, "rounding_mode": RoundingMode.HALF_UP.value,
        "rounding_digits": NANO_DIGITS,
    }  # fmt: skip


def _events(key: str, quantities: Sequence[int]) -> list[Row]:
    return [
        {"line_key": key, "position": n, "quantity": quantity, "selecting_quantity": quantity}
        for n, quantity in enumerate(quantities)
    ]
