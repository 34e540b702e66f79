"""Each account stands at the level of dunning that it stood at, and that its open items give."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Dunning state of each account
compares: the old level of dunning with the one that was taken over; and where it is stated on which
  days past due the levels begin, with the level of the oldest invoice that is open in the books; in
  a dispute, and where nothing is owed in all, nobody is dunned
entity: collection
level: account
needs: [old_collection, new_collection, new_account]
uses: [new_open_item, dunning_days, terms]
tolerance: 0
owner: collections
blocking: false
"""
RULES = {"new_open_item", "dunning_days", "terms"}


def measure(t: Tables) -> ir.Table:
    """One row an account for the level that was taken over, and one for the level that is due."""
    old, new = t["old_collection"], t["new_collection"]
    left, right = [_levels(old, "taken over")], [_levels(new, "taken over")]
    if set(t) >= RULES:
        left.append(_levels(old, "by open items"))
        right.append(_levels(_due(t), "by open items"))
    return compared(left, right)


def _levels(rows: ir.Table, what: str) -> ir.Table:
    words = ibis.literal(what)
    return figures(rows, [rows.account_key, words], "dunning level", rows.dunning_level)


def _due(t: Tables) -> ir.Table:
    """The accounts to be dunned, with ``dunning_level``: how many levels their debt passed."""
    items, account = t["new_open_item"], t["new_account"]
    overdue = (items.kind == "invoice") & (items.open_minor > 0)
    owing = items.group_by("account_key").aggregate(
        oldest=items.due_date.min(where=overdue), owed=items.open_minor.sum()
    )
    owing = owing.filter(owing.oldest.notnull(), owing.owed > 0)
    owing = owing.anti_join(account.filter(account.disputed), "account_key")
    days = owing.cross_join(t["terms"]).cross_join(t["dunning_days"])
    passed = days.filter(days.as_of_date.delta(days.oldest, unit="day") >= days.past_due_days)
    return passed.group_by("account_key").aggregate(dunning_level=passed.count())
