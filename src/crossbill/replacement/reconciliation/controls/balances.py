"""What each account owed in the old system is what its open items on the new one add up to."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: Balance of each account against its open items
compares: the carried balance of the old system with the sum of the open items on the new one
entity: balance
level: account
needs: [old_balance, new_open_item]
tolerance: 0
owner: finance
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row an account and currency."""
    old, new = t["old_balance"], t["new_open_item"]
    return compared(
        [figures(old, [old.account_key], minor(old.currency), old.balance_minor)],
        [figures(new, [new.account_key], minor(new.currency), new.open_minor)],
    )
