"""The same payments were set against other items."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.integers import sum_int64
from crossbill.replacement.reconciliation.classify import IDENTITY
from crossbill.replacement.reconciliation.lines import money
from crossbill.replacement.reconciliation.records import Records

CODE = "ALLOCATION"
PRECEDENCE = 80
NEEDS = ("open_item",)

PARTS = ("paid_minor", "open_minor")


def explain(records: Records) -> ir.Table:
    """Items of an account whose paid and open amounts differ, by nothing when added up."""
    d = records.differences
    moved = d.filter(d.entity == "open_item", d.field.isin(PARTS), d.kind == "different")
    sums = moved.group_by("account_key", "field").aggregate(
        net=sum_int64(moved.amount_minor.fill_null(0)), items=moved.count()
    )
    level = sums.group_by("account_key").aggregate(
        level=(sums.net == 0).all(), most=sums["items"].max()
    )
    found = moved.inner_join(level.filter(level.level, level.most > 1), "account_key")
    words = (
        money(found.amount_minor.abs(), found.digits.fill_null(2))
        + ibis.ifelse(found.amount_minor > 0, " more", " less")
        + ibis.ifelse(found.field == "paid_minor", " paid", " open")
        + " on this item; all items of the account together agree"
    )
    return found.select(*IDENTITY, evidence=words)
