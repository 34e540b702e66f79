"""The old bill was made from a later state of the record than the extract holds."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case

CODE = "STALE_EXTRACT"
RANK = 10


def candidates(case: Case) -> ir.Table:
    """Lines billed from a record whose change stamp is later than that of the extracted one.

    And the new side's lines beside them: what is another offering now has other prices.
    """
    products = case.product.select("product_key", "changed_at")
    of_product = ibis.window(group_by=["account_key", "period_from", "product_key"])
    stamped = case.records.mutate(old_stamp=case.records.old_stamp.max().over(of_product))
    pairs = stamped.inner_join(products, "product_key")
    later = pairs.filter((pairs.old_stamp > pairs.changed_at).fill_null(False))
    evidence = (
        ibis.literal("billed from the record changed at ")
        + later.old_stamp.strftime("%Y-%m-%d %H:%M:%S")
        + "; the extract holds the one changed at "
        + later.changed_at.strftime("%Y-%m-%d %H:%M:%S")
    )
    return later.select(*RECORD, variant=ibis.literal("stamp"), evidence=evidence)
