"""What a later extract says of the wave's accounts is what the books hold of them now."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import CANONICAL
from crossbill.replacement.reconciliation.compare import (
    Comparison,
    canonical,
    differing,
    doubled_keys,
    record_key,
    repeated_keys,
)
from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor

TERMS = """
title: After catch-up, a later extract against the books
compares: each record, amount and field of a later extract with what the books hold of the accounts
  now; missing is new in the old system since, extra is gone there since
entity: all
level: record
needs: [later_account, later_move, now_account]
uses: [later_customer, now_customer, later_payer, now_payer, later_product, now_product,
  later_discount, now_discount, later_exemption, now_exemption, later_open_item, now_open_item,
  later_balance, now_balance, later_collection, now_collection, later_mandate, now_mandate,
  later_feature, now_feature, later_contact, now_contact, later_commitment, now_commitment,
  later_deposit, now_deposit]
tolerance: 0
owner: migration
blocking: true
"""
AMOUNT = {
    "open_item": "open_minor",
    "balance": "balance_minor",
    "deposit": "received_minor",
}
# When the old system touched a record, and what it says that follows from other fields.
LEFT_OUT = {"product": {"changed_at"}, "deposit": {"held_minor"}}


def measure(t: Tables) -> ir.Table:
    """One row a record, one an amount of it, one a field that is another, one an account that would
    stay.
    """
    parts = [_would_stay(t)]
    for name, later, now in _pairs(t):
        parts.append(_present(name, later, now))
        parts.append(_fields(name, later, now))
        if name in AMOUNT:
            parts.append(compared([_amounts(name, later)], [_amounts(name, now)]))
    return ibis.union(*parts)


def _pairs(t: Tables) -> Iterator[tuple[str, ir.Table, ir.Table]]:
    for name in CANONICAL:
        if f"later_{name}" in t and f"now_{name}" in t:
            yield name, t[f"later_{name}"], t[f"now_{name}"]


def _would_stay(t: Tables) -> ir.Table:
    """Accounts in the books that the later extract would leave on the old system, with why."""
    staying = t["later_move"].filter(t["later_move"].state == "fallout")
    key = ibis.literal("account|") + staying.account_key + ": " + staying.reason
    none, one = (ibis.literal(count, "int64") for count in (0, 1))
    return _rows(staying.mutate(key=key, n=none, n_right=one), "accounts that would stay")


def _key(name: str, rows: ir.Table) -> ir.StringValue:
    """What a record is called: its table, its key, and whose it is where the key does not say."""
    key = CANONICAL[name].key
    parts = (*key, "account_key") if _is_owned(name) else key
    return ibis.literal(f"{name}|") + record_key(lambda part: rows[part], parts)


def _is_owned(name: str) -> bool:
    """Whether an account owns the record, and its key does not say which."""
    dataset = CANONICAL[name]
    return "account_key" in dataset.arrow.names and "account_key" not in dataset.key


def _present(name: str, later: ir.Table, now: ir.Table) -> ir.Table:
    """How often each record stands on either side; nothing where it does not."""
    sides = [
        rows.mutate(key=_key(name, rows)).group_by("key").aggregate(n=ibis._.count())
        for rows in (later, now)
    ]
    both = sides[0].view().outer_join(sides[1].view(), "key")
    return _rows(both.mutate(key=both.key.coalesce(both.key_right)), "records")


def _amounts(name: str, rows: ir.Table) -> ir.Table:
    amount = AMOUNT[name]
    key = [_key(name, rows) + f"|{amount}"]
    return figures(rows, key, minor(rows.currency), rows[amount])


def _comparison(name: str) -> Comparison:
    dataset = CANONICAL[name]
    apart = {*dataset.key, AMOUNT.get(name, ""), *LEFT_OUT.get(name, ())}
    return canonical(name, fields=[c.name for c in dataset.columns if c.name not in apart])


def _fields(name: str, later: ir.Table, now: ir.Table) -> ir.Table:
    """The fields of records on both sides that say something else: numbers as they are, the rest
    in the key.
    """
    comparison = _comparison(name)
    doubled = doubled_keys(later, now, repeated_keys(later, now, comparison), comparison)
    found = differing(later, now, doubled, comparison)
    found = found.filter(found.kind == "different")
    number = found.unit.notnull()
    said = [ibis.coalesce(found[f"{side}_value"], "nothing") for side in ("left", "right")]
    words = ibis.literal(": ") + said[0] + ", in the books " + said[1]
    owner = ibis.literal("|") + found.account_key if _is_owned(name) else ibis.literal("")
    key = ibis.literal(f"{name}|") + found.record_key + owner + "|" + found.field
    unit = ibis.cases(
        ((found.unit == "minor") & found.currency.notnull(), minor(found.currency)),
        (number, found.field.replace("_", " ")),
        else_=ibis.literal("fields that agree"),
    )
    told = found.mutate(
        key=key + number.ifelse("", words),
        unit=unit,
        left_value=number.ifelse(found.left_number, 1),
        right_value=number.ifelse(found.right_number, 0),
    )
    return told.select("key", "unit", "left_value", "right_value")


def _rows(rows: ir.Table, unit: str) -> ir.Table:
    """Rows of CONTROL_ROW from ``key``, ``n`` and ``n_right``."""
    return rows.select("key", unit=ibis.literal(unit), left_value=rows.n, right_value=rows.n_right)
