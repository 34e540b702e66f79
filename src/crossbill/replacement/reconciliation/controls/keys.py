"""Every record of the old side is on the new one under its key and account, once, and no other."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import CANONICAL
from crossbill.replacement.reconciliation.control import Tables, compared, figures
from crossbill.replacement.reconciliation.controls._entities import on_both_sides

TERMS = """
title: Keys missing, extra, doubled and re-used
compares: each record by its key and its account; 0 against 1 is extra, 1 against 0 missing,
  and a key that another account uses is both; a key has to stand once on each side
entity: all
level: record
needs: [old_account, new_account]
uses: [old_customer, new_customer, old_product, new_product, old_open_item, new_open_item,
  old_balance, new_balance, old_collection, new_collection, old_mandate, new_mandate,
  old_feature, new_feature, old_contact, new_contact,
  old_deposit, new_deposit, old_bill, new_bill]
tolerance: 0
owner: migration
blocking: true
"""
# The old system numbers its bills, the new one names them by what they are of.
KEYS = {"bill": ("account_key", "period_from")}
# Whose key says whose they are.
OWNERS = ("customer", "contact", "account", "balance", "collection", "bill")


def measure(t: Tables) -> ir.Table:
    """One row a key with its account, and one a key that a side holds more than once."""
    left: list[ir.Table] = []
    right: list[ir.Table] = []
    for name, old, new in on_both_sides(t):
        if name in ("bill_line", "tariff", "usage"):
            continue  # by their own controls, or on the old side only
        left.append(_present(name, old))
        right.append(_present(name, new))
        for side, rows in (("old", old), ("new", new)):
            doubled = _doubled(name, side, rows)
            left.append(doubled.mutate(amount=ibis.literal(1, "int64")))
            right.append(doubled)
    return compared(left, right)


def _key(name: str, rows: ir.Table) -> list[ir.Value]:
    return [rows[part] for part in KEYS.get(name, CANONICAL[name].key)]


def _present(name: str, rows: ir.Table) -> ir.Table:
    owner = [] if name in OWNERS else [rows.account_key]
    return figures(rows, [ibis.literal(name), *_key(name, rows), *owner], "records")


def _doubled(name: str, side: str, rows: ir.Table) -> ir.Table:
    keyed = figures(rows, [ibis.literal(f"{side} {name}"), *_key(name, rows)], "records of one key")
    counted = keyed.group_by("key", "unit").aggregate(amount=keyed.count())
    return counted.filter(counted.amount > 1)
