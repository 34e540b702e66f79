"""A share of the money that was moved, and a fixed amount for each event that is not free.

The quantity is an amount of money, in units of the currency. Free are the first events, or the
first units, or both until one of the two is used up: an event is free while less than the free
units is used by its end. Free is only what is known of the events; a line without quantity costs
nothing.
"""

import ibis
import ibis.expr.types as ir
from pydantic import Field

from crossbill.core.money import INT64_MAX
from crossbill.engine import integers
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, Percent, PriceTerms, Quantity
from crossbill.platform.rating.tiers import in_order, tiered


class Terms(PriceTerms):
    """The rate, and what is free."""

    percent: Percent = Field(description="of what was moved")
    fixed: Money = Field(0, description="for each event that is not free")
    free_events: int | None = Field(None, strict=True, ge=1, description="so many events are free")
    free_units: Quantity | None = Field(None, gt=0, description="so many units are free")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """One tier without end; of two limits one may be missing, and without both nothing is free."""
    limited = terms.free_events is not None or terms.free_units is not None
    units = INT64_MAX if terms.free_units is None else terms.base(terms.free_units)
    return [
        {
            "price_nanos": terms.percent, "unit": terms.unit, "event_nanos": terms.fixed,
            "free_events": (terms.free_events or INT64_MAX) if limited else 0,
            "free_quantity": units if limited else 0,
        }
    ]  # fmt: skip


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """What is not free times the rate, and the fixed amounts of the events that are not free."""
    rows = tiered(line, tier).left_join(_free(line, event, tier), "line_key")
    free = ibis.least(rows.first_units.fill_null(0), rows.free_quantity)
    events = ibis.greatest(rows.events - rows.first_events.fill_null(0), 0)
    rows = rows.mutate(
        charged=ibis.greatest(rows.quantity - free, 0),
        fixed_nanos=ibis.ifelse(rows.quantity == 0, 0, events * rows.event_nanos),
    )
    cost = exact.priced(rows, rows.charged, rows.price_nanos, rows.unit)
    return exact.raised(cost, cost.fixed_nanos)


def _free(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """Of each line, what the events use that may be free, and how many are free as a whole."""
    rows = in_order(line, event, tier)
    first = rows.filter(rows.position < rows.free_events)
    wholly = first.before + first.quantity < first.free_quantity
    return first.group_by("line_key").aggregate(
        first_units=integers.sum_int64(first.quantity),
        first_events=integers.sum_int64(wholly.cast("int64")),
    )
