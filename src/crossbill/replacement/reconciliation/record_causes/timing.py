"""An item of the last days before the extract stands on one side only."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import IDENTITY
from crossbill.replacement.reconciliation.compare import record_key
from crossbill.replacement.reconciliation.records import Records

CODE = "TIMING"
PRECEDENCE = 90
NEEDS = ("open_item",)

WINDOW_DAYS = 7


def explain(records: Records) -> ir.Table:
    """Open items on one side, dated within the last week for which there are items at all."""
    d = records.differences
    alone = d.filter(d.entity == "open_item", d.kind.isin(["missing", "extra"]))
    both = (
        records.old["open_item"]
        .select("open_item_key", "document_date")
        .union(records.new["open_item"].select("open_item_key", "document_date"))
    )
    last = both.aggregate(last_date=both.document_date.max())
    dated = both.select(
        record_key=record_key(lambda name: both[name], ("open_item_key",)),
        document_date=both.document_date,
    )
    late = dated.distinct().cross_join(last)
    late = late.filter(late.document_date > late.last_date - ibis.interval(days=WINDOW_DAYS))
    found = alone.inner_join(late, "record_key")
    evidence = (
        ibis.literal("dated ")
        + found.document_date.cast("string")
        + f", within {WINDOW_DAYS} days of "
        + found.last_date.cast("string")
        + ", the last day on either side: to be there after the next extract"
    )
    return found.select(*IDENTITY, evidence=evidence)
