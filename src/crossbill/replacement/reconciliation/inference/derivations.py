"""Why the policy's amount is what it is: bills of a few accounts, explained by the engine."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import pyarrow as pa

from crossbill.core.policy import Policy
from crossbill.engine.datasets import POLICY
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.compute import Computed, bill_tables
from crossbill.platform.billing.explain_bill import explained
from crossbill.replacement.reconciliation.inference.infer import Inference

NEEDED = {  # of a bill, by the name of what the search made of it
    "account": "billed_account", "product": "product", "price": "price", "tax_rate": "tax_rate",
    "component": "component", "charged": "charged", "usage_total": "usage_total",
    "exemption": "exemption", "periods": "periods",
}  # fmt: skip
KEY = ("product_key", "period_from", "category", "price_code", "charge_from")


def derivations(
    found: Inference, rows: Sequence[Mapping[str, Any]], policies: Mapping[str, Policy]
) -> list[list[str]]:
    """For each row of ``unfit_lines`` the steps that lead to the policy's amount.

    ``policies`` are by family.
    """
    accounts = defaultdict(set)
    for row in rows:
        accounts[policies[row["family"]]].add(row["account_key"])
    steps = {policy: _steps(found, sorted(keys), policy) for policy, keys in accounts.items()}
    return [_of(row, steps[policies[row["family"]]]) for row in rows]


def _of(row: Mapping[str, Any], lines: Iterable[tuple[Mapping[str, Any], list[str]]]) -> list[str]:
    """The steps of all lines that have what is told of the row's key."""
    key = [name for name in KEY if name in row]
    mine = [steps for line, steps in lines if all(line.get(n, row[n]) == row[n] for n in key)]
    return [step for steps in mine for step in steps] or ["nothing is charged"]


def _steps(
    found: Inference, accounts: Sequence[str], policy: Policy
) -> list[tuple[Mapping[str, Any], list[str]]]:
    """The lines of some accounts under a policy, each with its steps."""
    tables = {name: _of_accounts(found, made, accounts) for name, made in NEEDED.items()}
    tables["policy"] = pa.Table.from_pylist([policy.as_row()], POLICY.arrow)
    with connect() as backend, refusing_overflow():
        held = {name: ibis.memtable(rows) for name, rows in tables.items()}
        code = ibis.literal(policy.policy_code)
        held["account"] = held["account"].mutate(policy_code=code)
        computed = Computed(backend, bill_tables(backend, held))
        bills, unresolved = explained(computed), computed.fetch("unresolved").to_pylist()
    charged = [
        (line.line, [f"{line.line['category']} {line.net}", *line.steps])
        for bill in bills
        for line in bill.lines
    ]
    return charged + [
        (
            {name: row[name] for name in ("product_key", "period_from")},
            [f"cannot be charged: {row['code']}, {row['field']} {row['value']}"],
        )
        for row in unresolved
    ]


def _of_accounts(found: Inference, name: str, accounts: Sequence[str]) -> pa.Table:
    rows = found.tables[name]
    if "account_key" in rows.columns:
        rows = rows.filter(rows.account_key.isin(accounts))
    if name == "charged":
        held = found.tables["product"]
        mine = held.filter(held.account_key.isin(accounts))
        rows = rows.semi_join(mine, "product_key")
    fetched: pa.Table = found.backend.to_pyarrow(rows)
    return fetched
