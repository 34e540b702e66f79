"""Commitments and discounts end on the same day on both sides."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables

TERMS = """
title: Ends of contracts and discounts
compares: the last days of commitments and discounts of each product that both sides hold
entity: product
level: record
needs: [old_product, new_product]
tolerance: 0
owner: migration
blocking: true
"""
ENDS = ("contract_end_date", "discount_end_date")


def measure(t: Tables) -> ir.Table:
    """One row a product and end, in days since 1970; none where neither side has an end."""
    old, new = t["old_product"], t["new_product"]
    both = old.inner_join(new, "product_key", rname="{name}__new")
    return ibis.union(*(_end(both, name) for name in ENDS))


def _end(rows: ir.Table, name: str) -> ir.Table:
    left, right = _days(rows[name]), _days(rows[f"{name}__new"])
    ends = rows.select(
        key=rows.product_key + ibis.literal(f"|{name}"),
        unit=ibis.literal("days since 1970"),
        left_value=left,
        right_value=right,
    )
    return ends.filter(ends.left_value.notnull() | ends.right_value.notnull())


def _days(day: ir.Value) -> ir.Value:
    return day.delta(ibis.date(1970, 1, 1), unit="day").cast("int64")
