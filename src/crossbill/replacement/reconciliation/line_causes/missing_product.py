"""The old bill charges a product that was not taken over."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case, money

CODE = "MISSING_PRODUCT"
RANK = 20


def candidates(case: Case) -> ir.Table:
    """Lines of the old side whose product the new side does not know."""
    known = case.product.select("product_key")
    missing = (case.records.kind == "missing") & case.records.product_key.notnull()
    lines = case.records.filter(missing).anti_join(known, "product_key")
    evidence = (
        ibis.literal("the old bill charges product ")
        + lines.product_key
        + " with "
        + money(lines.old_net, lines.digits)
        + "; it is not among the products that were taken over"
    )
    return lines.select(*RECORD, variant=ibis.literal("product"), evidence=evidence)
