"""What price models have in common: lines meet the tiers that price them."""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.platform.rating import exact


def tiered(line: ir.Table, tier: ir.Table) -> ir.Table:
    """Each line once for every tier of its terms."""
    return line.inner_join(tier, "terms_key")


def within(rows: ir.Table, quantity: ir.IntegerValue) -> ir.IntegerValue:
    """How much of a quantity lies in the tier."""
    return ibis.least(ibis.greatest(quantity, rows.from_quantity), rows.to_quantity) - (
        rows.from_quantity
    )


def entered(rows: ir.Table, quantity: ir.IntegerValue) -> ir.BooleanValue:
    """Whether a quantity reaches into the tier; the first one is entered with nothing."""
    return (quantity > rows.from_quantity) | ((rows.tier == 0) & (quantity >= 0))


def highest(rows: ir.Table, quantity: ir.IntegerValue) -> ir.BooleanValue:
    """Whether a quantity ends in the tier."""
    return entered(rows, quantity) & (quantity <= rows.to_quantity)


def graduated(line: ir.Table, tier: ir.Table) -> ir.Table:
    """Each tier prices what lies in it; its flat amount is due as soon as it is entered."""
    rows = tiered(line, tier)
    cost = exact.priced(rows, within(rows, rows.quantity), rows.price_nanos, rows.unit)
    flat = ibis.ifelse(entered(cost, cost.quantity), cost.flat_nanos, 0)
    return exact.summed(exact.raised(cost, flat), line)


def in_order(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """The events of the lines with their terms; ``before`` is what the line used before each."""
    rows = event.inner_join(line.select("line_key", "terms_key"), "line_key")
    so_far = ibis.window(
        group_by=rows.line_key, order_by=rows.position, preceding=None, following=0
    )
    used = rows.quantity.sum().over(so_far).cast(integers.TOTAL).cast("int64")
    known = rows.mutate(before=used - rows.quantity)
    return known.inner_join(tier, "terms_key")
