"""Bills of a whole snapshot, part by part: several at once, each by an engine of its own.

A part is so many accounts in order of their keys. Its files appear before its receipt, so a part
without one is computed again and one with it is not: kill the command and start it again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.config.environment import megabytes, read_environment
from crossbill.core.refusal import Refusal
from crossbill.engine.billing_datasets import SAID_TAX
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.engine.one_writer import only_writer
from crossbill.engine.store import Store
from crossbill.engine.work_off import work_off
from crossbill.platform.billing.compute import (
    RESULTS,
    Computed,
    bill_tables,
    family_table,
    periods,
    summary,
    with_policy,
    with_said_by,
    within,
)
from crossbill.platform.billing.read_snapshot import SUFFIXES, read_snapshot, refuse_faults

ACCOUNTS_PER_PART = 50_000
LEAST_MEGABYTES = 500  # of a worker
RECEIPT = "receipt.json"

Bounds = tuple[str | None, str | None]  # the first key of a part, and that of the next one
Told = Callable[[int, int], None]


class OutputOfAnotherRun(Refusal):
    """The output folder holds the bills of another snapshot, period or policy. Choose another."""

    code: ClassVar[str] = "OUTPUT_OF_ANOTHER_RUN"


class OutputNotAFolder(Refusal):
    """The bills cannot be written there. Name a folder that is there or can be made."""

    code: ClassVar[str] = "OUTPUT_NOT_A_FOLDER"


@dataclass(frozen=True)
class Job:
    """What is the same for all parts."""

    snapshot: Path
    period: str
    policy: str | None
    out: Path
    made_of: str
    parts: Sequence[Bounds]
    said: pa.Table  # the rates that tax providers have said


def compute(
    snapshot: Path,
    *,
    period: str,
    out: Path,
    policy: str | None = None,
    told: Told = lambda number, parts: None,
) -> dict[str, Any]:
    """Bill a snapshot's folder into another folder; gives the summary that its receipt holds.

    ``told`` hears of each part that is done its number and how many there are.
    """
    settings = read_environment()
    parts, said = _read(snapshot, period, policy)
    made_of = _fingerprint(snapshot, period, policy, said)
    _make_folder(out)
    with only_writer(out):
        _check_output(out, made_of)
        job = Job(snapshot, period, policy, out, made_of, parts, said)
        workers = min(settings.engine_threads, len(parts))
        _work_off(job, workers, megabytes(settings.engine_memory) // workers, told)
        return _finish(job)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotAFolder(
            f"no folder can be made: {error.strerror}", file=str(out), cure="name another one"
        ) from error


def stored(folder: Path, name: str) -> list[Path]:
    """The files of one result in a folder of bills: one, or one a part."""
    one = folder / f"{name}.parquet"
    return [one] if one.exists() else sorted(folder.glob(f"{name}-*.parquet"))


def _read(snapshot: Path, period: str, policy: str | None) -> tuple[list[Bounds], pa.Table]:
    """The bounds of the parts, and the rates that tax providers have said.

    Reads what every part will read, so that a snapshot that is not sound is refused before anything
    is written.
    """
    with connect() as backend:
        tables = with_policy(backend, read_snapshot(backend, snapshot), policy)
        periods(period)
        refuse_faults(backend, snapshot, tables)
        keys = tables["account"].select("account_key").order_by("account_key")
        found = backend.to_pyarrow(keys)["account_key"]
        rates = with_said_by(tables[SAID_TAX.name])
        said = rates.filter(rates.said_by.notnull()).order_by(*rates.columns)
        answers = backend.to_pyarrow(said)
    starts = [found[n].as_py() for n in range(ACCOUNTS_PER_PART, len(found), ACCOUNTS_PER_PART)]
    return list(zip([None, *starts], [*starts, None], strict=True)), answers


def _is_within(bounds: Bounds, key: ir.StringValue) -> ir.BooleanValue:
    """Every key is within one part, also that of a product whose account is unknown."""
    first, following = bounds
    begun = ibis.literal(True) if first is None else key >= first
    return begun if following is None else begun & (key < following)


def _work_off(job: Job, workers: int, megabytes: int, told: Told) -> None:
    memory = f"{max(megabytes, LEAST_MEGABYTES)}MB"
    numbers = range(len(job.parts))
    work_off(numbers, workers, lambda mine: _worker(job, mine, memory, told))


def _worker(job: Job, numbers: Iterator[int], memory: str, told: Told) -> None:
    """Take one part after the other until none is left."""
    with connect(memory=memory, threads=1) as backend, refusing_overflow():
        tables = with_policy(backend, read_snapshot(backend, job.snapshot), job.policy)
        tables["periods"] = ibis.memtable(periods(job.period))
        family = family_table(backend, tables)
        for number in numbers:
            if not _receipt(job, number).exists():
                mine = within(backend, tables, family, partial(_is_within, job.parts[number]))
                _compute_part(job, backend, mine, number)
            told(number + 1, len(job.parts))


def _compute_part(job: Job, backend: Backend, tables: Mapping[str, ir.Table], number: int) -> None:
    found = Computed(backend, bill_tables(backend, tables))
    store, files = Store(str(job.out)), {}
    for name, dataset in RESULTS.items():
        file = f"{name}.parquet" if len(job.parts) == 1 else f"{name}-{number + 1:04}.parquet"
        written = store.write_table(store.path(file), found.fetch(name), dataset)
        files[file] = {"rows": written.rows, "sha256": written.sha256}
    _receipt(job, number).write_text(json.dumps(files, indent=1), "utf-8")


def _receipt(job: Job, number: int) -> Path:
    return job.out / f"part-{number + 1:04}.json"


def _finish(job: Job) -> dict[str, Any]:
    """Add everything up from what was written, and write the receipt of the whole."""
    with connect() as backend:
        tables = {
            name: backend.read_parquet([str(path) for path in stored(job.out, name)])
            for name in RESULTS
        }
        document = summary(backend, tables)
    parts = [json.loads(_receipt(job, n).read_text("utf-8")) for n in range(len(job.parts))]
    files = {name: told["sha256"] for part in parts for name, told in part.items()}
    files |= _write_said(job)
    receipt = document | {"made_of": job.made_of, "period": job.period, "files": files}
    (job.out / RECEIPT).write_text(json.dumps(receipt, indent=1, sort_keys=True), "utf-8")
    return document


def _write_said(job: Job) -> dict[str, str]:
    """Keep beside the bills what tax providers have said for them; gives the file's hash."""
    if not job.said.num_rows:
        return {}
    file, store = f"{SAID_TAX.name}.parquet", Store(str(job.out))
    written = store.write_table(store.path(file), job.said, SAID_TAX)
    return {file: written.sha256}


def _fingerprint(snapshot: Path, period: str, policy: str | None, said: pa.Table) -> str:
    """What the bills are made of: program, tables, catalogue, taxes as said, period and policy."""
    digest = hashlib.sha256(f"{version('crossbill')} {period} {policy}".encode())
    for row in said.to_pylist():
        digest.update(str(row).encode())
    files = [path for path in sorted(snapshot.glob("*")) if path.suffix in (*SUFFIXES, ".yaml")]
    if policy and Path(policy).suffix in (".yaml", ".yml"):
        files.append(Path(policy))
    for path in files:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _check_output(out: Path, made_of: str) -> None:
    """Refuse a folder with other bills; a run that was killed goes on."""
    mark = out / ".made-of"
    if mark.exists() and mark.read_text("utf-8") != made_of:
        raise OutputOfAnotherRun(
            "the folder holds bills of other tables, another period, policy or version",
            file=str(out), cure="choose an empty folder, or take its files away",
        )  # fmt: skip
    mark.write_text(made_of, "utf-8")
