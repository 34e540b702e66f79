"""Each bill is the same on both sides, by account, period and category of charge."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: Bill to bill by account and category of charge
compares: net amounts of the old bills with those of the shadow bills, category by category
entity: bill_line
level: account
needs: [old_bill_line, new_bill_line]
tolerance: 0
owner: billing
blocking: false
"""


def measure(t: Tables) -> ir.Table:
    """One row an account, period and category."""
    return compared([_charged(t["old_bill_line"])], [_charged(t["new_bill_line"])])


def _charged(rows: ir.Table) -> ir.Table:
    key = [rows.account_key, rows.period_from, rows.category]
    return figures(rows, key, minor(rows.currency), rows.net_minor)
