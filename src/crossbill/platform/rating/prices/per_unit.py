"""Every unit costs the same."""

import ibis.expr.types as ir
from pydantic import Field

from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, PriceTerms
from crossbill.platform.rating.tiers import tiered


class Terms(PriceTerms):
    """One price."""

    price: Money = Field(description="for each unit")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """One tier without end."""
    return [{"price_nanos": terms.price, "unit": terms.unit}]


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """Quantity times price."""
    rows = tiered(line, tier)
    return exact.priced(rows, rows.quantity, rows.price_nanos, rows.unit)
