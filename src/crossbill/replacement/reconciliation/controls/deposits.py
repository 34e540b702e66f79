"""What each account has paid in as security is what the books owe it."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: Deposits of each account against the general ledger
compares: what the old system says that it holds of an account with what is posted to its deposits
entity: deposit
level: account
needs: [old_deposit, book_posting]
tolerance: 0
owner: finance
blocking: true
"""
DEPOSITS = "2300"


def measure(t: Tables) -> ir.Table:
    """One row an account and currency; what is owed to the account is posted below nothing."""
    old, postings = t["old_deposit"], t["book_posting"]
    owed = postings.filter(postings.gl_account == DEPOSITS)
    return compared(
        [figures(old, [old.account_key], minor(old.currency), old.held_minor)],
        [figures(owed, [owed.account_key], minor(owed.currency), -owed.amount_minor)],
    )
