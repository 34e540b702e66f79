"""As many records of each kind on both sides, by entity, status and segment."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures
from crossbill.replacement.reconciliation.controls._entities import on_both_sides

TERMS = """
title: Records by entity, status and segment
compares: the number of records of each entity on both sides, by what kind they are of
entity: all
level: group
needs: [old_account, new_account]
uses: [old_customer, new_customer, old_product, new_product, old_open_item, new_open_item,
  old_balance, new_balance, old_collection, new_collection, old_mandate, new_mandate,
  old_feature, new_feature, old_contact, new_contact,
  old_deposit, new_deposit, old_bill, new_bill]
tolerance: 0
owner: migration
blocking: true
"""
KINDS = {
    "customer": ("kind", "segment"),
    "contact": ("role",),
    "account": ("status", "currency"),
    "product": ("offering_code",),
    "feature": ("feature_code",),
    "open_item": ("kind", "currency"),
    "balance": ("currency",),
    "collection": ("payment_method", "dunning_level"),
    "mandate": ("bank_code",),
    "deposit": ("currency",),
    "bill": ("period_from", "currency"),
}


def measure(t: Tables) -> ir.Table:
    """One row a kind of record."""
    sides = on_both_sides(t, *KINDS)
    return compared(
        [_counted(name, old) for name, old, _ in sides],
        [_counted(name, new) for name, _, new in sides],
    )


def _counted(name: str, rows: ir.Table) -> ir.Table:
    return figures(rows, [ibis.literal(name), *(rows[kind] for kind in KINDS[name])], "records")
