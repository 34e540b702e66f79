"""A product's discount is not the same on both sides."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.lines import rate_words
from crossbill.replacement.reconciliation.records import Records

CODE = "DISCOUNT"
PRECEDENCE = 40
NEEDS = ("product",)


def explain(records: Records) -> ir.Table:
    """Products whose discount, or its end, differs."""
    d = records.differences
    rate = (d.field == "discount_ppm").ifelse(_rates(d), _ends(d))
    where = (d.entity == "product") & d.field.isin(["discount_ppm", "discount_end_date"])
    return explained(d, where & (d.kind == "different"), rate)


def _rates(d: ir.Table) -> ir.StringValue:
    old, new = (
        ibis.ifelse(
            number.isnull() | (number == 0),
            "no discount",
            ibis.literal("a discount of ") + rate_words(number.fill_null(0)),
        )
        for number in (d.left_number, d.right_number)
    )
    return ibis.literal("old ") + old + ibis.literal("; new ") + new


def _ends(d: ir.Table) -> ir.StringValue:
    old, new = (side.fill_null("never") for side in (d.left_value, d.right_value))
    return ibis.literal("the discount ends: old ") + old + ibis.literal("; new ") + new
