"""Extracts in Parquet on both sides: what is equal as it is stored is not read as text.

Equal cells of one type have one text, and a field that is read alike on both sides makes one value
of it. So only records of which some cell differs go the way of all extracts, which is the slow one.
"""

from collections.abc import Callable, Mapping, Sequence
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

from crossbill.engine.calculation import Calculation, Columns, Step, Tables, compiled_once
from crossbill.replacement.migration.sources import LINE_COLUMN, Source, open_source
from crossbill.replacement.reconciliation.compare import ComparedField, Comparison, same_by_code
from crossbill.replacement.reconciliation.extracts import (
    FILE_COLUMN,
    PLACE,
    Extract,
    columns_of,
    has_no_key,
    stored_doubled,
    suspended_keys,
)
from crossbill.replacement.reconciliation.spec import NUMBERS, FieldSpec, KeyPart, ReconcileSpec
from crossbill.replacement.reconciliation.values import LARGEST, SCALES, normalised, typed

PARQUET = "parquet"
MOST_DIGITS = 28  # before the point, so that the sum of any table is exact
# What says how a cell is read: alike on both sides, equal cells are equal values.
READING = ("normalise", "null_values", "sentinels", "date_format", "decimal_comma", "thousands")
AS_WRITTEN = ("normalise", "null_values", "decimal_comma", "thousands")  # would change a number
FIRST_THAT_STAYS = "!"  # what ``trim`` takes off comes before it, and so do control characters
ROW_NUMBER = "file_row_number"  # of the engine's: of a file that has such a column it tells none
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

    def read(self) -> ibis.Table:
        """All rows as ``read_extract`` has them."""
        return read(self.spec, self.side, self.rows)


def read(spec: ReconcileSpec, side: str, rows: ibis.Table) -> ibis.Table:
    """Rows as they are stored, as ``read_extract`` has them."""
    kept: dict[str, ir.Value] = {part.name: rows[part.name] for part in spec.key}
    texts = [(field, rows[field.name].cast("string")) for field in spec.fields]
    return typed(rows, kept, texts, side)


@dataclass(frozen=True)
class Met:
    """Both sides beside each other, and what is known of each."""

    sides: dict[str, Stored]
    extracts: dict[str, Extract]
    doubled: ibis.Table  # as ``doubled_keys`` has them
    pairs: ibis.Table  # of ``beside``, what may differ; records with a doubled key by themselves


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
        if ROW_NUMBER in each[0].names:
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
    return bool(kinds[0] == kinds[1] and is_plain(kinds[0]))


def is_plain(kind: pa.DataType) -> bool:
    """Whether values of this type have one text, in any engine."""
    return any(is_of_kind(kind) for is_of_kind in PLAIN)


def _is_exact(kind: pa.DataType, most: int) -> bool:
    """Whether a number of this type has so many digits behind the point at most."""
    if not pa.types.is_decimal128(kind):
        return bool(pa.types.is_integer(kind))
    decimal: Any = kind
    before = int(decimal.precision) - int(decimal.scale)
    return 0 <= int(decimal.scale) <= most and before <= MOST_DIGITS


@dataclass(frozen=True)
class Opened:
    """One side before anything is known of its rows."""

    rows: ibis.Table  # key parts as text, fields as they are, each record's file and line
    sources: tuple[Source, ...]
    records: int


def met_with_care(
    spec: ReconcileSpec, came: Mapping[str, Opened], engine: Backend, comparison: Comparison
) -> Met:
    """Both sides met, whatever their keys are and however much differs."""
    sides = {side: read_stored(spec, side, opened, engine) for side, opened in came.items()}
    left, right = (sides[side][0] for side in ("left", "right"))
    doubled = stored_doubled(engine, (left.keys, right.keys), comparison)
    pairs = engine.create_table("may_differ", may_differ(left, right, doubled, comparison))
    extracts = {side: extract for side, (_, extract) in sides.items()}
    return Met({"left": left, "right": right}, extracts, doubled, pairs)


def opened(spec: ReconcileSpec, side: str, files: Sequence[Path], engine: Backend) -> Opened:
    """All records of a side's files."""
    sources = sources_of(spec, side, files)  # says what is wrong before the engine does
    paths = [str(path.absolute()) for path in files]
    raw = engine.read_parquet(paths, filename=FILE_COLUMN, file_row_number=True)
    numbers = [(path, number) for number, path in enumerate(paths)]
    place = {
        FILE_COLUMN: raw[FILE_COLUMN].cases(*numbers, else_=-1),
        LINE_COLUMN: raw[ROW_NUMBER] + 1,
    }
    records = sum(pq.read_metadata(path).num_rows for path in files)
    return Opened(raw.select(**as_named(raw, spec, side), **place), sources, records)


def opened_part(
    spec: ReconcileSpec, side: str, files: Sequence[Path], part: Path, engine: Backend
) -> Opened:
    """Those records of a side's files that stand in a file of their own, with file and line."""
    raw = engine.read_parquet(part)
    rows = raw.select(**as_named(raw, spec, side), **{name: raw[name] for name in PLACE.names})
    return Opened(rows, sources_of(spec, side, files), pq.read_metadata(part).num_rows)


def as_named(raw: ibis.Table, spec: ReconcileSpec, side: str) -> dict[str, ir.Value]:
    """The columns of a file by the names of the specification: key parts as text, and fields."""
    keys = {part.name: raw[getattr(part, side)].cast("string") for part in spec.key}
    return keys | {field.name: raw[str(field.column(side))] for field in spec.fields}


def sources_of(spec: ReconcileSpec, side: str, files: Sequence[Path]) -> tuple[Source, ...]:
    """The files, which have the columns that are named."""
    sources = tuple(open_source(path, spec.side(side)) for path in files)
    for source in sources:
        source.require(columns_of(spec, side))
    return sources


def notes_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """What a reader of the files should know."""
    return tuple(f"{s.label}: {note}" for s in sources for note in s.notes)


def read_stored(
    spec: ReconcileSpec, side: str, came: Opened, engine: Backend
) -> tuple[Stored, Extract]:
    """One side as it is stored, its key normalised and there in every row."""
    facts = _facts(came.rows, spec, side, engine)
    keyed = came.rows if facts.as_normalised else _normalised(came.rows, spec, side)
    suspended = suspended_keys(_without_key(keyed, spec, engine), spec, side, came.sources)
    if suspended.num_rows:
        keyed = keyed.filter(~has_no_key(keyed, spec))
        facts = _facts(keyed, spec, side, engine)
    stored = Stored(keyed.drop(FILE_COLUMN, LINE_COLUMN), side, spec)
    return stored, Extract(facts.totals, came.records, suspended, notes_of(came.sources))


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
    numbers = numbers_of(spec)
    asked = {f"{name}_{n}": value for n, f in enumerate(numbers) for name, value in spread(raw, f)}
    ready = ibis.and_(*(is_ready(raw[p.name], getattr(p.normalise, side)) for p in spec.key))
    row = one_row(engine, raw.aggregate(other__=(~ready.fill_null(False)).sum(), **asked))
    sums = {field.name: row[f"sum_{n}"] for n, field in enumerate(numbers)}
    wild = [
        field
        for n, field in enumerate(numbers)
        if not are_readable(row[f"low_{n}"], row[f"high_{n}"], field)
    ]
    if wild:
        tamed = raw.aggregate(
            **{field.name: readable(raw[field.name], field).sum() for field in wild}
        )
        sums |= one_row(engine, tamed)
    return _Facts(not row["other__"], {f.name: whole(sums[f.name], f) for f in numbers})


def numbers_of(spec: ReconcileSpec) -> list[FieldSpec]:
    """The fields that can be added up."""
    return [field for field in spec.fields if field.type in NUMBERS]


def spread(rows: ibis.Table, field: FieldSpec, column: str = "") -> list[tuple[str, ir.Value]]:
    """Sum, least and greatest of a number, as exact as it is."""
    number = rows[column or field.name]
    kind = f"decimal(38, {getattr(number.type(), 'scale', None) or 0})"
    return [("sum", number.sum().cast(kind)), ("low", number.min()), ("high", number.max())]


def whole(total: int | Decimal | None, field: FieldSpec) -> int:
    """A sum in nanos or whole."""
    return int(Decimal(total or 0).scaleb(SCALES[field.type]))


def is_ready(text: ir.StringValue, steps: Sequence[str]) -> ir.BooleanValue:
    """Whether a part of the key is there and would not change when it is normalised.

    Says no to some that would not, too.
    """
    if steps == ["trim"]:  # what most keys have; to take blanks off costs three times as much
        return (text >= FIRST_THAT_STAYS) & (array_extract(text, -1) >= FIRST_THAT_STAYS)
    return (text == normalised(text, steps)) & (text != "")


@ibis.udf.scalar.builtin(name="array_extract")  # type: ignore[untyped-decorator]
def array_extract(text: str, place: int) -> str:  # type: ignore[empty-body]
    """The engine's way to one character of a text; the last one is at -1."""


def one_row(engine: Backend, rows: ibis.Table) -> dict[str, Any]:
    """The row of a table that has one."""
    found: dict[str, Any]
    (found,) = engine.to_pyarrow(rows).to_pylist()
    return found


def are_readable(low: int | Decimal | None, high: int | Decimal | None, field: FieldSpec) -> bool:
    """Whether all numbers between these are within the limits of a text that is read."""
    scale = SCALES[field.type]
    return all(abs(Decimal(each or 0).scaleb(scale)) <= LARGEST for each in (low, high))


def readable(number: ir.NumericValue, field: FieldSpec) -> ir.Value:
    """The number where it is within those limits, else nothing."""
    kind = number.type()
    scale = int(getattr(kind, "scale", 0) or 0)
    wide = f"decimal(38, {scale})"
    largest = Decimal(LARGEST // 10 ** (SCALES[field.type] - scale)).scaleb(-scale)
    bound = ibis.literal(largest, type=wide)
    value = number.cast(wide)
    return ibis.ifelse((value <= bound) & (value >= -bound), value, ibis.null(wide))


def beside(left: ibis.Table, right: ibis.Table, keys: Sequence[str]) -> ibis.Table:
    """The outer join of both sides by their keys.

    Their columns come after ``left__`` and ``right__``, with a ``here__`` on each side.
    """
    sides = []
    for side, rows in (("left", left), ("right", right)):
        named = {f"{side}__{column}": rows[column] for column in rows.columns}
        sides.append(rows.select(**named, **{f"{side}__here__": ibis.literal(True)}).view())
    return sides[0].outer_join(sides[1], [(f"left__{key}", f"right__{key}") for key in keys])


def differs(pairs: ibis.Table, spec: ReconcileSpec, comparison: Comparison) -> ir.BooleanValue:
    """Whether a record is on one side only or has a cell that differs."""
    alone = pairs.left__here__.isnull() | pairs.right__here__.isnull()
    both = zip(spec.fields, comparison.fields, strict=True)
    return reduce(or_, (~same(pairs, field, compared) for field, compared in both), alone)


def may_differ(
    left: Stored, right: Stored, doubled: ibis.Table, comparison: Comparison
) -> ibis.Table:
    """Of ``beside``, what differs; and the records with a doubled key, each by itself."""
    keys = list(comparison.key)
    lefts, rights = (stored.rows.anti_join(doubled, keys) for stored in (left, right))
    once = beside(lefts, rights, keys)
    found = once.filter(differs(once, left.spec, comparison))
    alone = (_alone(stored, doubled, keys, found.schema()) for stored in (left, right))
    return ibis.union(found, *alone)


def _alone(stored: Stored, doubled: ibis.Table, keys: list[str], shape: ibis.Schema) -> ibis.Table:
    """The side's records with a doubled key, beside nothing."""
    rows = stored.rows.semi_join(doubled, keys)
    mine = {f"{stored.side}__{column}": rows[column] for column in rows.columns}
    mine[f"{stored.side}__here__"] = ibis.literal(True)
    return rows.select(**{n: mine.get(n, ibis.null(kind)).cast(kind) for n, kind in shape.items()})


@compiled_once
def reading(spec: ReconcileSpec, columns: Columns) -> Calculation:
    """``pairs``, as in ``beside`` -> ``left_near`` and ``right_near``: each side's, as read."""

    def near(side: str) -> Callable[[Tables], ir.Table]:
        def make(t: Tables) -> ir.Table:
            mine = t["pairs"].filter(t["pairs"][f"{side}__here__"].notnull())
            names = [*(part.name for part in spec.key), *(field.name for field in spec.fields)]
            return read(spec, side, mine.select(**{n: mine[f"{side}__{n}"] for n in names}))

        return make

    steps = [Step(f"{side}_near", near(side)) for side in ("left", "right")]
    return Calculation({"pairs": ibis.schema(dict(columns))}, steps)


def same(pairs: ibis.Table, field: FieldSpec, compared: ComparedField) -> ir.BooleanValue:
    """Whether both cells are equal; a coded one where the other is what its code says."""
    cells = [pairs[f"{side}__{field.name}"] for side in ("left", "right")]
    same = cells[0].identical_to(cells[1])
    if not compared.codes:
        return same
    texts = [normalised(cell, field.normalise.left) for cell in cells]
    return same_by_code(texts[0], texts[1], compared, same)
