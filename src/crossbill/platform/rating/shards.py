"""Rates a snapshot that lies in shards: several at once, each by an engine of its own.

A snapshot is a folder with ``service-NAME.parquet`` and ``usage-NAME.parquet`` for each shard:
mediated usage, and who used it. All services of an account, and of a group that shares allowances,
are in one shard, so that none needs another. What a shard gives is a folder that appears whole or
not at all; one that is there already is not made again.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from pyarrow import parquet

from crossbill.config.environment import megabytes, read_environment
from crossbill.core.refusal import Refusal
from crossbill.engine.dataset import Dataset
from crossbill.engine.duckdb import connect
from crossbill.engine.one_writer import only_writer
from crossbill.engine.rating_datasets import SERVICE, USAGE
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.rate_files import ends_of, span_between, time_zones
from crossbill.platform.rating.shard_result import ShardResult, digest_of, totals
from crossbill.platform.rating.shard_workers import FOLDER, Job, Shard, Told, get_ready, rate_each
from crossbill.platform.usage import guide

LEAST_MEGABYTES = 200  # of a worker
TOGETHER = ("account_key", "share_key")  # rows that are alike in one of these share allowances


class BadSnapshot(Refusal):
    """The snapshot cannot be rated in shards. Write both files of each shard as they should be."""

    code: ClassVar[str] = "BAD_SNAPSHOT"


def rate_shards(  # noqa: PLR0913 - what is rated, by what, where to, and by how many
    *,
    catalogue: Path,
    snapshot: Path,
    out: Path,
    until: datetime,
    events: bool = True,
    workers: int | None = None,
    memory: str | None = None,
    told: Told = lambda result: None,
) -> list[ShardResult]:
    """Rate the shards that are not rated yet; gives the results of all, in order of their names.

    ``told`` hears of each as soon as it is there. What starts at ``until`` or later is suspended.
    All that came in was rated or suspended, or this raises.
    """
    settings, shards = read_environment(), find_shards(snapshot)
    memory, workers = memory or settings.engine_memory, workers or settings.engine_threads
    workers = min(workers, len(shards))
    if workers > 1:
        get_ready()
    read = read_catalogue(catalogue)
    with connect(memory=memory, threads=workers) as backend:
        tables = _compiled(backend, read, shards, until)
    out.mkdir(parents=True, exist_ok=True)
    with only_writer(out):
        for draft in out.glob(f".{FOLDER}*"):  # what killed runs left unfinished
            rmtree(draft, ignore_errors=True)
        each = max(megabytes(memory) // workers, LEAST_MEGABYTES)
        job = Job(tables, digest_of(tables), out, events, each)
        results = list(rate_each(shards, job, workers, told))
    came = sum(parquet.read_metadata(shard.usage).num_rows for shard in shards)
    assert totals(results)["states"]["retail"]["in"]["events"] == came, "a shard was left out"
    return sorted(results, key=lambda result: result.shard)


def find_shards(snapshot: Path) -> list[Shard]:
    """The shards of a folder in order of their names, their columns checked."""
    names = {
        kind: {path.stem.removeprefix(kind) for path in snapshot.glob(f"{kind}*.parquet")}
        for kind in ("service-", "usage-")
    }
    if not names["usage-"]:
        raise BadSnapshot(
            "the folder has no shards",
            file=str(snapshot),
            cure="write usage-NAME.parquet and service-NAME.parquet for each",
        )
    for alone in sorted(names["service-"] ^ names["usage-"]):
        raise BadSnapshot(
            "one of two files is missing",
            file=str(snapshot),
            value=alone,
            cure=f"write both usage-{alone}.parquet and service-{alone}.parquet",
        )
    shards = [
        Shard(name, *(snapshot / f"{kind}{name}.parquet" for kind in ("service-", "usage-")))
        for name in sorted(names["usage-"])
    ]
    for shard in shards:
        _check_file(shard.service, SERVICE)
        _check_file(shard.usage, USAGE)
    return shards


def _check_file(path: Path, dataset: Dataset) -> None:
    """Refuse a file whose columns are not those of the dataset, or empty where they may not be."""
    try:
        schema, known = parquet.read_schema(path), parquet.read_metadata(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadSnapshot(
            "not a readable Parquet file", file=str(path), cure="write it anew"
        ) from error
    for wanted in dataset.arrow:
        given = schema.field(wanted.name).type if wanted.name in schema.names else None
        if given != wanted.type:
            what = "the column is missing" if given is None else f"the column is {given}"
            cure = f"write it as {wanted.type}"
            raise BadSnapshot(what, file=str(path), field=wanted.name, cure=cure)
        if not wanted.nullable and _has_nulls(known, wanted.name):
            cure = "mediate the usage, which sets such rows apart"
            raise BadSnapshot("a value is missing", file=str(path), field=wanted.name, cure=cure)


def _has_nulls(known: parquet.FileMetaData, column: str) -> bool:
    chunks = _chunks([known], column)
    return any(chunk.statistics is not None and chunk.statistics.null_count for chunk in chunks)


def _compiled(
    backend: Backend, catalogue: RatingCatalogue, shards: Sequence[Shard], until: datetime
) -> dict[str, pa.Table]:
    """The catalogue's tables for the time and the local times of all shards."""
    usage = backend.read_parquet([str(shard.usage) for shard in shards])
    known = [parquet.read_metadata(shard.usage) for shard in shards]
    service = backend.read_parquet([str(shard.service) for shard in shards], filename=True)
    for column in TOGETHER:
        _check_apart(backend, service, column)
    ends = _stated_ends(known, until)
    if ends is None:
        ends = backend.to_pyarrow(ends_of(usage, until))
    first_s, after_s = span_between(ends, until)
    named = [service] if _is_empty(known, "time_zone") else [service, usage]
    zones = time_zones(backend, *named)
    return compiled(catalogue, from_s=first_s, to_s=after_s, time_zones=zones)


def _stated_ends(known: Sequence[parquet.FileMetaData], until: datetime) -> pa.Table | None:
    """What ``ends_of`` gives, where the files state it: every stamp in them is sound.

    Reading millions of stamps for their ends takes a tenth of the time of rating them.
    """
    asked = [chunk.statistics for chunk in _chunks(known, "started_at")]
    stated = [each for each in asked if each is not None and each.has_min_max]
    if not stated or len(stated) < len(asked):
        return None
    first_s = min(_second(each.min) for each in stated)
    last_s = max(_second(each.max) for each in stated)
    if first_s < guide.EARLIEST_S or last_s >= int(until.timestamp()):
        return None
    return pa.table({"first": [first_s], "last": [last_s]})


def _second(stamp: Any) -> int:
    return int(stamp.replace(tzinfo=UTC, microsecond=0).timestamp())


def _is_empty(known: Sequence[parquet.FileMetaData], column: str) -> bool:
    """Whether the files state that none of their rows has a value there."""
    return all(
        chunk.statistics is not None and chunk.statistics.null_count == chunk.num_values
        for chunk in _chunks(known, column)
    )


def _chunks(
    known: Sequence[parquet.FileMetaData], column: str
) -> Iterator[parquet.ColumnChunkMetaData]:
    for file in known:
        position = file.schema.names.index(column)
        for group in range(file.num_row_groups):
            yield file.row_group(group).column(position)


def _check_apart(backend: Backend, service: ir.Table, column: str) -> None:
    """Refuse what lies in two shards: each of them would grant its allowances once more."""
    named = service.filter(service[column].fill_null("") != "")
    files = named.group_by(column).aggregate(first=named.filename.min(), last=named.filename.max())
    torn = backend.to_pyarrow(files.filter(files["first"] != files["last"]).limit(1)).to_pylist()
    for row in torn:
        raise BadSnapshot(
            f"the same {column} is in another shard too",
            file=row["first"],
            field=column,
            value=row[column],
            cure="put all services of an account and of a group into one shard",
        )
