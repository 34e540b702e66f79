"""What the new rules change of a wave's bills: billed in the shadow once more, rule by rule.

By the old rules the shadow bills equal the old ones but for differences that are explained. What
differs from them by the new rules is a rule's doing, to be told to the customer before it happens.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.billing_datasets import RULE_CHANGE
from crossbill.engine.integers import refusing_overflow, total
from crossbill.platform.billing.rule_changes import Stepped, stepped
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.migration.workspace import Workspace, in_order
from crossbill.replacement.reconciliation.shadow_bills import billing_tables, folder
from crossbill.runs.receipt import Receipt

ACCOUNTS_AT_ONCE = 50_000  # each of them is billed once for each rule that changes
AMOUNTS = ("net_minor", "tax_minor", "total_minor")


def bill_by_new_rules(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Bill the wave once more for each rule that changes, and store what each does to each bill."""
    place = folder(wave.position)
    with workspace.engine() as backend, refusing_overflow():
        parts = list(_parts(workspace, backend, place))
        bills = ibis.memtable(pa.concat_tables(part.bills for part in parts))
        changes = _all_changes(backend, parts)
        _prove(backend, workspace.scan(backend, place, "bill"), bills, changes, parts[0])
        rows = backend.to_pyarrow(in_order(changes, RULE_CHANGE))
        written = workspace.save_rows(rows, RULE_CHANGE, place, "rule_change")
        figures = _by_rule(backend, changes)
        changed = changes.select("account_key", "period_from", "currency").distinct().count()
        count = int(backend.to_pyarrow(changed).as_py())
    return Receipt(
        files={f"{place}/rule_change.parquet": written.sha256},
        notes={"bills changed": count, "rules": figures},
    )


def _parts(workspace: Workspace, backend: Backend, place: str) -> Iterator[Stepped]:
    """So many accounts at once as memory has room for."""
    tables = billing_tables(workspace, backend, place)
    new = workspace.new_policy
    assert new is not None, "without new rules there is no such stage"
    keys = backend.to_pyarrow(_family(tables).order_by("first_key", "account_key"))
    for some in _parted(keys):
        yield stepped(backend, _of(tables, some), workspace.old_policy, new)


def _family(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Each account with its payer's key, or its own, as ``first_key``: who is billed together."""
    payer, account = tables["payer"], tables["account"].select("account_key")
    others = payer.filter(payer.payer_key != payer.account_key)
    firsts = others.group_by("account_key").aggregate(payer_key=others.payer_key.min())
    joined = account.left_join(firsts, "account_key")
    return joined.select("account_key", first_key=joined.payer_key.coalesce(joined.account_key))


def _parted(keys: pa.Table) -> Iterator[pa.Table]:
    """About so many accounts at once, families whole; one part where there is nobody."""
    firsts, start = keys["first_key"], 0
    while start == 0 or start < keys.num_rows:
        end = min(start + ACCOUNTS_AT_ONCE, keys.num_rows)
        while 0 < end < keys.num_rows and firsts[end] == firsts[end - 1]:
            end += 1
        yield keys.slice(start, end - start).select(["account_key"])
        start = max(end, 1)


def _of(tables: Mapping[str, ir.Table], keys: pa.Table) -> dict[str, ir.Table]:
    """The tables with these accounts alone."""
    wanted = ibis.memtable(keys)
    return {
        name: rows.semi_join(wanted, "account_key") if "account_key" in rows.columns else rows
        for name, rows in tables.items()
    }


def _all_changes(backend: Backend, parts: list[Stepped]) -> ir.Table:
    rows = [backend.to_pyarrow(part.changes()) for part in parts]
    return ibis.memtable(pa.concat_tables(rows).cast(RULE_CHANGE.arrow))


def _prove(
    backend: Backend, shadow: ir.Table, bills: ir.Table, changes: ir.Table, some: Stepped
) -> None:
    """The first step gives the shadow bills, and all changes together lead to the last one."""
    last = len(some.rules)
    made = _sums(backend, bills, {name: f"{name}_0" for name in AMOUNTS})
    assert made == _sums(backend, shadow, {name: name for name in AMOUNTS}), made
    after = _sums(backend, bills, {name: f"{name}_{last}" for name in AMOUNTS[:2]})
    told = _sums(backend, changes, {name: name for name in AMOUNTS[:2]})
    assert after == {name: made[name] + told[name] for name in after}, (made, told, after)


def _sums(backend: Backend, rows: ir.Table, columns: Mapping[str, str]) -> dict[str, int]:
    sums = rows.aggregate(**{name: total(rows[column]) for name, column in columns.items()})
    found = backend.to_pyarrow(sums).to_pylist()[0]
    return {name: int(value or 0) for name, value in found.items()}


def _by_rule(backend: Backend, changes: ir.Table) -> list[dict[str, Any]]:
    """For each rule and currency: the bills that it changes, and what it adds and takes off."""
    rows = changes.mutate(amount=changes.net_minor + changes.tax_minor)
    found = rows.group_by("rule", "was", "becomes", "currency").aggregate(
        bills=rows.count(),
        more_minor=total(ibis.greatest(rows.amount, 0)),
        less_minor=total(ibis.least(rows.amount, 0)),
    )
    figures = backend.to_pyarrow(found.order_by("rule", "currency")).to_pylist()
    return [
        row | {name: int(row[name]) for name in ("more_minor", "less_minor")} for row in figures
    ]
