"""The old bill charges usage that the new one does not know."""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.resolve import USAGE
from crossbill.replacement.reconciliation.lines import RECORD, Case, money

CODE = "MISSING_USAGE"
RANK = 25


def candidates(case: Case) -> ir.Table:
    """Usage lines with more records, and no less money, on the old side than on the new one.

    Free units that a missing record does not use up go to others, so that a missing record can
    only make the new line cheaper.
    """
    records = case.records.filter(case.records.category == USAGE)
    fewer = records.filter(
        records.old_events > records.new_events, records.old_net >= records.new_net
    )
    lines = fewer.semi_join(case.product.select("product_key"), "product_key")
    evidence = (
        ibis.literal("the old bill charges ")
        + _records(lines.old_events, lines.old_net, lines.digits)
        + ", the new one "
        + _records(lines.new_events, lines.new_net, lines.digits)
        + "; missing: "
        + _records(lines.old_events - lines.new_events, lines.old_net - lines.new_net, lines.digits)
    )
    return lines.select(*RECORD, variant=ibis.literal("records"), evidence=evidence)


def _records(
    events: ir.IntegerValue, net: ir.IntegerValue, digits: ir.IntegerValue
) -> ir.StringValue:
    word = (events == 1).ifelse(" usage record with ", " usage records with ")
    return events.cast("string") + word + money(net, digits)
