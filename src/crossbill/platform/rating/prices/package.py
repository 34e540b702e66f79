"""Units are sold in packages: a package that is begun is charged whole.

So many units may be free before the first package begins.
"""

import ibis
import ibis.expr.types as ir
from pydantic import Field

from crossbill.engine import integers
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, PriceTerms, Quantity
from crossbill.platform.rating.tiers import tiered


class Terms(PriceTerms):
    """The size and price of a package."""

    size: Quantity = Field(gt=0, description="units in a package")
    price: Money = Field(description="of a package")
    free: Quantity = Field(0, description="units that are free")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """One tier without end."""
    size, free = terms.base(terms.size), terms.base(terms.free)
    return [{"block": size, "price_nanos": terms.price, "free_quantity": free}]


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """Packages that are begun, times their price."""
    rows = tiered(line, tier)
    charged = ibis.greatest(rows.quantity - rows.free_quantity, 0)
    packages = integers.ceil_div(charged, rows.block)
    return exact.nanos(rows, packages * rows.price_nanos)
