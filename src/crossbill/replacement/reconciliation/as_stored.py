"""Extracts in Parquet on both sides: what is equal as it is stored is not read as text.

Equal cells of one type have one text, and a field that is read alike on both sides makes one value
of it. So only records of which some cell differs go the way of all extracts, which is the slow one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from crossbill.replacement.migration.sources import LINE_COLUMN, open_source
from crossbill.replacement.reconciliation.compare import ComparedField, Comparison, same_by_code
from crossbill.replacement.reconciliation.extracts import (
    FILE_COLUMN,
    Extract,
    columns_of,
    has_no_key,
    suspended_keys,
)
from crossbill.replacement.reconciliation.spec import NUMBERS, FieldSpec, KeyPart, ReconcileSpec
from crossbill.replacement.reconciliation.values import LARGEST, SCALES, normalised, typed

PARQUET = "parquet"
MOST_DIGITS = 28  # before the point, so that the sum of any table is exact
# What says how a cell is read: alike on both sides, equal cells are equal values.
READING = ("normalise", "null_values", "sentinels", "date_format", "decimal_comma", "thousands")
AS_WRITTEN = ("normalise", "null_values", "decimal_comma", "thousands")  # would change a number
BLANK_AT_AN_END = r"^[\s\x0B]|[\s\x0B]$"  # what ``trim`` takes off
PLAIN = (pa.types.is_integer, pa.types.is_date32, pa.types.is_boolean, pa.types.is_string)


@dataclass(frozen=True)
class Stored:
    """One side as it is stored: the key parts as text, each field by its name."""

    rows: ibis.Table
    side: str
    spec: ReconcileSpec

    @property
    def keys(self) -> ibis.Table:
        """The key alone."""
        return self.rows.select(*(part.name for part in self.spec.key))

    def read(self, rows: ibis.Table) -> ibis.Table:
        """Some of the rows as ``Extract.table`` has them."""
        kept: dict[str, ir.Value] = {part.name: rows[part.name] for part in self.spec.key}
        texts = [(field, rows[field.name].cast("string")) for field in self.spec.fields]
        return typed(rows, kept, texts, self.side)


def can_stay(spec: ReconcileSpec, files: Mapping[str, Sequence[Path]]) -> bool:
    """Whether both sides can be compared as they are stored; what is wrong is told elsewhere."""
    found: dict[str, pa.Schema] = {}
    for side, paths in files.items():
        if spec.side(side).format != PARQUET or spec.side(side).where or spec.combines(side):
            return False
        each = [pq.read_schema(path) for path in paths]
        wanted = columns_of(spec, side)
        if not {*wanted} <= {*each[0].names} or any(not one.equals(each[0]) for one in each):
            return False
        found[side] = each[0]
    return all(_stays(field, found) for field in spec.fields)


def _stays(field: FieldSpec, schemas: Mapping[str, pa.Schema]) -> bool:
    """Whether equal cells of the field are never a difference."""
    if any(field.sql(side) or field.formula(side) for side in schemas):
        return False
    if any(getattr(field, name).left != getattr(field, name).right for name in READING):
        return False
    kinds = [schema.field(str(field.column(side))).type for side, schema in schemas.items()]
    if field.type in NUMBERS:
        plain = not any(getattr(field, name).left for name in AS_WRITTEN)
        return plain and all(_is_exact(kind, SCALES[field.type]) for kind in kinds)
    if field.codes and field.null_values.left:
        return False
    return bool(kinds[0] == kinds[1] and any(is_plain(kinds[0]) for is_plain in PLAIN))


def _is_exact(kind: pa.DataType, most: int) -> bool:
    """Whether a number of this type has so many digits behind the point at most."""
    if not pa.types.is_decimal128(kind):
        return bool(pa.types.is_integer(kind))
    decimal: Any = kind
    before = int(decimal.precision) - int(decimal.scale)
    return 0 <= int(decimal.scale) <= most and before <= MOST_DIGITS


def read_stored(
    spec: ReconcileSpec, side: str, files: Sequence[Path], engine: Backend
) -> tuple[Stored, Extract]:
    """One side as it is stored, and the same as an extract that is not read before it is asked."""
    sources = tuple(open_source(path, spec.side(side)) for path in files)
    for source in sources:
        source.require(columns_of(spec, side))
    raw = _stored_table(spec, side, files, engine)
    facts = _facts(raw, spec, side, engine)
    keyed = raw if facts.as_normalised else _normalised(raw, spec, side)
    suspended = suspended_keys(_without_key(keyed, spec, engine), spec, side, sources)
    if suspended.num_rows:
        keyed = keyed.filter(~has_no_key(keyed, spec))
        facts = _facts(keyed, spec, side, engine)
    stored = Stored(keyed.drop(FILE_COLUMN, LINE_COLUMN), side, spec)
    records = sum(pq.read_metadata(path).num_rows for path in files)
    notes = tuple(f"{s.label}: {note}" for s in sources for note in s.notes)
    return stored, Extract(stored.read(stored.rows), facts.totals, records, suspended, notes)


def _stored_table(
    spec: ReconcileSpec, side: str, files: Sequence[Path], engine: Backend
) -> ibis.Table:
    """Key parts as text, fields as they are, and each record's file and line."""
    paths = [str(path.absolute()) for path in files]
    raw = engine.read_parquet(paths, filename=True, file_row_number=True)
    numbers = [(path, number) for number, path in enumerate(paths)]
    keys = {part.name: raw[getattr(part, side)].cast("string") for part in spec.key}
    fields = {field.name: raw[str(field.column(side))] for field in spec.fields}
    place = {
        FILE_COLUMN: raw.filename.cases(*numbers, else_=-1),
        LINE_COLUMN: raw.file_row_number + 1,
    }
    return raw.select(**keys, **fields, **place)


def _normalised(raw: ibis.Table, spec: ReconcileSpec, side: str) -> ibis.Table:
    return raw.mutate(**{part.name: _key_part(raw, part, side) for part in spec.key})


def _key_part(raw: ibis.Table, part: KeyPart, side: str) -> ir.StringValue:
    return normalised(raw[part.name], getattr(part.normalise, side)).fill_null("")


def _without_key(keyed: ibis.Table, spec: ReconcileSpec, engine: Backend) -> pa.Table:
    """File and line of the records that lack some part of their key."""
    blank = keyed.filter(has_no_key(keyed, spec)).select(FILE_COLUMN, LINE_COLUMN)
    found: pa.Table = engine.to_pyarrow(blank.order_by(FILE_COLUMN, LINE_COLUMN))
    return found


@dataclass(frozen=True)
class _Facts:
    """What one pass over rows tells: whether their keys may stay, and the totals of the numbers."""

    as_normalised: bool
    totals: dict[str, int]  # in nanos or whole


def _facts(raw: ibis.Table, spec: ReconcileSpec, side: str, engine: Backend) -> _Facts:
    numbers = [field for field in spec.fields if field.type in NUMBERS]
    asked = {f"{name}_{n}": value for n, f in enumerate(numbers) for name, value in _spread(raw, f)}
    ready = ibis.and_(*(_is_ready(raw, part, side) for part in spec.key))
    row = _one_row(engine, raw.aggregate(other__=(~ready.fill_null(False)).sum(), **asked))
    sums = {field.name: row[f"sum_{n}"] for n, field in enumerate(numbers)}
    wild = [
        field
        for n, field in enumerate(numbers)
        if row[f"low_{n}"] is not None
        and not _are_readable(row[f"low_{n}"], row[f"high_{n}"], field)
    ]
    if wild:
        tamed = raw.aggregate(
            **{field.name: _readable(raw[field.name], field).sum() for field in wild}
        )
        sums |= _one_row(engine, tamed)
    totals = {f.name: int(Decimal(sums[f.name] or 0).scaleb(SCALES[f.type])) for f in numbers}
    return _Facts(not row["other__"], totals)


def _spread(raw: ibis.Table, field: FieldSpec) -> list[tuple[str, ir.Value]]:
    """Sum, least and greatest of a number, as exact as it is."""
    number = raw[field.name]
    whole = "decimal(38, 0)" if number.type().is_integer() else number.type()
    return [("sum", number.sum().cast(whole)), ("low", number.min()), ("high", number.max())]


def _is_ready(raw: ibis.Table, part: KeyPart, side: str) -> ir.BooleanValue:
    """Whether a part of the key is there and would not change when it is normalised."""
    text, steps = raw[part.name], getattr(part.normalise, side)
    if steps == ["trim"]:  # what most keys have; to look for blanks costs half of taking them off
        same = ~text.re_search(BLANK_AT_AN_END)
    else:
        same = text == normalised(text, steps)
    return same & (text != "")


def _one_row(engine: Backend, rows: ibis.Table) -> dict[str, Any]:
    found: dict[str, Any] = engine.to_pyarrow(rows).to_pylist()[0]
    return found


def _are_readable(low: int | Decimal, high: int | Decimal, field: FieldSpec) -> bool:
    """Whether all numbers are within the limits of a text that is read."""
    scale = SCALES[field.type]
    return all(abs(Decimal(each).scaleb(scale)) <= LARGEST for each in (low, high))


def _readable(number: ir.NumericValue, field: FieldSpec) -> ir.Value:
    """The number where it is within those limits, else nothing."""
    kind = number.type()
    scale = int(getattr(kind, "scale", 0) or 0)
    wide = f"decimal(38, {scale})"
    largest = Decimal(LARGEST // 10 ** (SCALES[field.type] - scale)).scaleb(-scale)
    bound = ibis.literal(largest, type=wide)
    value = number.cast(wide)
    return ibis.ifelse((value <= bound) & (value >= -bound), value, ibis.null(wide))


def may_differ(
    left: Stored, right: Stored, doubled: ibis.Table, comparison: Comparison
) -> ibis.Table:
    """Records on one side only and pairs with a cell that differs: both sides beside each other.

    The columns are those of ``rows`` after ``left__`` and ``right__``, and ``left__here``.
    """
    keys = comparison.key
    sides = [_once(stored, doubled, keys) for stored in (left, right)]
    joined = sides[0].outer_join(sides[1], [(f"left__{key}", f"right__{key}") for key in keys])
    alone = joined.left__here.isnull() | joined.right__here.isnull()
    pairs = zip(left.spec.fields, comparison.fields, strict=True)
    differs = [~_same(joined, field, compared) for field, compared in pairs]
    return joined.filter(reduce(or_, differs, alone))


def _once(stored: Stored, doubled: ibis.Table, keys: Sequence[str]) -> ibis.Table:
    """The records whose key stands once on both sides, their columns named by the side."""
    once = stored.rows.anti_join(doubled, list(keys))
    named = {f"{stored.side}__{column}": once[column] for column in once.columns}
    return once.select(**named, **{f"{stored.side}__here": ibis.literal(True)}).view()


def near(stored: Stored, found: ibis.Table, doubled: ibis.Table) -> ibis.Table:
    """The side's records in what ``may_differ`` found, and those with a doubled key, as read."""
    mine = found.filter(found[f"{stored.side}__here"].notnull())
    names = stored.rows.columns
    paired = mine.select(**{name: mine[f"{stored.side}__{name}"] for name in names})
    twice = stored.rows.semi_join(doubled, [part.name for part in stored.spec.key])
    return stored.read(paired.union(twice))


def _same(pairs: ibis.Table, field: FieldSpec, compared: ComparedField) -> ir.BooleanValue:
    """Whether both cells are equal; a coded one where the other is what its code says."""
    cells = [pairs[f"{side}__{field.name}"] for side in ("left", "right")]
    same = cells[0].identical_to(cells[1])
    if not compared.codes:
        return same
    texts = [normalised(cell, field.normalise.left) for cell in cells]
    return same_by_code(texts[0], texts[1], compared, same)
