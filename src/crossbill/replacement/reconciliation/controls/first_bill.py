"""The first bill that the new system makes of every account that moved is the projected one."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: First bill of every account, from the books
compares: the month after the last compared bill, by the old rules and without usage, projected from
  the extract, with what the books bill now for every account of the wave that they hold; what was
  sold, changed or priced anew since is in it, and has to be told
entity: bill
level: account
needs: [old_next_bill, book_next_bill]
tolerance: 0
owner: billing
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row an account and period."""
    return compared([_totals(t["old_next_bill"])], [_totals(t["book_next_bill"])])


def _totals(bills: ir.Table) -> ir.Table:
    key = [bills.account_key, bills.period_from]
    return figures(bills, key, minor(bills.currency), bills.total_minor)
