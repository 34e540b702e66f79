"""Whoever pays by direct debit has a mandate that holds, and each mandate is the same as before."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Mandates of direct debits
compares: each mandate that holds on the as-of date, by account, reference, bank and last digits,
  with the one taken over; and each account that pays by direct debit with whether it has one
entity: mandate
level: account
needs: [old_mandate, new_mandate, new_collection, terms]
tolerance: 0
owner: collections
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row a mandate that holds on a side, and one an account that pays by direct debit."""
    old, new = _holding(t, "old_mandate"), _holding(t, "new_mandate")
    paying = t["new_collection"].filter(t["new_collection"].payment_method == "direct_debit")
    covered = paying.semi_join(new, "account_key")
    return compared(
        [_each(old), _accounts(paying)],
        [_each(new), _accounts(covered)],
    )


def _holding(t: Tables, name: str) -> ir.Table:
    rows = t[name].cross_join(t["terms"])
    begun = rows.signed_date <= rows.as_of_date
    return rows.filter(begun, rows.end_date.isnull() | (rows.end_date > rows.as_of_date))


def _each(rows: ir.Table) -> ir.Table:
    key = [rows.account_key, rows.mandate_key, rows.bank_code, rows.account_digits]
    return figures(rows, key, "mandates")


def _accounts(rows: ir.Table) -> ir.Table:
    return figures(
        rows, [rows.account_key, ibis.literal("direct debit")], "accounts with a mandate"
    )
