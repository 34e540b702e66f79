"""Each event carries its own price; the line is their sum, or a multiple of it.

The quantity of an event is its price, by default in nanos of the currency.
"""

import ibis.expr.types as ir
from pydantic import Field

from crossbill.core.money import NANOS_PER_MAJOR
from crossbill.engine import integers
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import LARGEST_UNIT, Money, PriceTerms


class Terms(PriceTerms):
    """What the sum is multiplied by."""

    unit: int = Field(
        NANOS_PER_MAJOR, strict=True, ge=1, le=LARGEST_UNIT,
        description="base units of one unit of the currency",
    )  # fmt: skip
    multiplier: Money = Field(NANOS_PER_MAJOR, description="what is charged for each unit of it")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """One tier without end."""
    return [{"price_nanos": terms.multiplier, "unit": terms.unit}]


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """The sum of the events' prices, times the multiplier."""
    sums = event.group_by("line_key").aggregate(carried=integers.sum_int64(event.quantity))
    rows = line.left_join(sums, "line_key").inner_join(tier, "terms_key")
    return exact.priced(rows, rows.carried.fill_null(0), rows.price_nanos, rows.unit)
