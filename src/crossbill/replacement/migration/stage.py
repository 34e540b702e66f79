"""Stages a landed file: types its rows, sets doubles and bad rows apart, proves that none is lost.

What comes in ends accepted, duplicate or suspended, in count and in value for each money field.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from crossbill.engine.calculation import columns_of
from crossbill.engine.dataset import Column, Dataset
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.duckdb import read_parquet
from crossbill.engine.local_time import regimes
from crossbill.engine.store import Store, exact_sum, full_disk_told
from crossbill.replacement.migration.sources import LINE_COLUMN, Source, SourceFormat, open_source
from crossbill.replacement.migration.staging import (
    Keyed,
    Zones,
    fating,
    judging,
    rejecting,
    setting_apart,
)
from crossbill.replacement.migration.types import FieldType, FieldTypeWrong
from crossbill.runs.receipt import STATES, Receipt, Sums

CHUNK_ROWS = 131_072
RAW_ROWS = 65_536
_DATASET_TYPES = {"money": "integer", "percent": "integer"}


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
    def keyed(self) -> Keyed:
        outputs = (f.output for name in self.key for f in self.fields if f.name == name)
        return Keyed(self.source.label, tuple(self.key), tuple(outputs), self.account)

    @cached_property
    def zones(self) -> Zones:
        named = {f.time_zone for f in self.fields if f.time_zone}
        return tuple((zone, regimes(zone)) for zone in sorted(named))

    def typed(self) -> ir.Table:
        """The draft of the rows that type."""
        return read_parquet(self.backend, [str(self.scratch / "typed.parquet")])


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
    raw = ibis.memtable(rows)
    chain = judging(columns_of(raw), tuple(task.fields), task.zones)
    table = task.backend.to_pyarrow(chain.run(task.backend, {"raw_rows": raw})["judged"])
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
    raw = ibis.memtable(bad)
    chain = rejecting(columns_of(raw), tuple(task.fields), task.zones, task.keyed)
    done = chain.run(task.backend, {"raw_rows": raw})
    parsed = task.backend.to_pyarrow(done["parsed"])
    totals.add("suspended", parsed, task.money)
    for amount in task.money:
        text, value = parsed[f"_text_{amount.name}"], parsed[amount.output]
        totals.unknown[amount.output] += value.null_count - text.null_count
    rejects: pa.Table = task.backend.to_pyarrow(done["rejects"])
    return rejects.cast(SUSPENDED.arrow)


# Second pass: what becomes of rows whose key is blank or taken.


def _fates(task: _Task) -> pa.Table:
    """``line`` and ``fate`` of every typed row that is not accepted."""
    if not task.key:
        return pa.table({"line": pa.array([], pa.int64()), "fate": pa.array([], pa.string())})
    rows = task.typed()
    chain = fating(columns_of(rows), task.keyed.outputs)
    return task.backend.to_pyarrow(chain.run(task.backend, {"typed_rows": rows})["fated"])


# The three files.


def _write(
    task: _Task, totals: _Totals, fates: pa.Table, store: Store, folder: str
) -> dict[str, str]:
    """Write the accepted, suspended and duplicate rows; their hashes by path."""
    apart = _set_apart(task, fates)
    files = {
        "staged": (_accepted(task, totals, fates), task.dataset),
        "suspended": (_suspended(task, totals, apart), SUSPENDED),
        "duplicates": (_duplicates(task, totals, apart), SUSPENDED),
    }
    hashes = {}
    for name, (batches, dataset) in files.items():
        path = f"{folder}/{name}.parquet"
        reader = pa.RecordBatchReader.from_batches(_nullable(dataset), batches)
        hashes[path] = store.write_table(store.path(path), reader, dataset).sha256
    return hashes


def _set_apart(task: _Task, fates: pa.Table) -> dict[str, ir.Table]:
    """What `setting_apart` gives of this file."""
    rows = task.typed()
    drafts = read_parquet(task.backend, [str(task.scratch / "suspended.parquet")])
    money = tuple(f.output for f in task.money)
    chain = setting_apart(columns_of(rows), columns_of(drafts), task.keyed, money)
    held = {"typed_rows": rows, "drafts": drafts, "fates": ibis.memtable(fates)}
    return chain.run(task.backend, held)


def _accepted(task: _Task, totals: _Totals, fates: pa.Table) -> Iterator[pa.RecordBatch]:
    """The typed rows that no fate sets apart: streamed, for they are in order and mostly all."""
    apart = fates["line"].combine_chunks()
    with pq.ParquetFile(task.scratch / "typed.parquet") as typed:
        for batch in typed.iter_batches(batch_size=CHUNK_ROWS):
            rows = pa.Table.from_batches([batch])
            kept = rows.filter(pc.invert(pc.is_in(rows[LINE_COLUMN], value_set=apart)))
            totals.add("accepted", kept, task.money)
            yield from kept.to_batches()


def _suspended(
    task: _Task, totals: _Totals, apart: dict[str, ir.Table]
) -> Iterator[pa.RecordBatch]:
    """Rows that could not be read or typed, and rows with a bad key, by line."""
    _add_fated(task, totals, "suspended", apart["suspended_amounts"])
    yield from _with_raw(task, apart["suspended"].order_by("line", "code"))


def _duplicates(
    task: _Task, totals: _Totals, apart: dict[str, ir.Table]
) -> Iterator[pa.RecordBatch]:
    """Rows that repeat an earlier one, by line."""
    _add_fated(task, totals, "duplicate", apart["duplicate_amounts"])
    yield from _with_raw(task, apart["duplicates"].order_by("line"))


def _add_fated(task: _Task, totals: _Totals, state: str, amounts: ir.Table) -> None:
    for batch in task.backend.to_pyarrow_batches(amounts, chunk_size=CHUNK_ROWS):
        totals.add(state, pa.Table.from_batches([batch]), task.money)


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
