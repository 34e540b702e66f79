"""The metered charges of a rating: what price models and adjustments make of the periods' usage."""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.platform.rating import metered_usage
from crossbill.platform.rating.metered import metered_pricing
from crossbill.platform.rating.price_models import adjustments, price_models

Tables = Mapping[str, ir.Table]


def with_metered_charges(backend: Backend, done: Tables, held: Tables) -> dict[str, ir.Table]:
    """The results of a rating with its metered lines priced.

    Reads ``usage_charge`` and ``rated_usage`` of the rating and the compiled catalogue; adds
    ``metered_amount`` and ``metered_step``. A catalogue without metered charges costs nothing.
    """
    if not backend.to_pyarrow(held["meter"].count()).as_py():
        return dict(done)
    lines = metered_usage.metered_lines(done["usage_charge"], held["meter"], held["period"])
    known = ibis.memtable(backend.to_pyarrow(lines))
    rated, period = done["rated_usage"], held["period"]
    sources = {
        "metered": metered_usage.metered(known, held["rating_policy"]),
        "metered_event": metered_usage.metered_events(rated, known, period),
        "price_tier": held["price_tier"],
        "price_adjustment": held["price_adjustment"],
    }
    stored = {name: ibis.memtable(backend.to_pyarrow(rows)) for name, rows in sources.items()}
    chain = metered_pricing(price_models(), adjustments(), positions=_positions(held, backend))
    priced = chain.run(backend, stored)
    amount = priced["metered_amount"]
    charges = metered_usage.with_metered(done["usage_charge"], known, amount)
    steps = {name: priced[name] for name in ("metered_amount", "metered_step")}
    return {**done, "usage_charge": charges, **steps}


def _positions(held: Tables, backend: Backend) -> int:
    """How many adjustments a charge has at most."""
    last = held["price_adjustment"].position.max().fill_null(-1)
    return int(backend.to_pyarrow(last).as_py()) + 1
