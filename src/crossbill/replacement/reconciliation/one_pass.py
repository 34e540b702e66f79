"""Extracts in Parquet met in one pass: one join tells the totals, the keys and what may differ.

It takes for granted what is so for most extracts: each key stands once on a side, and as it would
be normalised. That it was so is proved afterwards; where it was not, nothing is told.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.engine.calculation import (
    Calculation,
    Columns,
    Step,
    Tables,
    columns_of,
    compiled_once,
)
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.duckdb import few_rows
from crossbill.replacement.reconciliation.as_stored import (
    Met,
    Opened,
    Stored,
    are_readable,
    beside,
    differs,
    is_ready,
    notes_of,
    numbers_of,
    one_row,
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
    calculation = meeting(
        spec, comparison, *(columns_of(sides[side].rows) for side in SIDES), most=_most(records)
    )
    try:
        done = calculation.run(engine, {f"{side}_stored": sides[side].rows for side in SIDES})
    except duckdb.OutOfMemoryException:
        return None
    facts, pairs = one_row(engine, done["met"].drop("found")), done["met_pairs"]
    if not (_is_plain(facts, records, spec) and _stand_once(pairs, engine, comparison)):
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
    return Met(sides, extracts, _no_key_twice(engine, comparison), pairs)


def _most(records: Mapping[str, int]) -> int:
    """More than the rows of any join of keys that stand once; a round number, since it is kept."""
    return int(2 ** (sum(records.values()) + 1).bit_length())


@compiled_once
def meeting(
    spec: ReconcileSpec, comparison: Comparison, left: Columns, right: Columns, *, most: int
) -> Calculation:
    """``left_stored`` and ``right_stored``, as ``Stored.rows`` -> ``met`` (one row, what the pass
    told) and ``met_pairs`` (of ``beside``, what may differ).

    Keys that stand often on both sides would make a join without end: it ends after ``most`` rows.
    """
    inputs = {"left_stored": ibis.schema(dict(left)), "right_stored": ibis.schema(dict(right))}

    def met(t: Tables) -> ir.Table:
        pairs = beside(t["left_stored"], t["right_stored"], comparison.key).limit(most)
        return _told(pairs, spec, comparison)

    def found(t: Tables) -> ir.Table:
        return t["met"].select(pair=t["met"].found.unnest()).unpack("pair")

    return Calculation(inputs, [Step("met", met), Step("met_pairs", found)])


def _told(pairs: ir.Table, spec: ReconcileSpec, comparison: Comparison) -> ir.Table:
    """What one pass over the pairs tells of them."""
    here = [pairs[f"{side}__here"].notnull() for side in SIDES]
    numbers = {
        f"{side}_{what}_{n}": value
        for side in SIDES
        for n, f in enumerate(numbers_of(spec))
        for what, value in spread(pairs, f, f"{side}__{f.name}")
    }
    return pairs.aggregate(
        both=pairs.count(where=here[0] & here[1]),
        left_alone=pairs.count(where=~here[1]),
        right_alone=pairs.count(where=~here[0]),
        unready=pairs.count(where=~_is_ready(pairs, spec).fill_null(False)),
        found=_whole(pairs).collect(where=differs(pairs, spec, comparison), include_null=True),
        **numbers,
    )


def _is_ready(pairs: ir.Table, spec: ReconcileSpec) -> ir.BooleanValue:
    """Whether the key of a pair, which is the same on both sides, is what it is once normalised."""
    return ibis.and_(
        *(
            is_ready(pairs[f"left__{part.name}"].coalesce(pairs[f"right__{part.name}"]), steps)
            for part in spec.key
            for steps in _each_once([part.normalise.left, part.normalise.right])
        )
    )


def _each_once(lists: Sequence[list[Any]]) -> list[list[Any]]:
    return [one for place, one in enumerate(lists) if one not in lists[:place]]


def _whole(rows: ir.Table) -> ir.StructValue:
    found: ir.StructValue = ibis.struct({name: rows[name] for name in rows.columns})
    return found


def _is_plain(facts: Mapping[str, Any], records: Mapping[str, int], spec: ReconcileSpec) -> bool:
    """Whether every row was met once, by a key as it should be, with numbers that can be read.

    A key that stands ``n`` times on the left and ``m`` times on the right makes ``n * m`` pairs:
    only where both are one for all keys that pair do pairs and lonely rows add up to both sides.
    """
    once = all(facts["both"] + facts[f"{side}_alone"] == records[side] for side in SIDES)
    readable = (
        are_readable(facts[f"{side}_low_{n}"], facts[f"{side}_high_{n}"], field)
        for side in SIDES
        for n, field in enumerate(numbers_of(spec))
    )
    return once and not facts["unready"] and all(readable)


def _stand_once(found: ir.Table, engine: Backend, comparison: Comparison) -> bool:
    """Whether the keys that do not pair stand once, too."""
    alone = []
    for side, other in (SIDES, SIDES[::-1]):
        rows = found.filter(found[f"{other}__here"].isnull())
        alone.append(rows.select(**{key: rows[f"{side}__{key}"] for key in comparison.key}))
    return not few_rows(engine, repeated_keys(*alone, comparison).limit(1))


def _no_key_twice(engine: Backend, comparison: Comparison) -> ir.Table:
    """What ``doubled_keys`` gives where no key is."""
    keys = dict.fromkeys((*comparison.key, "account__"), "string")
    rows = dict.fromkeys(("left_rows", "right_rows"), "int64")
    return engine.create_table("doubled", schema=ibis.schema(keys | rows))
