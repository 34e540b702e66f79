"""Extracts in Parquet met in one pass: one join tells the keys and which rows differ.

Of the left side only its keys go into the join, with a print of each row; of both, the join keeps
what differs. Then the left side is read once more for its totals and for those rows.

It takes for granted what is so for most extracts: each key stands once on a side, and as it would
be normalised. That it was so is proved afterwards; where it was not, nothing is told.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from ibis.expr.datatypes import DataType, Decimal, Struct

from crossbill.engine.calculation import (
    Calculation,
    Columns,
    Step,
    Tables,
    columns_of,
    compiled_once,
)
from crossbill.engine.datasets import SUSPENDED
from crossbill.replacement.reconciliation.as_stored import (
    Met,
    Opened,
    Stored,
    are_readable,
    is_ready,
    notes_of,
    numbers_of,
    one_row,
    same,
    spread,
    whole,
)
from crossbill.replacement.reconciliation.compare import Comparison, repeated_keys
from crossbill.replacement.reconciliation.extracts import FILE_COLUMN, LINE_COLUMN, Extract
from crossbill.replacement.reconciliation.spec import ReconcileSpec

SIDES = ("left", "right")


def met_in_one_pass(
    spec: ReconcileSpec,
    came: Mapping[str, Opened],
    engine: Backend,
    comparison: Comparison,
) -> Met | None:
    """Both sides met; nothing where keys are doubled, blank or not as normalised, where a number
    is too large to be read, or where more differs than there is memory for.
    """
    sides = {
        side: Stored(opened.rows.drop(FILE_COLUMN, LINE_COLUMN), side, spec)
        for side, opened in came.items()
    }
    records = {side: opened.records for side, opened in came.items()}
    stored = {f"{side}_stored": sides[side].rows for side in SIDES}
    columns = [columns_of(rows) for rows in stored.values()]
    try:
        met = meeting(spec, comparison, *columns, most=_most(records)).run(engine, stored)
        facts = one_row(engine, met["met"].drop("found"))
        if not (_each_once(facts, records) and _stand_once(met["differing"], engine, comparison)):
            return None
        stored["differing_rows"] = met["differing"]
        chosen = choosing(spec, comparison, *columns, columns_of(met["differing"]))
        done = chosen.run(engine, stored)
    except duckdb.OutOfMemoryException:
        return None
    facts |= one_row(engine, done["left_told"].drop("found"))
    if not _can_be_read(facts, spec):
        return None
    extracts = {
        side: Extract(
            {f.name: whole(facts[f"{side}_sum_{n}"], f) for n, f in enumerate(numbers_of(spec))},
            records[side],
            SUSPENDED.empty(),
            notes_of(came[side].sources),
        )
        for side in SIDES
    }
    return Met(sides, extracts, _no_key_twice(engine, comparison), done["met_pairs"])


def _most(records: Mapping[str, int]) -> int:
    """More than the rows of any join of keys that stand once; a round number, since it is kept."""
    return int(2 ** (sum(records.values()) + 1).bit_length())


@compiled_once
def meeting(
    spec: ReconcileSpec, comparison: Comparison, left: Columns, right: Columns, *, most: int
) -> Calculation:
    """``left_stored`` and ``right_stored``, as ``Stored.rows`` -> ``met`` (one row, what the join
    told) and ``differing`` (what may differ: the keys of the left, all of the right).

    Keys that stand often on both sides would make a join without end: it ends after ``most`` rows.
    """

    def met(t: Tables) -> ir.Table:
        sides = {side: t[f"{side}_stored"] for side in SIDES}
        prints = _prints(sides, comparison)
        keys = [part.name for part in spec.key]
        coded = [field.name for field in comparison.fields if field.codes]
        left = _named(sides["left"].select(*keys, *coded, print__=prints["left"]), "left")
        right = _named(sides["right"].mutate(print__=prints["right"]), "right")
        on = [(f"left__{key}", f"right__{key}") for key in keys]
        return _told(left.outer_join(right, on).limit(most), spec, comparison)

    def differing(t: Tables) -> ir.Table:
        return t["met"].select(pair=t["met"].found.unnest()).unpack("pair")

    return Calculation(_inputs(left, right), [Step("met", met), Step("differing", differing)])


@compiled_once
def choosing(
    spec: ReconcileSpec, comparison: Comparison, left: Columns, right: Columns, differing: Columns
) -> Calculation:
    """Both sides and ``differing_rows`` of ``meeting`` -> ``left_told`` (one row, the numbers of
    the left and its rows that differ) and ``met_pairs`` (of ``beside``, what may differ).
    """
    keys = [f"left__{key}" for key in comparison.key]

    def left_told(t: Tables) -> ir.Table:
        wanted = t["differing_rows"].select(*keys, wanted__=ibis.literal(True)).distinct()
        named = _named(t["left_stored"], "left")
        rows = named.left_join(wanted, keys)
        return rows.aggregate(
            found=_gathered(rows, named.columns, rows.wanted__.notnull()),
            **_numbers(rows, spec, "left"),
        )

    def met_pairs(t: Tables) -> ir.Table:
        rows = t["left_told"].select(row=t["left_told"].found.unnest()).unpack("row")
        other = t["differing_rows"].drop("left__here__")
        once = other.left_join(rows, keys, rname="{name}__chosen")
        return once.drop(*(name for name in once.columns if name.endswith("__chosen")))

    inputs = _inputs(left, right) | {"differing_rows": ibis.schema(dict(differing))}
    return Calculation(inputs, [Step("left_told", left_told), Step("met_pairs", met_pairs)])


def _inputs(left: Columns, right: Columns) -> dict[str, ibis.Schema]:
    columns = zip(SIDES, (left, right), strict=True)
    return {f"{side}_stored": ibis.schema(dict(each)) for side, each in columns}


def _named(rows: ir.Table, side: str) -> ir.Table:
    """The columns named as ``beside`` does."""
    named = {f"{side}__{column}": rows[column] for column in rows.columns}
    return rows.select(**named, **{f"{side}__here__": ibis.literal(True)}).view()


def _prints(sides: Mapping[str, ir.Table], comparison: Comparison) -> dict[str, ir.Value]:
    """A number for each row, the same where all cells are equal but those that have codes.

    Rows with another cell have another number, but for one chance in 2^64.
    """
    plain = [*comparison.key, *(field.name for field in comparison.fields if not field.codes)]
    kinds = {name: _of_both(*(rows[name].type() for rows in sides.values())) for name in plain}
    return {
        side: print_of(ibis.struct({name: rows[name].cast(kind) for name, kind in kinds.items()}))
        for side, rows in sides.items()
    }


def _of_both(left: DataType, right: DataType) -> DataType:
    """The type in which equal numbers of both sides are one; other cells are of one type."""
    if left.copy(nullable=True) == right.copy(nullable=True):
        return left
    scales = [kind.scale or 0 for kind in (left, right) if isinstance(kind, Decimal)]
    return Decimal(38, max(scales, default=0))


ROW = Struct({})  # with whatever columns


@ibis.udf.scalar.builtin(name="hash", signature=((ROW,), "uint64"))  # type: ignore[untyped-decorator]
def print_of(row: ir.StructValue) -> int:  # type: ignore[empty-body]
    """The engine's hash of the cells of a row."""


def _told(pairs: ir.Table, spec: ReconcileSpec, comparison: Comparison) -> ir.Table:
    """What one pass over the pairs tells of them."""
    here = [pairs[f"{side}__here__"].notnull() for side in SIDES]
    kept = [name for name in pairs.columns if not name.endswith("__print__")]
    return pairs.aggregate(
        both=pairs.count(where=here[0] & here[1]),
        left_alone=pairs.count(where=~here[1]),
        right_alone=pairs.count(where=~here[0]),
        unready=pairs.count(where=~_is_ready(pairs, spec).fill_null(False)),
        found=_gathered(pairs, kept, _may_differ(pairs, spec, comparison)),
        **_numbers(pairs, spec, "right"),
    )


def _may_differ(pairs: ir.Table, spec: ReconcileSpec, comparison: Comparison) -> ir.BooleanValue:
    """Whether a record is on one side only, has another print, or a code that says another."""
    printed = (pairs.left__print__ != pairs.right__print__).fill_null(True)
    both = zip(spec.fields, comparison.fields, strict=True)
    coded = [(field, compared) for field, compared in both if compared.codes]
    return reduce(or_, (~same(pairs, field, compared) for field, compared in coded), printed)


def _numbers(rows: ir.Table, spec: ReconcileSpec, side: str) -> dict[str, ir.Value]:
    """Sum, least and greatest of each number of a side."""
    return {
        f"{side}_{what}_{n}": value
        for n, f in enumerate(numbers_of(spec))
        for what, value in spread(rows, f, f"{side}__{f.name}")
    }


def _is_ready(pairs: ir.Table, spec: ReconcileSpec) -> ir.BooleanValue:
    """Whether the key of a pair, which is the same on both sides, is what it is once normalised."""
    return ibis.and_(
        *(
            is_ready(pairs[f"left__{part.name}"].coalesce(pairs[f"right__{part.name}"]), steps)
            for part in spec.key
            for steps in _without_twins([part.normalise.left, part.normalise.right])
        )
    )


def _without_twins(lists: Sequence[list[Any]]) -> list[list[Any]]:
    return [one for place, one in enumerate(lists) if one not in lists[:place]]


def _gathered(rows: ir.Table, names: Sequence[str], where: ir.BooleanValue) -> ir.ArrayValue:
    """The rows that are asked for, as one list. None is NULL, and to ask whether it is costs."""
    whole_rows: ir.StructValue = ibis.struct({name: rows[name] for name in names})
    return whole_rows.collect(where=where, include_null=True)


def _each_once(facts: Mapping[str, Any], records: Mapping[str, int]) -> bool:
    """Whether every row was met once, by a key as it should be.

    A key that stands ``n`` times on the left and ``m`` times on the right makes ``n * m`` pairs:
    only where both are one for all keys that pair do pairs and lonely rows add up to both sides.
    """
    once = all(facts["both"] + facts[f"{side}_alone"] == records[side] for side in SIDES)
    return once and not facts["unready"]


def _can_be_read(facts: Mapping[str, Any], spec: ReconcileSpec) -> bool:
    """Whether every number is within the limits of a text that is read."""
    return all(
        are_readable(facts[f"{side}_low_{n}"], facts[f"{side}_high_{n}"], field)
        for side in SIDES
        for n, field in enumerate(numbers_of(spec))
    )


def _stand_once(found: ir.Table, engine: Backend, comparison: Comparison) -> bool:
    """Whether the keys that do not pair stand once, too."""
    alone = []
    for side, other in (SIDES, SIDES[::-1]):
        rows = found.filter(found[f"{other}__here__"].isnull())
        alone.append(rows.select(**{key: rows[f"{side}__{key}"] for key in comparison.key}))
    repeated = repeated_keys(*alone, comparison).limit(1)
    return not engine.to_pyarrow(repeated).num_rows


def _no_key_twice(engine: Backend, comparison: Comparison) -> ir.Table:
    """What ``doubled_keys`` gives where no key is."""
    keys = dict.fromkeys((*comparison.key, "account__"), "string")
    rows = dict.fromkeys(("left_rows", "right_rows"), "int64")
    return engine.create_table("doubled", schema=ibis.schema(keys | rows))
