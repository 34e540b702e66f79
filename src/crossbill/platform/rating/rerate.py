"""Rating again: an open period is replaced, a closed one stays and gets adjustments.

A corrected price or late usage rates the whole period anew, so that allowances are used up in the
order of the events. What was billed does not change: the difference of each event is a row of its
own that points at the event it corrects.
"""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.rating_datasets import RATED_USAGE, USAGE_ADJUSTMENT

KEY = ("usage_key", "leg")
HOLDER = ("account_key", "product_key", "charge_code", "currency")
LATE, CORRECTED, MOVED, WITHDRAWN = "late", "corrected", "moved", "withdrawn"


def standing(before: ir.Table, after: ir.Table, closed_until_s: int) -> ir.Table:
    """Reads both ratings; writes ``rated_usage`` as it stands: closed events as they were."""
    closed = before.filter(_started_s(before) < closed_until_s)
    opened = after.filter(_started_s(after) >= closed_until_s)
    return closed.select(*RATED_USAGE.ibis).union(opened.select(*RATED_USAGE.ibis))


def adjustments(before: ir.Table, after: ir.Table, closed_until_s: int) -> ir.Table:
    """Reads both ratings; writes ``usage_adjustment``: what closed events cost more or less now.

    An event whose holder or charge changed is credited to the one and charged to the other.
    """
    sides = [
        rows.filter(_started_s(rows) < closed_until_s).select(
            *KEY, *HOLDER, "started_at", total=rows.amount_nanos + rows.surcharge_nanos
        )
        for rows in (before, after)
    ]
    pairs = sides[0].outer_join(sides[1], [*KEY, *HOLDER], lname="old_{name}", rname="new_{name}")
    columns = (*KEY, *HOLDER, "started_at")
    either = {name: pairs[f"old_{name}"].coalesce(pairs[f"new_{name}"]) for name in columns}
    rows = pairs.select(
        **either,
        original_nanos=pairs.old_total.fill_null(0),
        corrected_nanos=pairs.new_total.fill_null(0),
        was=pairs.old_total.notnull(),
        is_now=pairs.new_total.notnull(),
    )
    changed = rows.filter((rows.original_nanos != rows.corrected_nanos) | (rows.was != rows.is_now))
    sides_of_event = ibis.window(group_by=[changed[name] for name in KEY])
    counted = changed.mutate(rows_of_event=changed.count().over(sides_of_event))
    reason = ibis.cases(
        (counted.rows_of_event > 1, MOVED),
        (~counted.was, LATE),
        (~counted.is_now, WITHDRAWN),
        else_=CORRECTED,
    )
    return counted.mutate(
        reason=reason, difference_nanos=counted.corrected_nanos - counted.original_nanos
    ).select(*USAGE_ADJUSTMENT.ibis)


def adjustment_proof(
    before: ir.Table, after: ir.Table, adjustment: ir.Table, closed_until_s: int
) -> ir.Table:
    """One row: what closed events cost before and the adjustments are what they cost now."""
    old, new = (
        rows.filter(_started_s(rows) < closed_until_s).aggregate(
            **{name: integers.total(rows.amount_nanos + rows.surcharge_nanos).fill_null(0)}
        )
        for name, rows in (("before", before), ("after", after))
    )
    difference = integers.total(adjustment.difference_nanos).fill_null(0)
    changed = adjustment.aggregate(adjusted=difference)
    proof = old.cross_join(new).cross_join(changed)
    return proof.mutate(balanced=proof.before + proof.adjusted == proof.after)


def _started_s(rows: ir.Table) -> ir.IntegerValue:
    return integers.epoch_seconds(rows.started_at)
