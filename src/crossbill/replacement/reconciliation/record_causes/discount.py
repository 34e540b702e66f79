"""A product's discount, or one of an account, is not the same on both sides."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import DISCOUNT as DISCOUNTS
from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.lines import rate_words
from crossbill.replacement.reconciliation.records import Records

CODE = "DISCOUNT"
PRECEDENCE = 40
NEEDS = ("product",)


def explain(records: Records) -> ir.Table:
    """Products whose discount, or its end, differs, and discounts of accounts in any way."""
    d = records.differences
    rate = (d.field == "discount_ppm").ifelse(_rates(d), _ends(d))
    where = (d.entity == "product") & d.field.isin(["discount_ppm", "discount_end_date"])
    of_product = where & (d.kind == "different")
    words = of_product.ifelse(rate, _of_account(d))
    return explained(d, of_product | (d.entity == DISCOUNTS.name), words)


def _of_account(d: ir.Table) -> ir.StringValue:
    old, new = (side.fill_null("none") for side in (d.left_value, d.right_value))
    field = ibis.literal("the account's discount: ") + d.field
    return d.kind.cases(
        ("missing", "the old system gives the account this discount; it was not taken over"),
        ("extra", "the discount was taken over; the old system does not give it"),
        else_=field + ibis.literal(", old ") + old + ibis.literal("; new ") + new,
    )


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
