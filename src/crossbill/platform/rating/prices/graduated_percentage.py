"""A share of the money that was moved: the first so much at one rate, the next at another.

A tier may also cost a flat amount, due as soon as it is entered; that of the first tier is due in
any case. The quantity is an amount of money, in units of the currency.
"""

from typing import Annotated

import ibis.expr.types as ir
from pydantic import Field

from crossbill.platform.rating.terms import Ascending, Money, Percent, PriceTerms, UpTo, bounds
from crossbill.platform.rating.tiers import graduated


class Tier(UpTo):
    """A rate up to an amount."""

    percent: Percent = Field(0, description="of the amount in the tier")
    flat: Money = Field(0, description="once, as soon as the tier is entered")


class Terms(PriceTerms):
    """Tiers in ascending order."""

    tiers: Annotated[tuple[Tier, ...], *Ascending] = Field(description="in ascending order")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """A row for each tier; a percentage is a price for each unit of money."""
    return [
        {"flat_nanos": tier.flat, "price_nanos": tier.percent, "unit": terms.unit, **bound}
        for tier, bound in zip(terms.tiers, bounds(terms, terms.tiers), strict=True)
    ]


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """Each tier's part of the amount times its rate, and the flat amounts."""
    return graduated(line, tier)
