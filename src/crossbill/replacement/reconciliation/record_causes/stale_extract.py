"""The record that was taken over is an earlier state of the one in the old system."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import IDENTITY
from crossbill.replacement.reconciliation.records import Records

CODE = "STALE_EXTRACT"
PRECEDENCE = 20
NEEDS = ("product",)


def explain(records: Records) -> ir.Table:
    """All fields of a record whose change stamp is older on the new side."""
    d = records.differences
    stamps = d.filter(d.field == "changed_at", d.kind == "different")
    older = stamps.filter(stamps.right_value < stamps.left_value)
    older = older.select("entity", "record_key", changed="left_value", taken="right_value")
    found = d.filter(d.kind == "different").inner_join(older, ["entity", "record_key"])
    evidence = (
        ibis.literal("the old record was changed at ")
        + found.changed
        + "; the one that was taken over at "
        + found.taken
    )
    return found.select(*IDENTITY, evidence=evidence)
