"""The next bill of each account is the same, whichever side's facts it is made from."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: Next bill of each account, projected
compares: the month after the last compared bill, by the old rules, without usage, from the facts of
  the extract and from those that were taken over
entity: bill
level: account
needs: [old_next_bill, new_next_bill]
tolerance: 0
owner: billing
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row an account."""
    return compared([_totals(t["old_next_bill"])], [_totals(t["new_next_bill"])])


def _totals(bills: ir.Table) -> ir.Table:
    key = [bills.account_key, bills.period_from]
    return figures(bills, key, minor(bills.currency), bills.total_minor)
