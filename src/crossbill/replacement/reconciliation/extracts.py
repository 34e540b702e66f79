"""Extracts as tables that can be compared: found, read, typed; what has no key is suspended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine import expressions
from crossbill.engine.datasets import SUSPENDED
from crossbill.replacement.migration.sources import LINE_COLUMN, Source, open_source
from crossbill.replacement.reconciliation.combined import combined, with_zeros
from crossbill.replacement.reconciliation.compare import (
    ComparedField,
    Comparison,
    doubled_keys,
    repeated_keys,
)
from crossbill.replacement.reconciliation.formulas import with_formulas
from crossbill.replacement.reconciliation.spec import NUMBERS, FieldSpec, ReconcileSpec
from crossbill.replacement.reconciliation.values import normalised, typed

FILE_COLUMN = "_file"
PLACE = pa.schema([(LINE_COLUMN, pa.int64()), (FILE_COLUMN, pa.int32())])


class ExtractMissing(Refusal):
    """No file of this name is there. Give the folder that holds it, or the file itself."""

    code: ClassVar[str] = "EXTRACT_MISSING"


class ExpressionFailed(Refusal):
    """An expression of the specification fails on a row. Make it hold for every row."""

    code: ClassVar[str] = "EXPRESSION_FAILED"


class ColumnsAlike(Refusal):
    """Only capitals tell two columns apart. Rename one of them where the file is exported."""

    code: ClassVar[str] = "COLUMNS_ALIKE"


@dataclass(frozen=True)
class Extract:
    """What is known of one side's rows."""

    totals: dict[str, int]  # of the fields that are numbers, in nanos or whole
    records: int  # all that were read
    suspended: pa.Table  # records that could not be read, or have no key
    notes: tuple[str, ...]  # what a reader should know, such as a byte-order mark
    left_out: int = 0  # records that ``where`` does not mean, or of another type
    combined: int | None = None  # rows that ``combine`` made of the others


@dataclass(frozen=True)
class _Landed:
    """The records of one side as text in one Parquet file."""

    path: Path
    sources: tuple[Source, ...]
    rejects: tuple[pa.Table, ...]

    @property
    def records(self) -> int:
        """All that were read, whatever their type."""
        return sum(source.lines + source.passed_over for source in self.sources)

    @property
    def passed_over(self) -> int:
        """Those of another type."""
        return sum(source.passed_over for source in self.sources)

    @property
    def typed(self) -> int:
        """Those of the right type that could be read."""
        return sum(s.lines for s in self.sources) - sum(r.num_rows for r in self.rejects)


def comparison_of(spec: ReconcileSpec, engine: Backend) -> Comparison:
    """The specification as a comparison of the tables that ``read_extract`` makes."""
    fields = tuple(
        ComparedField(
            name=f.name,
            type=f.type,
            unit={"money": "nanos", "integer": "count"}.get(f.type),
            digits=f.digits,
            currency=f.currency,
            tolerance=f.tolerance_nanos if f.type == "money" else f.tolerance_nanos // 10**9,
            codes=tuple(_codes(f, engine)),
            read=not f.as_read,
        )
        for f in spec.fields
    )
    return Comparison(spec.name, tuple(part.name for part in spec.key), fields)


def _codes(field: FieldSpec, engine: Backend) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    """The code pairs of a field, written as the values will be after normalising."""

    def written(text: str, steps: Sequence[str]) -> str:
        return str(engine.to_pyarrow(normalised(ibis.literal(text), steps)).as_py())

    for code, others in field.codes.items():
        allowed = others if isinstance(others, list) else [others]
        rights = [o if o is None else written(o, field.normalise.right) for o in allowed]
        nulls = field.null_values.right
        shown = tuple(None if text in nulls else text for text in rights)
        yield written(code, field.normalise.left), shown


def read_extract(
    spec: ReconcileSpec, side: str, files: Sequence[Path], engine: Backend, folder: Path
) -> tuple[ibis.Table, Extract]:
    """Read one side from its files; ``folder`` takes what is stored on the way.

    Its rows have the key, and NAME, NAME__text and NAME__state of each field, or NAME alone.
    """
    landed = _land(spec, side, files, folder / f"{side}.parquet")
    table = _typed(spec, side, landed, engine)
    keyed = table.filter(*(table[part.name] != "" for part in spec.key))
    blank = engine.to_pyarrow(
        table.filter(has_no_key(table, spec)).select(FILE_COLUMN, LINE_COLUMN).order_by(LINE_COLUMN)
    )
    suspended = pa.concat_tables(
        [*landed.rejects, suspended_keys(blank, spec, side, landed.sources)]
    )
    notes = tuple(f"{s.label}: {note}" for s in landed.sources for note in s.notes)
    left_out = landed.passed_over + landed.typed - _rows(table, engine)
    accounted = _rows(keyed, engine) + suspended.num_rows + left_out
    assert landed.records == accounted, "a record vanished"
    rows = keyed.drop(FILE_COLUMN, LINE_COLUMN)
    made = None
    if spec.combines(side):
        rows = engine.create_table(
            f"{side}_combined", combined(rows, _key(spec), spec.fields, side)
        )
        made = _rows(rows, engine)
    sums = totals(rows, numbers(spec), engine)
    return rows, Extract(sums, landed.records, suspended, notes, left_out, made)


def _key(spec: ReconcileSpec) -> list[str]:
    return [part.name for part in spec.key]


def filled(
    spec: ReconcileSpec, tables: dict[str, ibis.Table], engine: Backend
) -> dict[str, ibis.Table]:
    """The rows, with a zero for a key without rows where a side says so."""
    found = dict(tables)
    for side, other in (("left", "right"), ("right", "left")):
        if spec.side(side).without_rows == "zero":
            rows = with_zeros(tables[side], tables[other], _key(spec), spec.fields)
            found[side] = engine.create_table(f"{side}_filled", rows)
    return found


def stored_doubled(
    engine: Backend, tables: tuple[ibis.Table, ibis.Table], comparison: Comparison
) -> ibis.Table:
    """The keys that stand more than once on a side, stored in the engine."""
    repeated = engine.create_table("repeated", repeated_keys(*tables, comparison))
    return engine.create_table("doubled", doubled_keys(*tables, repeated, comparison))


def numbers(spec: ReconcileSpec) -> list[str]:
    """The fields that can be added up."""
    return [field.name for field in spec.fields if field.type in NUMBERS]


def totals(table: ibis.Table, names: Sequence[str], engine: Backend) -> dict[str, int]:
    """The sums of these columns, added in 128 bits."""
    if not names:
        return {}
    sums = {name: table[name].cast("decimal(38, 0)").sum().fill_null(0) for name in names}
    (row,) = engine.to_pyarrow(table.aggregate(**sums)).to_pylist()
    return {name: int(value) for name, value in row.items()}


def has_no_key(table: ibis.Table, spec: ReconcileSpec) -> ir.BooleanValue:
    """Whether some part of the key is empty."""
    return ibis.or_(*(table[part.name] == "" for part in spec.key))


def _rows(table: ibis.Table, engine: Backend) -> int:
    return int(engine.to_pyarrow(table.count()).as_py())


def found_files(given: Path, pattern: str) -> list[Path]:
    """The file itself, or those of the folder that have the name."""
    if given.is_file():
        return [given]
    pure = PurePath(pattern)
    if pure.is_absolute() or ".." in pure.parts:
        raise ExtractMissing(
            "the name leads out of the folder", value=pattern, cure="name a file inside of it"
        )
    found = sorted(p for p in given.glob(pattern) if p.is_file()) if given.is_dir() else []
    if not found:
        there = ", ".join(sorted(p.name for p in given.iterdir())[:10]) if given.is_dir() else ""
        raise ExtractMissing(
            "no such file in the folder" if given.is_dir() else "no such file or folder",
            file=str(given),
            value=pattern,
            cure=f"the folder holds: {there}" if there else "check the path",
        )
    return found


def columns_of(spec: ReconcileSpec, side: str) -> tuple[str, ...]:
    """The columns that the specification names; expressions may read others."""
    names = [getattr(part, side) for part in spec.key]
    names += [column for f in spec.fields if (column := f.column(side))]
    return tuple(dict.fromkeys(names))


def _land(spec: ReconcileSpec, side: str, files: Sequence[Path], target: Path) -> _Landed:
    """Write the accepted records of all files into one Parquet file, and keep the rejects."""
    sources = tuple(open_source(path, spec.side(side)) for path in files)
    columns = columns_of(spec, side)
    if spec.reads_all(side):
        columns = tuple(dict.fromkeys([*columns, *sources[0].columns]))
    for source in sources:
        source.require(columns)
    _tell_apart(columns, sources[0].label)
    schema = pa.schema([*((name, pa.string()) for name in columns), *PLACE])
    rejects = [SUSPENDED.empty()]
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        for number, source in enumerate(sources):
            for accepted, rejected in source.batches():
                place = pa.array([number], pa.int32()).take([0] * accepted.num_rows)
                rows = accepted.select([*columns, LINE_COLUMN]).append_column(FILE_COLUMN, place)
                writer.write_table(rows.cast(schema))
                rejects.append(rejected)
    return _Landed(target, sources, tuple(rejects))


def _tell_apart(columns: Sequence[str], file: str) -> None:
    """Refuse columns that only capitals tell apart, which the engine would take for one."""
    seen: dict[str, str] = {}
    for name in columns:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ColumnsAlike(
                f"only capitals tell it from column {other}",
                file=file,
                line=1,
                field=name,
                cure="rename one of them in the export",
            )


def _typed(spec: ReconcileSpec, side: str, landed: _Landed, engine: Backend) -> ibis.Table:
    """The records with normalised key and typed fields, stored in the engine."""
    raw = engine.read_parquet(landed.path, table_name=f"{side}_landed")
    raw = _with_expressions(raw, spec, side, engine)
    columns = [name for name in raw.columns if not name.startswith(_EXPRESSION)]
    raw = with_formulas(raw, columns, spec, side, _EXPRESSION)
    kept: dict[str, ir.Value] = {name: raw[name] for name in PLACE.names}
    for part in spec.key:
        text = normalised(raw[getattr(part, side)], getattr(part.normalise, side))
        kept[part.name] = text.fill_null("")
    texts = [(f, _field_text(raw, f, side, n)) for n, f in enumerate(spec.fields)]
    return _stored(typed(raw, kept, texts, side), engine, side)


_EXPRESSION = "_expression_"


def _field_text(raw: ibis.Table, field: FieldSpec, side: str, number: int) -> ir.StringValue:
    """The text of a field: its column, its expression or formula, or one for each row."""
    if getattr(field.combine, side) == "count":
        return ibis.literal("1")
    return raw[field.column(side) or f"{_EXPRESSION}{number}"]


def _with_expressions(
    raw: ibis.Table, spec: ReconcileSpec, side: str, engine: Backend
) -> ibis.Table:
    """The table with a text column for each expression, checked to be one scalar and no more."""
    columns = [name for name in raw.columns if name not in PLACE.names]
    checked = [
        (n, expressions.scalar(sql, columns, file=spec.name, field=f"fields.{n}.{side}_sql"))
        for n, f in enumerate(spec.fields)
        if (sql := f.sql(side))
    ]
    where = spec.side(side).where
    if not checked and where is None:
        return raw
    parts = [f'CAST(({sql}) AS VARCHAR) AS "{_EXPRESSION}{n}"' for n, sql in checked]
    meant = "true"
    if where is not None:
        meant = expressions.scalar(where, columns, file=spec.name, field=f"{side}.where")
    selected = f"SELECT {', '.join(['*', *parts])} FROM {side}_landed WHERE ({meant})"  # noqa: S608 - checked
    try:
        return engine.sql(selected)
    except duckdb.BinderException as error:
        raise _failed(side, error) from error


def _stored(rows: ibis.Table, engine: Backend, side: str) -> ibis.Table:
    """The table in the engine; what an expression cannot digest is refused."""
    try:
        return engine.create_table(f"{side}_side", rows)
    except (duckdb.DataError, duckdb.InvalidInputException) as error:  # the latter divides by zero
        raise _failed(side, error) from error


def _failed(side: str, error: duckdb.Error) -> ExpressionFailed:
    return ExpressionFailed(
        f"an expression of the {side} side fails: {str(error).splitlines()[0]}",
        field=f"{side}_sql",
        cure="columns are text: use TRY_CAST, and CASE for what does not fit",
    )


def suspended_keys(
    blank: pa.Table, spec: ReconcileSpec, side: str, sources: Sequence[Source]
) -> pa.Table:
    """Records without a key, with the bytes that they were read from."""
    column = ", ".join(getattr(part, side) for part in spec.key)
    rows = []
    for number, source in enumerate(sources):
        lines = [r[LINE_COLUMN] for r in blank.to_pylist() if r[FILE_COLUMN] == number]
        raw = source.raw(lines) if lines else {}
        rows += [_suspended_key(source.label, line, column, raw.get(line)) for line in lines]
    return pa.Table.from_pylist(rows, schema=SUSPENDED.arrow)


def _suspended_key(file: str, line: int, column: str, raw: bytes | None) -> dict[str, object]:
    return {
        "file": file,
        "line": line,
        "stage": "stage",
        "code": "KEY_BLANK",
        "class_code": "SOURCE_DEFECT",
        "field": column,
        "value": "",
        "message": "The record has no key. Fill it in the system that the extract comes from.",
        "raw": raw,
    }
