"""What a change does to a population, part by part: counts and sums that add up to the whole.

Amounts are whole minor units. An answer has, each with its currency: ``totals`` of the bills,
``spread`` (how many bills change by how much of what they were), ``categories`` (what is charged
for), ``largest`` changes; and ``unresolved`` products before and after.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.engine.calculation import Tables
from crossbill.engine.integers import total
from crossbill.platform.billing.what_if import (
    MOST_SHOWN,
    Billed,
    bill_pairs,
    billed,
    largest,
    totals,
)

Answer = dict[str, Any]
TAX = "tax"  # beside the categories of lines
LIMITS = (1, 5, 10, 20)  # percent of what the bill was
UNCHANGED, NEW = 0, len(LIMITS) + 2  # steps: nothing, and a bill where there was none
KEYS = {
    "totals": ("currency",),
    "spread": ("currency", "step"),
    "categories": ("currency", "category"),
}


def part_answer(
    backend: Backend, before: Mapping[str, ir.Table], after: Mapping[str, ir.Table]
) -> Answer:
    """The answer for the accounts of these tables, which are those of ``bill_tables``."""
    sides = [billed(backend, tables, _by_category) for tables in (before, after)]
    bills = bill_pairs(*(ibis.memtable(side.bills) for side in sides))
    rows = bills.mutate(difference_minor=bills.after_minor - bills.before_minor)
    answer: Answer = {
        name: _plain(backend, table)
        for name, table in (
            ("totals", totals(rows)), ("spread", _spread(rows)), ("largest", largest(rows)),
        )
    }  # fmt: skip
    answer["categories"] = _category_sums(*sides)
    answer["unresolved"] = {"before": sides[0].unresolved, "after": sides[1].unresolved}
    _prove(answer)
    return answer


def together(parts: Iterable[Answer]) -> Answer:
    """The answer for all parts; the sums are Python's integers and cannot overflow."""
    answers = list(parts)
    whole: Answer = {
        name: _added((row for answer in answers for row in answer[name]), keys)
        for name, keys in KEYS.items()
    }
    rows = [row for answer in answers for row in answer["largest"]]
    whole["largest"] = sorted(rows, key=_by_size)[:MOST_SHOWN]
    whole["unresolved"] = {
        side: sum(answer["unresolved"][side] for answer in answers) for side in ("before", "after")
    }
    _prove(whole)
    return whole


def _by_category(done: Tables) -> ir.Table:
    """What is charged for, before tax, and the tax of the bills as a category of its own."""
    lines, bills = done["bill_line"], done["bill"]
    charged = lines.group_by("currency", "category").aggregate(amount_minor=total(lines.net_minor))
    taxed = bills.group_by("currency").aggregate(amount_minor=total(bills.tax_minor))
    columns = ("currency", "category", "amount_minor")
    return charged.select(*columns).union(taxed.mutate(category=ibis.literal(TAX)).select(*columns))


def _category_sums(before: Billed, after: Billed) -> list[dict[str, Any]]:
    rows = []
    for name, side in (("before_minor", before), ("after_minor", after)):
        assert side.detail is not None, "the categories were asked for"
        for row in side.detail.to_pylist():
            none = {"before_minor": 0, "after_minor": 0}
            key = {"currency": row["currency"], "category": row["category"]}
            rows.append({**key, **none, name: int(row["amount_minor"])})
    return _added(rows, KEYS["categories"])


def _spread(rows: ir.Table) -> ir.Table:
    """How many bills change by how much of what they were, by step and sign."""
    step = _step(rows.before_minor, rows.difference_minor)
    sorted_in = rows.mutate(step=step)
    return sorted_in.group_by("currency", "step").aggregate(
        bills=sorted_in.count(), difference_minor=total(sorted_in.difference_minor)
    )


def _step(before: ir.IntegerValue, change: ir.IntegerValue) -> ir.IntegerValue:
    """0 where nothing changes, 1 to 5 by the limits with the change's sign, 6 where no bill was."""
    size, whole = change.abs() * 100, before.abs()
    reached = ibis.literal(1)
    for limit in LIMITS:
        reached = reached + (size >= whole * limit).cast("int64")
    signed = ibis.ifelse(change < 0, -reached, reached)
    return ibis.cases(
        (change == 0, ibis.literal(UNCHANGED)), (before == 0, ibis.literal(NEW)), else_=signed
    )


def _plain(backend: Backend, table: ir.Table) -> list[dict[str, Any]]:
    """Rows as JSON takes them: whole numbers and text."""
    return [
        {
            name: str(value) if name in ("account_key", "currency", "period_from") else int(value)
            for name, value in row.items()
        }
        for row in backend.to_pyarrow(table).to_pylist()
    ]


def _added(rows: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of one key as one, all else added up, in the order of the keys."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        into = sums.setdefault(tuple(row[key] for key in keys), {key: row[key] for key in keys})
        for name in row.keys() - set(keys):
            into[name] = into.get(name, 0) + row[name]
    return [sums[key] for key in sorted(sums)]


def _by_size(row: Mapping[str, Any]) -> tuple[int, str, str]:
    return -abs(row["difference_minor"]), row["account_key"], row["period_from"]


def _prove(answer: Answer) -> None:
    """Each bill stands in one step, and what is charged for adds up to the bills."""
    for row in answer["totals"]:
        mine = {
            name: [each for each in answer[name] if each["currency"] == row["currency"]]
            for name in ("spread", "categories")
        }
        for name in ("bills", "difference_minor"):
            assert sum(each[name] for each in mine["spread"]) == row[name], (name, row)
        for name in ("before_minor", "after_minor"):
            assert sum(each[name] for each in mine["categories"]) == row[name], (name, row)
