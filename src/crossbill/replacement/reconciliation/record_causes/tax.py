"""An account belongs to another jurisdiction on the new side."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.records import Records

CODE = "TAX"
PRECEDENCE = 50
NEEDS = ("account",)


def explain(records: Records) -> ir.Table:
    """Accounts whose tax code differs."""
    d = records.differences
    where = (d.entity == "account") & (d.field == "tax_code") & (d.kind == "different")
    words = ibis.literal("jurisdiction old ") + d.left_value.fill_null("none")
    return explained(d, where, words + ibis.literal("; new ") + d.right_value.fill_null("none"))
