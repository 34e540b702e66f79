"""Each account owes the same in each age of its debts."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: Age of receivables of each account
compares: open amounts by days past the due date on the as-of date, in buckets of 30 days to 90
entity: open_item
level: account
needs: [old_open_item, new_open_item, terms]
tolerance: 0
owner: finance
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row an account, bucket and currency."""
    return compared([_aged(t, "old_open_item")], [_aged(t, "new_open_item")])


def _aged(t: Tables, name: str) -> ir.Table:
    rows = t[name].cross_join(t["terms"])
    days = rows.as_of_date.delta(rows.due_date, unit="day")
    bucket = ibis.cases(
        (days <= 0, "not due"),
        (days <= 30, "1-30 days"),
        (days <= 60, "31-60 days"),
        (days <= 90, "61-90 days"),
        else_="over 90 days",
    )
    unit = minor(rows.currency)
    return figures(rows, [rows.account_key, bucket], unit, rows.open_minor)
