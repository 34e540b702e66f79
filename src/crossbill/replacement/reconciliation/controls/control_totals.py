"""The same amounts in all on both sides, by entity, currency and bill cycle."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor
from crossbill.replacement.reconciliation.controls._entities import on_both_sides, with_account

TERMS = """
title: Control totals by entity, currency and bill cycle
compares: sums of the amounts of open items and balances on both sides; bills are in bill_to_bill
entity: all
level: group
needs: [old_account, new_account]
uses: [old_open_item, new_open_item, old_balance, new_balance]
tolerance: 0
owner: finance
blocking: true
"""
AMOUNTS = {
    "open_item": ("original_minor", "paid_minor", "open_minor"),
    "balance": ("balance_minor",),
}


def measure(t: Tables) -> ir.Table:
    """One row an amount, currency and day of the bill cycle."""
    left: list[ir.Table] = []
    right: list[ir.Table] = []
    for name, old, new in on_both_sides(t, *AMOUNTS):
        left += _summed(name, with_account(old, t["old_account"], "bill_cycle_day"))
        right += _summed(name, with_account(new, t["new_account"], "bill_cycle_day"))
    if not left:
        return compared(*[_summed_nothing(t)] * 2)
    return compared(left, right)


def _summed(name: str, rows: ir.Table) -> list[ir.Table]:
    unit = minor(rows.currency)
    return [
        figures(
            rows,
            [ibis.literal(name), ibis.literal(amount), rows.currency, rows.of_bill_cycle_day],
            unit,
            rows[amount],
        )
        for amount in AMOUNTS[name]
    ]


def _summed_nothing(t: Tables) -> list[ir.Table]:
    """No rows, where the extract has no amounts."""
    account = t["old_account"]
    return [figures(account.filter(ibis.literal(False)), [account.account_key], "minor")]
