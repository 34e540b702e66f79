"""A product is held on one side only."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.records import Records

CODE = "MISSING_PRODUCT"
PRECEDENCE = 30
NEEDS = ("product",)


def explain(records: Records) -> ir.Table:
    """Products that were not taken over, or that the old system does not hold."""
    d = records.differences
    alone = (d.entity == "product") & d.kind.isin(["missing", "extra"])
    words = ibis.ifelse(
        d.kind == "missing",
        ibis.literal("the old system holds the product; it was not taken over"),
        ibis.literal("the product was taken over; the old system does not hold it"),
    )
    return explained(d, alone, words)
