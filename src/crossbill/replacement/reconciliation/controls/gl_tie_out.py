"""The sub-ledger is the general ledger: each account's open items are its receivables."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: Open items against the general ledger
compares: in the books, the open items of each account that moved with what is posted to its
  receivables
entity: ledger
level: account
needs: [book_open_item, book_posting]
tolerance: 0
owner: finance
blocking: true
"""
RECEIVABLE = "1200"


def measure(t: Tables) -> ir.Table:
    """One row an account and currency."""
    items, postings = t["book_open_item"], t["book_posting"]
    owed = postings.filter(postings.gl_account == RECEIVABLE)
    return compared(
        [figures(items, [items.account_key], minor(items.currency), items.open_minor)],
        [figures(owed, [owed.account_key], minor(owed.currency), owed.amount_minor)],
    )
