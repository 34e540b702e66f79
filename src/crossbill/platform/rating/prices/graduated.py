"""Each unit costs what its tier says: the first so many one price, the next so many another.

A tier may also cost a flat amount, due as soon as it is entered; that of the first tier is due in
any case.
"""

from typing import Annotated

import ibis.expr.types as ir
from pydantic import Field

from crossbill.platform.rating.terms import Ascending, Money, PriceTerms, UpTo, bounds
from crossbill.platform.rating.tiers import graduated


class Tier(UpTo):
    """Prices up to a quantity."""

    price: Money = Field(0, description="for each unit in the tier")
    flat: Money = Field(0, description="once, as soon as the tier is entered")


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
    """Each tier's part of the quantity times its price, and the flat amounts."""
    return graduated(line, tier)
