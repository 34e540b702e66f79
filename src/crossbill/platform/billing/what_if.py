"""What a change would do to everybody's bills: the same population billed before and after it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.money import format_minor, minor_digits
from crossbill.engine.calculation import Tables
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow, total
from crossbill.platform.billing.compute import bill_tables, periods, with_policy
from crossbill.platform.billing.read_snapshot import read_snapshot

KEY = ("account_key", "period_from", "currency")
MOST_SHOWN = 20


@dataclass(frozen=True)
class Effect:
    """Sums by currency, the accounts with the largest differences, and what cannot be charged.

    ``totals`` has bills, unchanged, dearer and cheaper bills, and before, after and difference as
    decimal text; ``largest`` one row an account. ``unresolved`` counts products, before and after.
    """

    totals: list[dict[str, Any]]
    largest: list[dict[str, Any]]
    unresolved: tuple[int, int]

    def document(self) -> dict[str, Any]:
        """The effect as JSON."""
        before, after = self.unresolved
        return {
            "totals": self.totals,
            "largest": self.largest,
            "unresolved": {"before": before, "after": after},
        }


def changed(
    snapshot: Path,
    *,
    period: str,
    policy: str | None,
    catalogue: Path | None,
    other_policy: str | None,
) -> Effect:
    """What another catalogue, another policy or both would do to a snapshot's bills."""
    with connect() as backend, refusing_overflow():
        came = read_snapshot(backend, snapshot)
        new = read_snapshot(backend, snapshot, catalogue=catalogue) if catalogue else came
        billed_for = {"periods": ibis.memtable(periods(period))}
        return what_if(
            backend,
            with_policy(backend, came | billed_for, policy),
            with_policy(backend, new | billed_for, other_policy or policy),
        )


def what_if(
    backend: Backend, before: Mapping[str, ir.Table], after: Mapping[str, ir.Table]
) -> Effect:
    """Bill both and compare, bill by bill; the tables are those of ``bill_tables``."""
    return compared(backend, billed(backend, before), billed(backend, after))


@dataclass(frozen=True)
class Billed:
    """The totals of all bills, how many products cannot be charged, and what else was asked."""

    bills: pa.Table
    unresolved: int
    detail: pa.Table | None


def billed(
    backend: Backend,
    tables: Mapping[str, ir.Table],
    detail: Callable[[Tables], ir.Table] | None = None,
) -> Billed:
    """Bill the tables of ``bill_tables``; ``detail`` makes one more table of the results."""
    done = bill_tables(backend, tables)
    bills = backend.to_pyarrow(done["bill"].select(*KEY, "total_minor"))
    unresolved = backend.to_pyarrow(done["unresolved"].count()).as_py()
    return Billed(bills, unresolved, backend.to_pyarrow(detail(done)) if detail else None)


def as_one(parts: Sequence[Billed]) -> Billed:
    """The billings of several populations as that of one."""
    details = [part.detail for part in parts if part.detail is not None]
    return Billed(
        pa.concat_tables(part.bills for part in parts),
        sum(part.unresolved for part in parts),
        pa.concat_tables(details) if details else None,
    )


def compared(backend: Backend, before: Billed, after: Billed) -> Effect:
    """What differs between two billings of one population, bill by bill."""
    bills = bill_pairs(ibis.memtable(before.bills), ibis.memtable(after.bills))
    return effect_of(backend, bills, (before.unresolved, after.unresolved))


def effect_of(backend: Backend, bills: ir.Table, unresolved: tuple[int, int]) -> Effect:
    """Sums and the largest differences of bills with ``before_minor`` and ``after_minor``."""
    rows = bills.mutate(difference_minor=bills.after_minor - bills.before_minor)
    return Effect(
        [_sums(row) for row in backend.to_pyarrow(totals(rows)).to_pylist()],
        [_sums(row) for row in backend.to_pyarrow(largest(rows)).to_pylist()],
        unresolved,
    )


def bill_pairs(before: ir.Table, after: ir.Table) -> ir.Table:
    """One row a bill of either side; what a side does not have is 0 there."""
    new = after.rename(after_minor="total_minor")
    rows = before.rename(before_minor="total_minor").outer_join(new, list(KEY))
    both = rows.mutate(
        **{name: rows[name].coalesce(rows[f"{name}_right"]) for name in KEY},
        before_minor=rows.before_minor.fill_null(0),
        after_minor=rows.after_minor.fill_null(0),
    )
    return both.select(*KEY, "before_minor", "after_minor")


def totals(rows: ir.Table) -> ir.Table:
    """Counts and sums of the pairs, by currency."""
    change = rows.difference_minor
    return (
        rows.group_by("currency")
        .aggregate(
            bills=rows.count(),
            unchanged=(change == 0).cast("int64").sum(),
            dearer=(change > 0).cast("int64").sum(),
            cheaper=(change < 0).cast("int64").sum(),
            before_minor=total(rows.before_minor),
            after_minor=total(rows.after_minor),
            difference_minor=total(change),
        )
        .order_by("currency")
    )


def largest(rows: ir.Table) -> ir.Table:
    """The pairs that differ most, whatever their sign."""
    changed = rows.filter(rows.difference_minor != 0)
    return changed.order_by(ibis.desc(changed.difference_minor.abs()), *KEY).limit(MOST_SHOWN)


def _sums(row: Mapping[str, Any]) -> dict[str, Any]:
    digits = minor_digits(row["currency"])
    return {
        name.removesuffix("_minor"): format_minor(int(value), digits)
        if name.endswith("_minor")
        else (int(value) if isinstance(value, int) else str(value))
        for name, value in row.items()
    }
