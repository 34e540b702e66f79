"""No record names one that is not there, and no customer is without an account, on either side."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Orphans both ways
compares: records whose customer, account or bill is not there, and customers without an account;
  none has to be
entity: all
level: record
needs: [old_account, new_account]
uses: [old_customer, new_customer, old_product, new_product, old_open_item, new_open_item,
  old_balance, new_balance, old_collection, new_collection, old_mandate, new_mandate,
  old_feature, new_feature, old_contact, new_contact,
  old_deposit, new_deposit, old_bill, new_bill, old_bill_line, new_bill_line]
tolerance: 0
owner: migration
blocking: true
"""
PARENTS = (  # child, its column, parent, its column
    ("account", "customer_key", "customer", "customer_key"),
    ("customer", "customer_key", "account", "customer_key"),
    ("contact", "customer_key", "customer", "customer_key"),
    ("product", "account_key", "account", "account_key"),
    ("feature", "account_key", "account", "account_key"),
    ("feature", "product_key", "product", "product_key"),
    ("open_item", "account_key", "account", "account_key"),
    ("balance", "account_key", "account", "account_key"),
    ("collection", "account_key", "account", "account_key"),
    ("mandate", "account_key", "account", "account_key"),
    ("deposit", "account_key", "account", "account_key"),
    ("bill", "account_key", "account", "account_key"),
    ("bill_line", "bill_key", "bill", "bill_key"),
)


def measure(t: Tables) -> ir.Table:
    """One row a record that looks for another: 1 has to find it, 0 is an orphan."""
    left: list[ir.Table] = []
    right: list[ir.Table] = []
    for child, parent in _pairs(t):
        left.append(child)
        right.append(parent)
    return compared(left, right)


def _pairs(t: Tables) -> Iterator[tuple[ir.Table, ir.Table]]:
    for side in ("old", "new"):
        for child, column, parent, key in PARENTS:
            if f"{side}_{child}" in t and f"{side}_{parent}" in t:
                yield _sought(t, side, (child, column, parent, key))


def _sought(t: Tables, side: str, pair: tuple[str, str, str, str]) -> tuple[ir.Table, ir.Table]:
    """The keys that children name, each once, and those of them that a parent has."""
    child, column, parent, key = pair
    rows, there = t[f"{side}_{child}"], t[f"{side}_{parent}"]
    named = rows.select(sought=rows[column]).distinct()
    found = named.semi_join(there, named.sought == there[key])
    words = ibis.literal(f"{side} {child} in {parent}")
    return (
        figures(named, [words, named.sought], "records"),
        figures(found, [words, found.sought], "records"),
    )
