"""What each changed rule of a policy does to everybody's bills, one rule after the other.

The rules of the old policy become those of the new one in the order of the policy's fields; each
step is billed, and what it changes is that rule's part. So the parts add up to the whole change.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.policy import Policy
from crossbill.engine.billing_datasets import RULE_CHANGE
from crossbill.platform.billing.compute import bill_tables
from crossbill.platform.billing.several_policies import by_each, key_of, policy_of
from crossbill.platform.billing.what_if import KEY, Effect, effect_of

AMOUNTS = ("net_minor", "tax_minor", "total_minor")


class Rule(NamedTuple):
    """A field of the policy, what it said, and what it is to say."""

    name: str
    was: str
    becomes: str


@dataclass(frozen=True)
class Stepped:
    """The bills by the old rules and by those of each step, beside each other.

    ``bills`` has the key of ``what_if``, and for each step the amounts with its number behind their
    names, as in ``net_minor_0``: empty where the step gives no such bill. ``unresolved`` counts for
    each step the products that cannot be charged.
    """

    rules: list[Rule]
    bills: pa.Table
    unresolved: list[int]

    def changes(self) -> ir.Table:
        """The dataset ``rule_change``: one row for each bill and each rule that changes it."""
        if not self.rules:
            return ibis.memtable(RULE_CHANGE.empty())
        bills = ibis.memtable(self.bills)
        rows = ibis.union(*(_changed(bills, n, rule) for n, rule in enumerate(self.rules, 1)))
        return rows.filter((rows.net_minor != 0) | (rows.tax_minor != 0))

    def effects(self, backend: Backend) -> Iterator[tuple[Rule, Effect]]:
        """What each rule does to all bills."""
        bills = ibis.memtable(self.bills)
        for step, rule in enumerate(self.rules, 1):
            before, after = (bills[f"total_minor_{n}"] for n in (step - 1, step))
            rows = bills.filter(before.notnull() | after.notnull()).select(
                *KEY, before_minor=before.fill_null(0), after_minor=after.fill_null(0)
            )
            unresolved = self.unresolved[step - 1], self.unresolved[step]
            yield rule, effect_of(backend, rows, unresolved)


def rules_between(old: Policy, new: Policy) -> list[Rule]:
    """The rules that differ, in the order of the policy's fields."""
    before, after = old.as_row(), new.as_row()
    names = [name for name in before if before[name] != after[name] and name != "policy_code"]
    return [Rule(name, *(str(row[name]).lower() for row in (before, after))) for name in names]


def stepped(backend: Backend, tables: Mapping[str, ir.Table], old: Policy, new: Policy) -> Stepped:
    """Bill by the old rules, and again with one more of the new rules each time.

    ``tables`` are those of ``bill_tables``, whatever their policies.
    """
    rules = rules_between(old, new)
    steps = {str(n): policy for n, policy in enumerate(_steps(old, new, rules))}
    done = bill_tables(backend, by_each(tables, steps))
    codes = done["unresolved"].select(step=policy_of(done["unresolved"].account_key))
    counts = backend.to_pyarrow(codes.step.value_counts(name="n")).to_pylist()
    unresolved = {row["step"]: int(row["n"]) for row in counts}
    bills = backend.to_pyarrow(_beside(done["bill"], steps))
    return Stepped(rules, bills, [unresolved.get(step, 0) for step in steps])


def as_one(parts: Sequence[Stepped]) -> Stepped:
    """The bills of several populations, by the same rules, as those of one."""
    bills = pa.concat_tables(part.bills for part in parts)
    unresolved = zip(*(part.unresolved for part in parts), strict=True)
    return Stepped(parts[0].rules, bills, [sum(step) for step in unresolved])


def _steps(old: Policy, new: Policy, rules: list[Rule]) -> Iterator[Policy]:
    """The old rules, and with one more of the new ones each time."""
    held = old
    yield held
    for rule in rules:
        held = replace(held, **{rule.name: getattr(new, rule.name)})
        yield held


def _beside(bill: ir.Table, steps: Mapping[str, Policy]) -> ir.Table:
    """One row a bill, with its amounts by each step."""
    rows = bill.mutate(step=policy_of(bill.account_key), account_key=key_of(bill.account_key))
    amounts = {
        f"{name}_{step}": rows[name].max(where=rows.step == step)
        for step in steps
        for name in AMOUNTS
    }
    return rows.group_by(*KEY, "period_to").aggregate(**amounts)


def _changed(bills: ir.Table, step: int, rule: Rule) -> ir.Table:
    """What one rule changes of each bill."""
    parts = {
        name: bills[f"{name}_{step}"].fill_null(0) - bills[f"{name}_{step - 1}"].fill_null(0)
        for name in ("net_minor", "tax_minor")
    }
    said = {"rule": rule.name, "was": rule.was, "becomes": rule.becomes}
    texts = {name: ibis.literal(text) for name, text in said.items()}
    return bills.select(*KEY, "period_to", **texts, **parts).select(*RULE_CHANGE.ibis)
