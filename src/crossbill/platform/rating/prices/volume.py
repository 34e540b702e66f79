"""All units cost what the tier says in which the whole quantity ends.

The tier's flat amount, if it has one, is due once. Where a quantity is prorated, the tier follows
from the full quantity and the price applies to the prorated one.
"""

from typing import Annotated

import ibis.expr.types as ir
from pydantic import Field

from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Ascending, Money, PriceTerms, UpTo, bounds
from crossbill.platform.rating.tiers import highest, tiered


class Tier(UpTo):
    """Prices of all units where the quantity ends in the tier."""

    price: Money = Field(0, description="for each unit, from the first on")
    flat: Money = Field(0, description="once")


class Terms(PriceTerms):
    """Tiers in ascending order."""

    tiers: Annotated[tuple[Tier, ...], *Ascending] = Field(description="in ascending order")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """A row for each tier."""
    return [
        {"flat_nanos": tier.flat, "price_nanos": tier.price, "unit": terms.unit, **bound}
        for tier, bound in zip(terms.tiers, bounds(terms, terms.tiers), strict=True)
    ]


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """The quantity times the price of the tier that is chosen, and its flat amount."""
    rows = tiered(line, tier)
    chosen = rows.filter(highest(rows, rows.selecting_quantity))
    cost = exact.priced(chosen, chosen.quantity, chosen.price_nanos, chosen.unit)
    return exact.summed(exact.raised(cost, cost.flat_nanos), line)
