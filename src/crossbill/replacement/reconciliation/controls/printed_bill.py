"""What stands on a bill's paper is what is stored of it, on a sample of every kind of bill."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.compare import record_key
from crossbill.replacement.reconciliation.control import Tables, minor

TERMS = """
title: Bills on paper, a sample of every kind
compares: the totals of both bills and the sum of the new one's lines, as they are stored, with what
  the text of the PDF says; one bill of each kind (currency, categories charged, size, whether it
  differs from the old one), twenty at most
entity: bill
level: account
needs: [printed_bill]
tolerance: 0
owner: billing
blocking: true
"""
KEY = ("account_key", "period_from", "what")


def measure(t: Tables) -> ir.Table:
    """One row an amount; where the paper does not have it, nothing on the right."""
    rows = t["printed_bill"]
    return rows.select(
        key=record_key(lambda name: rows[name], KEY),
        unit=minor(rows.currency),
        left_value=rows.stored_minor,
        right_value=rows.printed_minor,
    )
