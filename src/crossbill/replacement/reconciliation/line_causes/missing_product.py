"""One bill charges a product that only its own side holds."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case, money

CODE = "MISSING_PRODUCT"
RANK = 20


def candidates(case: Case) -> ir.Table:
    """Lines of one side whose product the other side does not know."""
    known = case.product.select("product_key")
    old = _alone(case, "missing").anti_join(known, "product_key")
    new = _alone(case, "extra").anti_join(case.old_product.select("product_key"), "product_key")
    return _told(old, "old", "it is not among the products that were taken over").union(
        _told(new, "new", "the old system does not hold it")
    )


def _alone(case: Case, kind: str) -> ir.Table:
    return case.records.filter(case.records.kind == kind, case.records.product_key.notnull())


def _told(lines: ir.Table, side: str, why: str) -> ir.Table:
    evidence = (
        ibis.literal(f"the {side} bill charges product ")
        + lines.product_key
        + " with "
        + money(lines[f"{side}_net"], lines.digits)
        + f"; {why}"
    )
    return lines.select(*RECORD, variant=ibis.literal("product"), evidence=evidence)
