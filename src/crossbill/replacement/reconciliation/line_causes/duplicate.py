"""The new bill charges the same usage twice."""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.resolve import USAGE
from crossbill.replacement.reconciliation.lines import RECORD, Case, money

CODE = "DUPLICATE"
RANK = 23


def candidates(case: Case) -> ir.Table:
    """Usage lines with exactly twice the records and, but for a rounded cent, twice the money."""
    lines = case.records.filter(case.records.category == USAGE, case.records.old_events > 0)
    twice = lines.filter(
        lines.new_events == lines.old_events * 2,
        (lines.new_net - lines.old_net * 2).between(-1, 1),
    )
    evidence = (
        ibis.literal("the new bill charges ")
        + twice.new_events.cast("string")
        + " usage records with "
        + money(twice.new_net, twice.digits)
        + ", twice the "
        + twice.old_events.cast("string")
        + " with "
        + money(twice.old_net, twice.digits)
        + " of the old one"
    )
    return twice.select(*RECORD, variant=ibis.literal("twice"), evidence=evidence)
