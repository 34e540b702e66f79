"""Stages a landed file: types its rows, sets doubles and bad rows apart, proves that none is lost.

What comes in ends accepted, duplicate or suspended, in count and in value for each money field.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from crossbill.engine.dataset import Column, Dataset
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.store import Store, exact_sum, full_disk_told
from crossbill.replacement.migration.sources import LINE_COLUMN, Source, SourceFormat, open_source
from crossbill.replacement.migration.types import (
    FieldType,
    FieldTypeWrong,
    all_good,
    parse,
    rejected,
)
from crossbill.runs.receipt import STATES, Receipt, Sums

CHUNK_ROWS = 131_072
RAW_ROWS = 65_536
_DATASET_TYPES = {"money": "integer", "percent": "integer"}

# Why a row that types well is still set apart, by code.
KEY_PROBLEMS = {
    "KEY_BLANK": "The key is blank: fill it in the old system",
    "KEY_REUSED": "Other rows have the same key but other values: correct or remove all but one",
    "DUPLICATE_ROW": "The row says the same as an earlier one with its key, which was taken",
}
DUPLICATE_CODE = "DUPLICATE_ROW"


@dataclass(frozen=True)
class _Task:
    """What is being staged, and with what."""

    source: Source
    fields: Sequence[FieldType]
    key: Sequence[str]
    backend: Backend
    scratch: Path
    dataset: Dataset
    account: str | None

    @property
    def money(self) -> list[FieldType]:
        return [f for f in self.fields if f.type == "money"]

    @property
    def key_outputs(self) -> list[str]:
        return [f.output for name in self.key for f in self.fields if f.name == name]


@dataclass
class _Totals:
    """Counts and, per money field, sums by state; and the amounts that nobody can read."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    sums: Sums = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    def add(self, state: str, rows: pa.Table, money: Sequence[FieldType]) -> None:
        """Count rows, and add their amounts, to one state."""
        self.counts[state] += rows.num_rows
        for amount in money:
            sums = self.sums.setdefault(amount.output, dict.fromkeys(STATES, 0))
            sums[state] += exact_sum(rows[amount.output])


def stage_file(  # noqa: PLR0913 - where from, how to read, where to, and with what
    landed: Path,
    format: SourceFormat,
    fields: Sequence[FieldType],
    key: Sequence[str],
    *,
    store: Store,
    folder: str,
    backend: Backend,
    label: str | None = None,
    account: str | None = None,
) -> Receipt:
    """Type a landed file into ``staged``, ``suspended`` and ``duplicates`` in the store's folder.

    ``key`` names the fields that identify a row, ``account`` the one that holds its account. The
    receipt's sums are named ``label.field``.
    """
    _refuse_unknown(fields, [*key, *([account] if account else [])])
    source = open_source(landed, format, label=label)
    source.require(f.source_column for f in fields)
    dataset = staged_dataset(source.label, fields)
    with _scratch(store, folder) as scratch:
        task = _Task(source, fields, key, backend, scratch, dataset, account)
        totals = _type(task)
        fates = _fates(task)
        files = _write(task, totals, fates, store, folder)
    return _receipt(source, totals, files)


@contextmanager
def _scratch(store: Store, folder: str) -> Iterator[Path]:
    """A place for drafts: within a local store, since an engine may be sealed to it.

    Its name is always the same there, so that what a killed run left is cleared by the next.
    """
    if not store.is_local:
        with TemporaryDirectory(prefix="stage-") as temporary:
            yield Path(temporary)
        return
    drafts = Path(store.path(folder, ".drafts"))
    shutil.rmtree(drafts, ignore_errors=True)
    drafts.mkdir(parents=True)
    try:
        with full_disk_told(str(drafts)):
            yield drafts
    finally:
        shutil.rmtree(drafts)


def staged_dataset(name: str, fields: Sequence[FieldType]) -> Dataset:
    """The schema of a staged file: its line and its typed fields."""
    line = Column(LINE_COLUMN, "integer", False, "physical line, from 1")
    typed = (
        Column(f.output, _DATASET_TYPES.get(f.type, f.type), not f.required, f.name) for f in fields
    )
    return Dataset(name, (LINE_COLUMN,), (line, *typed))


def _refuse_unknown(fields: Sequence[FieldType], wanted: Sequence[str]) -> None:
    names = [f.name for f in fields]
    for name in wanted:
        if name not in names:
            known = ", ".join(names)
            raise FieldTypeWrong(
                "key or account names no field", field=name, cure=f"one of: {known}"
            )


# First pass: every row is typed, chunk by chunk, into two drafts.


def _type(task: _Task) -> _Totals:
    totals = _Totals(unknown={f.output: 0 for f in task.money})
    totals.add("in", task.dataset.empty(), task.money)
    with (
        pq.ParquetWriter(task.scratch / "typed.parquet", _nullable(task.dataset)) as typed,
        pq.ParquetWriter(task.scratch / "suspended.parquet", SUSPENDED.arrow) as suspended,
    ):
        for rows, bad in _chunks(task.source):
            _count_unreadable(totals, bad, task.money)
            suspended.write_table(bad)
            good, rejects = _type_chunk(task, totals, rows)
            typed.write_table(good)
            suspended.write_table(rejects)
    return totals


def _nullable(dataset: Dataset) -> pa.Schema:
    """The schema of the draft: the engine does not say what is never empty."""
    return pa.schema([f.with_nullable(True) for f in dataset.arrow])


def _chunks(source: Source) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The source's batches put together until they are worth a query."""
    rows, bad, count = [source.schema.empty_table()], [SUSPENDED.empty()], 0
    for good_batch, bad_batch in source.batches():
        rows.append(good_batch)
        bad.append(bad_batch)
        count += good_batch.num_rows + bad_batch.num_rows
        if count >= CHUNK_ROWS:
            yield pa.concat_tables(rows), pa.concat_tables(bad)
            rows, bad, count = [source.schema.empty_table()], [SUSPENDED.empty()], 0
    yield pa.concat_tables(rows), pa.concat_tables(bad)


def _count_unreadable(totals: _Totals, bad: pa.Table, money: Sequence[FieldType]) -> None:
    """A record that could not be read has amounts that nobody knows."""
    for state in ("in", "suspended"):
        totals.counts[state] += bad.num_rows
    for amount in money:
        totals.unknown[amount.output] += bad.num_rows


def _type_chunk(task: _Task, totals: _Totals, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows that type, and the suspended rows made of the others."""
    parsed = parse(ibis.memtable(rows), task.fields)
    outputs = [f.output for f in task.fields]
    judged = parsed.select(LINE_COLUMN, *outputs, _good=all_good(parsed, task.fields))
    table = task.backend.to_pyarrow(judged)
    totals.add("in", table, task.money)
    bad_lines = table.filter(pc.invert(table["_good"]))[LINE_COLUMN]
    good = table.filter(table["_good"]).select(task.dataset.arrow.names)
    rejects = _reject(task, totals, rows, bad_lines) if len(bad_lines) else SUSPENDED.empty()
    return good.cast(_nullable(task.dataset)), rejects


def _reject(
    task: _Task, totals: _Totals, rows: pa.Table, lines: "pa.ChunkedArray[Any]"
) -> pa.Table:
    """The suspended rows of these lines, whose amounts are added up where they can be read."""
    bad = rows.filter(pc.is_in(rows[LINE_COLUMN], value_set=lines.combine_chunks()))
    parsed = task.backend.to_pyarrow(parse(ibis.memtable(bad), task.fields))
    totals.add("suspended", parsed, task.money)
    for amount in task.money:
        text, value = parsed[f"_text_{amount.name}"], parsed[amount.output]
        totals.unknown[amount.output] += value.null_count - text.null_count
    expression = rejected(
        ibis.memtable(parsed),
        task.fields,
        file=task.source.label,
        key=task.key,
        account=task.account,
    )
    rejects: pa.Table = task.backend.to_pyarrow(expression)
    return rejects.cast(SUSPENDED.arrow)


# Second pass: what becomes of rows whose key is blank or taken.


def _fates(task: _Task) -> ir.Table:
    """Line and code of every typed row that is not accepted."""
    rows = task.backend.read_parquet(task.scratch / "typed.parquet")
    fates = ibis.memtable(pa.table({"line": pa.array([], pa.int64()), "fate": pa.array([], "str")}))
    if task.key:
        fates = _blank(rows, task).union(_doubled(rows, task), distinct=False)
    table = task.backend.to_pyarrow(fates)
    return ibis.memtable(table)


def _blank(rows: ir.Table, task: _Task) -> ir.Table:
    blank = ibis.or_(*[rows[name].isnull() for name in task.key_outputs])
    return rows.filter(blank).select(line=rows[LINE_COLUMN], fate=ibis.literal("KEY_BLANK"))


def _doubled(rows: ir.Table, task: _Task) -> ir.Table:
    """Rows that share a key: all of them when they differ, else all but the first."""
    keys = task.key_outputs
    known = rows.filter([rows[name].notnull() for name in keys])
    several = known.group_by(keys).agg(copies=known.count()).filter(lambda t: t.copies > 1)
    sharing = known.semi_join(several, keys)
    contents = sharing.drop(LINE_COLUMN).distinct()
    groups = contents.group_by(keys).agg(contents=contents.count())
    first = sharing.group_by(keys).agg(first_line=sharing[LINE_COLUMN].min())
    judged = sharing.inner_join(groups, keys).inner_join(first, keys)
    fate = (judged.contents > 1).ifelse("KEY_REUSED", DUPLICATE_CODE)
    apart = (judged.contents > 1) | (judged[LINE_COLUMN] > judged.first_line)
    return judged.filter(apart).select(line=judged[LINE_COLUMN], fate=fate)


# The three files.


def _write(
    task: _Task, totals: _Totals, fates: ir.Table, store: Store, folder: str
) -> dict[str, str]:
    """Write the accepted, suspended and duplicate rows; their hashes by path."""
    rows = task.backend.read_parquet(task.scratch / "typed.parquet")
    files = {
        "staged": (_accepted(task, totals, fates), task.dataset),
        "suspended": (_suspended(task, totals, rows, fates), SUSPENDED),
        "duplicates": (_duplicates(task, totals, rows, fates), SUSPENDED),
    }
    hashes = {}
    for name, (batches, dataset) in files.items():
        path = f"{folder}/{name}.parquet"
        reader = pa.RecordBatchReader.from_batches(_nullable(dataset), batches)
        hashes[path] = store.write_table(store.path(path), reader, dataset).sha256
    return hashes


def _accepted(task: _Task, totals: _Totals, fates: ir.Table) -> Iterator[pa.RecordBatch]:
    """The typed rows that no fate sets apart: streamed, for they are in order and mostly all."""
    apart = task.backend.to_pyarrow(fates)["line"].combine_chunks()
    with pq.ParquetFile(task.scratch / "typed.parquet") as typed:
        for batch in typed.iter_batches(batch_size=CHUNK_ROWS):
            rows = pa.Table.from_batches([batch])
            kept = rows.filter(pc.invert(pc.is_in(rows[LINE_COLUMN], value_set=apart)))
            totals.add("accepted", kept, task.money)
            yield from kept.to_batches()


def _suspended(
    task: _Task, totals: _Totals, rows: ir.Table, fates: ir.Table
) -> Iterator[pa.RecordBatch]:
    """Rows that could not be read or typed, and rows with a bad key, by line."""
    by_key = fates.filter(fates.fate != DUPLICATE_CODE)
    _add_fated(task, totals, "suspended", rows, by_key)
    drafts = task.backend.read_parquet(task.scratch / "suspended.parquet")
    both = drafts.union(_as_suspended(task, rows, by_key), distinct=False)
    yield from _with_raw(task, both.order_by("line", "code"))


def _duplicates(
    task: _Task, totals: _Totals, rows: ir.Table, fates: ir.Table
) -> Iterator[pa.RecordBatch]:
    """Rows that repeat an earlier one, by line."""
    same = fates.filter(fates.fate == DUPLICATE_CODE)
    _add_fated(task, totals, "duplicate", rows, same)
    yield from _with_raw(task, _as_suspended(task, rows, same).order_by("line"))


def _add_fated(task: _Task, totals: _Totals, state: str, rows: ir.Table, fates: ir.Table) -> None:
    amounts = rows.semi_join(fates, rows[LINE_COLUMN] == fates.line)
    amounts = amounts.select(LINE_COLUMN, *[f.output for f in task.money])
    for batch in task.backend.to_pyarrow_batches(amounts, chunk_size=CHUNK_ROWS):
        totals.add(state, pa.Table.from_batches([batch]), task.money)


def _as_suspended(task: _Task, rows: ir.Table, fates: ir.Table) -> ir.Table:
    """The rows of these fates in the form of suspended ones."""
    if not task.key:
        return ibis.memtable(_nullable(SUSPENDED).empty_table())
    joined = rows.inner_join(fates, rows[LINE_COLUMN] == fates.line)
    key = [ibis.coalesce(joined[name].cast("string"), "") for name in task.key_outputs]
    text = ibis.literal("|").join(key)
    columns = {
        "file": ibis.literal(task.source.label),
        "line": joined.line,
        "record_key": (joined.fate == "KEY_BLANK").ifelse(ibis.null("string"), text),
        "account_key": joined[task.account] if task.account else ibis.null("string"),
        "stage": ibis.literal("stage"),
        "code": joined.fate,
        "class_code": (joined.fate == "KEY_BLANK").ifelse("FORMAT", "DUPLICATE"),
        "field": ibis.literal(", ".join(task.key)),
        "value": text,
        "message": ibis.cases(*[(joined.fate == code, m) for code, m in KEY_PROBLEMS.items()]),
        "raw": ibis.null("binary"),
    }
    return joined.select(**{name: columns[name] for name in SUSPENDED.arrow.names})


def _with_raw(task: _Task, suspended: ir.Table) -> Iterator[pa.RecordBatch]:
    """The rows with the bytes that they were made of, where they have none yet."""
    for batch in task.backend.to_pyarrow_batches(suspended, chunk_size=RAW_ROWS):
        table = pa.Table.from_batches([batch]).cast(_nullable(SUSPENDED))
        lines: list[Any] = table["line"].to_pylist()
        raw = dict(zip(lines, table["raw"].to_pylist(), strict=True))
        raw |= task.source.raw(line for line, given in raw.items() if given is None)
        filled = pa.array([raw[line] for line in lines], pa.binary())
        place = table.schema.get_field_index("raw")
        yield from table.set_column(place, table.schema.field(place), filled).to_batches()


def _receipt(source: Source, totals: _Totals, files: dict[str, str]) -> Receipt:
    """The proof; it refuses to exist when the parts do not add up."""
    assert source.lines == totals.counts["in"], "records read and records counted differ"
    return Receipt(
        records_in=totals.counts["in"],
        accepted=totals.counts["accepted"],
        duplicate=totals.counts["duplicate"],
        suspended=totals.counts["suspended"],
        sums={f"{source.label}.{name}": sums for name, sums in totals.sums.items()},
        files=files,
        notes=_notes(source, totals),
    )


def _notes(source: Source, totals: _Totals) -> dict[str, int]:
    """Amounts that nobody can read, and records of other types in the same file."""
    notes = {f"{source.label}.{name} unreadable": n for name, n in totals.unknown.items() if n}
    return notes | (
        {f"{source.label} passed over": source.passed_over} if source.passed_over else {}
    )
