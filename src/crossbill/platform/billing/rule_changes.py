"""What each changed rule of a policy does to everybody's bills, one rule after the other.

The rules of the old policy become those of the new one in the order of the policy's fields; each
step is billed, and what it changes is that rule's part. So the parts add up to the whole change.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.policy import Policy
from crossbill.engine.datasets import POLICY
from crossbill.platform.billing.what_if import Effect, what_if

Row = Mapping[str, Any]


def rule_changes(
    backend: Backend, tables: Mapping[str, ir.Table], old: Policy, new: Policy
) -> Iterator[tuple[str, str, str, Effect]]:
    """The rule, what it was, what it becomes, and its effect, for each rule that differs.

    ``tables`` are those of ``bill_tables``, whatever their policies.
    """
    for before, after in pairwise(_steps(old.as_row(), new.as_row())):
        name = next(field for field in after if after[field] != before[field])
        held = [_under(tables, policy) for policy in (before, after)]
        was, becomes = (str(policy[name]).lower() for policy in (before, after))
        yield name, was, becomes, what_if(backend, *held)


def _steps(old: Row, new: Row) -> Iterator[dict[str, Any]]:
    """The old rules, and with one more of the new ones each time."""
    rules = {**old, "policy_code": new["policy_code"]}
    yield dict(rules)
    for name in (name for name in rules if rules[name] != new[name]):
        rules[name] = new[name]
        yield dict(rules)


def _under(tables: Mapping[str, ir.Table], policy: Row) -> dict[str, ir.Table]:
    """The same population, all of it by one policy."""
    code = ibis.literal(policy["policy_code"])
    return {
        **tables,
        "account": tables["account"].mutate(policy_code=code),
        "policy": ibis.memtable(pa.Table.from_pylist([policy], POLICY.arrow)),
    }
