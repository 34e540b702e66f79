"""Two extracts and a specification -> what agrees, what differs, and why."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from crossbill.config.environment import read_environment
from crossbill.core.money import format_nanos
from crossbill.engine.calculation import (
    Calculation,
    Columns,
    Step,
    Tables,
    columns_of,
    compiled_once,
)
from crossbill.engine.duckdb import connect
from crossbill.replacement.migration.sources import fetch_source, is_elsewhere
from crossbill.replacement.reconciliation.as_stored import (
    Met,
    can_stay,
    met_with_care,
    opened,
    opened_part,
    reading,
)
from crossbill.replacement.reconciliation.beyond import Beyond
from crossbill.replacement.reconciliation.buckets import can_be_hashed, fetched_apart
from crossbill.replacement.reconciliation.classify import UNEXPLAINED, classify, field_causes
from crossbill.replacement.reconciliation.compare import (
    DIFFERENCES,
    Comparison,
    Tally,
    differing,
    record_key,
    tallies,
    tally_of,
)
from crossbill.replacement.reconciliation.extracts import (
    Extract,
    ExtractMissing,
    comparison_of,
    filled,
    found_files,
    read_extract,
    stored_doubled,
    totals,
)
from crossbill.replacement.reconciliation.on_spark import met_on_spark, refuse_other_formats
from crossbill.replacement.reconciliation.one_pass import met_in_one_pass
from crossbill.replacement.reconciliation.populations import (
    often_differing,
    with_more,
    with_populations,
)
from crossbill.replacement.reconciliation.spec import (
    NUMBERS,
    FieldSpec,
    ReconcileSpec,
    minor_digits_of,
    read_spec,
)

ORDER = ("record_key", "field")
EXPORTED = (
    "record_key",
    "field",
    "kind",
    "left_value",
    "right_value",
    "difference",
    "currency",
    "class_code",
    "evidence",
)


@dataclass(frozen=True)
class FieldResult:
    """One field: how many pairs differ, by how much, and why."""

    different: int
    over: int  # sum of what is more on the right
    under: int  # sum of what is less on the right, below zero
    classes: dict[str, int]


@dataclass(frozen=True)
class SideResult:
    """One side: its records, those suspended by reason, the totals of its numbers."""

    records: int
    duplicates: int
    suspended: dict[str, int]
    totals: dict[str, int]
    notes: tuple[str, ...]
    left_out: int
    combined: int | None
    travelled: int | None = None  # bytes, where only what may differ was fetched


@dataclass(frozen=True)
class Reconciliation:
    """The result for people and programs; ``differences`` is the classified table."""

    spec: ReconcileSpec
    sides: dict[str, SideResult]
    tally: Tally
    fields: dict[str, FieldResult]
    differences: ibis.Table
    suspended: pa.Table
    workshop: "Workshop" = field(repr=False)

    @property
    def explained(self) -> bool:
        """Whether every record was paired and every difference has a known cause."""
        paired = not (self.tally.missing or self.tally.extra or self.tally.duplicate_keys)
        read = not any(side.suspended for side in self.sides.values())
        return paired and read and not any(UNEXPLAINED in f.classes for f in self.fields.values())


@dataclass(frozen=True)
class Workshop:
    """The engine of one reconciliation and the only folder that it may write to."""

    engine: Backend
    folder: Path


@contextmanager
def reconciled(
    spec_path: Path,
    left: Path | None,
    right: Path | None,
    *,
    whole: bool = False,
    spark: str | None = None,
) -> Iterator[Reconciliation]:
    """Compare two extracts; the result's table lives as long as the ``with`` block.

    A side in a database server has no path; of two of them only what may differ is fetched, unless
    ``whole`` is said. ``spark`` is the URL of a Spark where both sides in files are met.
    """
    spec = read_spec(spec_path)
    if spark is not None:
        refuse_other_formats(spec)
    given = {"left": left, "right": right}
    tmp = read_environment().folder("tmp")
    with TemporaryDirectory(prefix="reconcile-", dir=tmp) as name, ExitStack() as stack:
        folder = Path(name)
        apart = can_be_hashed(spec) and not whole and spark is None
        beyond = stack.enter_context(fetched_apart(spec, folder)) if apart else None
        files = {
            side: [beyond.files[side]] if beyond else _files(spec, side, path, folder)
            for side, path in given.items()
        }
        stays = can_stay(spec, files)
        read_there = [path.parent for paths in files.values() for path in paths] if stays else []
        with connect(sealed_to=[folder, *read_there]) as engine:
            comparison = comparison_of(spec, engine)
            if spark is not None:
                there = met_on_spark(spec, files, comparison, url=spark, folder=folder)
                beyond = stack.enter_context(there)
            workshop = Workshop(engine, folder)
            sides = _sides(spec, workshop, files, comparison, stays=stays, beyond=beyond)
            yield _compared(spec, workshop, sides, comparison, beyond)


def _files(spec: ReconcileSpec, side: str, given: Path | None, folder: Path) -> list[Path]:
    """The files of a side; what is elsewhere is fetched into the folder first."""
    described = spec.side(side)
    if is_elsewhere(described):
        target = folder / f"{side}-fetched.parquet"
        fetch_source(described, target)
        return [target]
    if given is None:
        raise ExtractMissing(
            "this side is in files, and no folder was given",
            field=side,
            value=described.file,
            cure=f"add --{side} FOLDER",
        )
    return found_files(given, str(described.file))


def _compared(
    spec: ReconcileSpec,
    workshop: Workshop,
    sides: "_Sides",
    comparison: Comparison,
    beyond: Beyond | None,
) -> Reconciliation:
    """The comparison of both sides, classified, with its totals proved."""
    engine = workshop.engine
    found = _found(sides, comparison, engine)
    populated = _populated(found, sides, comparison, engine)
    if beyond:
        populated = with_more(populated, _held_beyond(found, beyond, engine))
    classified = classifying().run(engine, {"counted": populated})["classified"]
    counts = tallies(*sides.counted, sides.doubled, found)
    pairing = tally_of(engine.to_pyarrow(counts).to_pylist()[0])
    doubled = {"left": pairing.left_duplicates, "right": pairing.right_duplicates}
    result = Reconciliation(
        spec,
        {side: _side(spec, extract, doubled[side]) for side, extract in sides.extracts.items()},
        pairing,
        _fields(spec, classified, engine),
        classified,
        pa.concat_tables(extract.suspended for extract in sides.extracts.values()),
        workshop,
    )
    _prove_totals(result, *sides.near, comparison)
    return _completed(result, beyond) if beyond else result


@compiled_once
def comparing(
    comparison: Comparison, left: Columns, right: Columns, doubled: Columns
) -> Calculation:
    """``left_rows``, ``right_rows`` and ``doubled_rows`` -> ``found``, their differences."""
    names = ("left_rows", "right_rows", "doubled_rows")
    inputs = zip(names, (left, right, doubled), strict=True)

    def found(t: Tables) -> ir.Table:
        return differing(*(t[name] for name in names), comparison)

    return Calculation(
        {name: ibis.schema(dict(columns)) for name, columns in inputs}, [Step("found", found)]
    )


@compiled_once
def classifying() -> Calculation:
    """``counted``, which are DIFFERENCES -> ``classified``."""
    step = Step("classified", lambda t: classify(t["counted_once"], field_causes()))
    once = Step("counted_once", lambda t: t["counted"])  # each cause reads them
    return Calculation({"counted": ibis.schema(DIFFERENCES)}, [once, step])


def _found(sides: "_Sides", comparison: Comparison, engine: Backend) -> ibis.Table:
    tables = (*sides.near, sides.doubled)
    done = comparing(comparison, *(columns_of(table) for table in tables)).run(
        engine, dict(zip(("left_rows", "right_rows", "doubled_rows"), tables, strict=True))
    )
    return done["found"]


def _held_beyond(found: ibis.Table, beyond: Beyond, engine: Backend) -> dict[tuple[str, str], int]:
    """How many rows that did not travel hold each left value that differs often."""
    often = engine.to_pyarrow(often_differing(found)).to_pylist()
    places = [(row["field"], row["left_value"]) for row in often]
    return {place: beyond.held(*place) for place in places}


def _completed(result: Reconciliation, beyond: Beyond) -> Reconciliation:
    """The result with the rows that did not travel, which are equal on both sides."""
    sides = {
        name: replace(
            side,
            records=side.records + beyond.rows,
            totals={n: total + beyond.totals[n] for n, total in side.totals.items()},
            travelled=beyond.travelled.get(name),
        )
        for name, side in result.sides.items()
    }
    counted = result.tally
    whole = replace(
        counted,
        left_rows=counted.left_rows + beyond.rows,
        right_rows=counted.right_rows + beyond.rows,
        matched=counted.matched + beyond.rows,
    )
    return replace(result, sides=sides, tally=whole)


@dataclass(frozen=True)
class _Sides:
    """Both sides: their extracts, the rows among which differences are, and the doubled keys."""

    extracts: dict[str, Extract]
    near: tuple[ibis.Table, ibis.Table]
    doubled: ibis.Table
    counted: tuple[ibis.Table, ibis.Table]  # as many rows as the extracts have with a key
    every: Callable[[], tuple[ibis.Table, ibis.Table]]  # all rows as read


def _sides(  # noqa: PLR0913 - what says how they are read
    spec: ReconcileSpec,
    workshop: Workshop,
    files: dict[str, list[Path]],
    comparison: Comparison,
    *,
    stays: bool,
    beyond: Beyond | None,
) -> _Sides:
    """Both sides read: as text, or as they are stored, of which some may be beyond."""
    engine = workshop.engine
    if not stays:
        return _as_text(spec, workshop, files, comparison)
    if beyond:
        parts = beyond.files
        came = {s: opened_part(spec, s, files[s], parts[s], engine) for s in files}
        return _as_stored(spec, met_with_care(spec, came, engine, comparison), engine)
    came = {side: opened(spec, side, paths, engine) for side, paths in files.items()}
    met = met_in_one_pass(spec, came, engine, comparison)
    if met is None:
        met = met_with_care(spec, came, engine, comparison)
    return _as_stored(spec, met, engine)


def _as_text(
    spec: ReconcileSpec, workshop: Workshop, files: dict[str, list[Path]], comparison: Comparison
) -> _Sides:
    """Both sides read as text."""
    engine = workshop.engine
    read = {side: read_extract(spec, side, files[side], engine, workshop.folder) for side in files}
    rows = filled(spec, {side: table for side, (table, _) in read.items()}, engine)
    tables = rows["left"], rows["right"]
    doubled = stored_doubled(engine, tables, comparison)
    extracts = {side: extract for side, (_, extract) in read.items()}
    return _Sides(extracts, tables, doubled, tables, lambda: tables)


def _as_stored(spec: ReconcileSpec, met: Met, engine: Backend) -> _Sides:
    """Both sides as they are stored; only records that may differ are read."""
    left, right = (met.sides[side] for side in ("left", "right"))
    done = reading(spec, columns_of(met.pairs)).run(engine, {"pairs": met.pairs})
    return _Sides(
        met.extracts,
        (done["left_near"], done["right_near"]),
        met.doubled,
        (left.keys, right.keys),
        lambda: (left.read(), right.read()),
    )


def _populated(
    found: ibis.Table, sides: _Sides, comparison: Comparison, engine: Backend
) -> ibis.Table:
    """The differences with their populations, where values differ often enough to count them."""
    often = set(engine.to_pyarrow(often_differing(found))["field"].to_pylist())
    fields = tuple(field for field in comparison.fields if field.name in often)
    if not fields:
        return found
    return with_populations(found, *sides.every(), replace(comparison, fields=fields))


def _side(spec: ReconcileSpec, extract: Extract, duplicates: int) -> SideResult:
    suspended = dict(Counter(str(code) for code in extract.suspended["code"].to_pylist()))
    return SideResult(
        extract.records,
        duplicates,
        suspended,
        extract.totals,
        extract.notes,
        extract.left_out,
        extract.combined,
    )


def _fields(spec: ReconcileSpec, classified: ibis.Table, engine: Backend) -> dict[str, FieldResult]:
    """Counts and amounts of each field by class, added up."""
    d = classified.filter(classified.kind == "different")
    amount = d.amount.cast("decimal(38, 0)")
    grouped = d.group_by("field", "class_code").aggregate(
        rows=d.count(),
        over=amount.sum(where=d.amount > 0).fill_null(0),
        under=amount.sum(where=d.amount < 0).fill_null(0),
    )
    rows = engine.to_pyarrow(grouped.order_by("field", "class_code")).to_pylist()
    return {f.name: _field([row for row in rows if row["field"] == f.name]) for f in spec.fields}


def _field(rows: list[dict[str, Any]]) -> FieldResult:
    return FieldResult(
        sum(row["rows"] for row in rows),
        sum(int(row["over"]) for row in rows),
        sum(int(row["under"]) for row in rows),
        {row["class_code"]: row["rows"] for row in rows},
    )


def _prove_totals(
    result: Reconciliation, left: ibis.Table, right: ibis.Table, comparison: Comparison
) -> None:
    """Over the paired records, right total minus left total is the sum of the differences.

    ``left`` and ``right`` hold all records that are not paired.
    """
    unpaired = result.differences.filter(result.differences.kind != "different")
    unpaired = unpaired.select("record_key").distinct()

    def paired(side: str, table: ibis.Table) -> dict[str, int]:
        keyed = table.mutate(key__=record_key(lambda name: table[name], comparison.key))
        alone = keyed.semi_join(unpaired, keyed.key__ == unpaired.record_key)
        every = result.sides[side].totals
        apart = totals(alone, list(every), result.workshop.engine)
        return {name: every[name] - apart[name] for name in every}

    lefts, rights = paired("left", left), paired("right", right)
    for name, total in lefts.items():
        found = result.fields[name]
        assert rights[name] - total == found.over + found.under, f"{name} does not tie"


def document(result: Reconciliation) -> dict[str, Any]:
    """The result as plain values, amounts as exact decimal text."""
    described = {f.name: f for f in result.spec.fields}
    return {
        "name": result.spec.name,
        **{name: _side_document(side, described) for name, side in result.sides.items()},
        "matched": result.tally.matched,
        "missing": result.tally.missing,
        "extra": result.tally.extra,
        "duplicate_keys": result.tally.duplicate_keys,
        "fields": {name: _field_document(result.fields[name], f) for name, f in described.items()},
        "suspended": {name: side.suspended for name, side in result.sides.items()},
        "explained": result.explained,
    }


def _side_document(side: SideResult, described: dict[str, FieldSpec]) -> dict[str, Any]:
    return {
        "rows": side.records,
        "totals": {name: decimal_text(n, described[name]) for name, n in side.totals.items()},
        "duplicate_rows": side.duplicates,
        "left_out": side.left_out,
        "combined": side.combined,
        "travelled_bytes": side.travelled,
        "suspended": sum(side.suspended.values()),
        "notes": list(side.notes),
    }


def _field_document(found: FieldResult, described: FieldSpec) -> dict[str, Any]:
    amounts = {"value": found.over + found.under, "over": found.over, "under": found.under}
    texts = {
        name: decimal_text(amount, described) if described.type in NUMBERS else None
        for name, amount in amounts.items()
    }
    return {"different": found.different, **texts, "classes": found.classes}


def decimal_text(amount: int, described: FieldSpec) -> str:
    """An amount in the field's unit as decimal text: ``456116.60``."""
    if described.type != "money":
        return str(amount)
    return format_nanos(amount, minor_digits_of(described))


def write_result(result: Reconciliation, folder: Path) -> None:
    """Write the differences and the suspended records, each as Parquet and as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    d = result.differences
    rows = d.mutate(difference=_decimal(d.amount, d.unit)).order_by(*ORDER).select(*EXPORTED)
    # The engine writes into its own folder only, so that no expression can write elsewhere.
    for name, write in (("parquet", rows.to_parquet), ("csv", rows.to_csv)):
        made = result.workshop.folder / f"differences.{name}"
        write(made)
        shutil.move(made, folder / made.name)
    pq.write_table(result.suspended, folder / "suspended.parquet")
    pa_csv.write_csv(_readable(result.suspended), folder / "suspended.csv")


def _decimal(amount: ir.Value, unit: ir.Value) -> ir.Value:
    """The amount as decimal text, for a spreadsheet: nanos with all nine digits."""
    digits = amount.abs().cast("string")
    digits = ibis.ifelse(digits.length() < 10, digits.lpad(10, "0"), digits)
    text = digits.left(digits.length() - 9) + ibis.literal(".") + digits.right(9)
    signed = ibis.ifelse(amount < 0, ibis.literal("-") + text, text)
    return ibis.ifelse(unit == "nanos", signed, amount.cast("string"))


def _readable(suspended: pa.Table) -> pa.Table:
    """The suspended records with their bytes as text; what is no text is shown by its codes."""
    raw = suspended["raw"].to_pylist()
    texts = [None if line is None else line.decode("utf-8", "backslashreplace") for line in raw]
    place = suspended.column_names.index("raw")
    return suspended.set_column(place, "raw", pa.array(texts, pa.string()))
