"""One population billed by several policies at once: each account stands in it once for each.

Asking once of a population several times as large costs less than asking several times.
"""

from collections.abc import Mapping
from dataclasses import replace

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossbill.core.policy import Policy
from crossbill.engine.datasets import POLICY

APART = "\n"  # between the name of the rules and a key; no key has such a character
KEYS = ("account_key", "product_key", "payer_key")


def by_each(tables: Mapping[str, ir.Table], policies: Mapping[str, Policy]) -> dict[str, ir.Table]:
    """The tables of a bill for each policy at once: keys begin with its name, which is its code."""
    held = dict(tables)
    for table, rows in tables.items():
        own = [key for key in KEYS if key in rows.columns]
        if own:
            held[table] = ibis.union(*(_named(rows, name, own) for name in policies))
    held["account"] = held["account"].mutate(policy_code=policy_of(held["account"].account_key))
    held["policy"] = ibis.memtable(policy_rows(policies))
    return held


def policy_rows(policies: Mapping[str, Policy]) -> pa.Table:
    """The policies as POLICY; the name of each is its code."""
    rules = [replace(policy, policy_code=name).as_row() for name, policy in policies.items()]
    return pa.Table.from_pylist(rules, POLICY.arrow)


def _named(rows: ir.Table, name: str, keys: list[str]) -> ir.Table:
    return rows.mutate(**{key: ibis.literal(f"{name}{APART}") + rows[key] for key in keys})


def policy_of(key: ir.StringValue) -> ir.StringValue:
    """The name of the policy that a key begins with."""
    return key.split(APART)[0]


def key_of(key: ir.StringValue) -> ir.StringValue:
    """The key as it was."""
    return key.split(APART)[1]
