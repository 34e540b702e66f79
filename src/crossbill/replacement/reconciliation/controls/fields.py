"""Every field that the mapping fills says the same on both sides, value by value."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Fields of customers, accounts, products, items and bills
compares: differences found by the comparison of the wave, by field and class; those that the gate's
  terms or people accept are allowed, all others have to be none
entity: all
level: group
needs: [difference, new_account]
tolerance: 0
owner: data quality
blocking: false
"""


def measure(t: Tables) -> ir.Table:
    """One row a field and class: allowed differences on the left, found ones on the right.

    And one of all accounts on the left, and those without a difference that blocks on the right.
    """
    found, account = t["difference"], t["new_account"]
    words = [ibis.literal("accounts without a difference that blocks")]
    clean = account.anti_join(found.filter(found.decision == "block"), "account_key")
    key = [found.entity, found.field, found.class_code]
    allowed = ibis.ifelse(found.decision == "accept", 1, 0)
    return compared(
        [figures(found, key, "differences", allowed), figures(account, words, "accounts")],
        [figures(found, key, "differences"), figures(clean, words, "accounts")],
    )
