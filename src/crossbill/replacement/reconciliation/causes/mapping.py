"""MAPPING: one code of the left side stands as one other code of the right side, nearly always."""

import ibis

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.compare import VALUE
from crossbill.replacement.reconciliation.populations import OFTEN

CODE = "MAPPING"
PRECEDENCE = 70

SHARE_PERCENT = 99


def explain(differences: ibis.Table) -> ibis.Table:
    """Pairs of codes that hold for 99 of 100 rows with the left code, in at least 20 rows.

    Needs ``left_rows``, which ``populations.with_populations`` counts.
    """
    d = differences
    codes = (d.type == "text") & (d.left_state == VALUE) & (d.right_state == VALUE)
    d = d.filter((codes & (d.right_value.strip() != "")).fill_null(False))
    pair = ibis.window(group_by=["entity", "field", "left_value", "right_value"])
    d = d.mutate(pair_rows=d.count().over(pair))
    nearly_always = d.pair_rows * 100 >= d.left_rows * SHARE_PERCENT
    words = ibis.literal("left '") + d.left_value + ibis.literal("' stands as right '")
    words = words + d.right_value + ibis.literal("' in ") + d.pair_rows.cast("string")
    words = words + ibis.literal(" of ") + d.left_rows.cast("string") + ibis.literal(" rows")
    return explained(d, nearly_always & (d.pair_rows >= OFTEN), words)
