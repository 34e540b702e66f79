"""Who rates shards: this process one after the other, or several processes at once.

In threads of one process they would wait for one another, for the interpreter and for the memory
that the kernel takes back from all of them: a twentieth of the time.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.util import Finalize
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.duckdb import connect, read_parquet, store_rows
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.rating.rate_compiled import OneAfterAnother
from crossbill.platform.rating.shard_result import ShardResult, fingerprint, stored, write_result

FOLDER = "shard-"
MODULES = "crossbill.platform.rating.worker_modules"
FROM_A_CLEAN_PROCESS = get_context("forkserver")  # a fork of this one would share what threads hold

Told = Callable[[ShardResult], None]


class WorkerEnded(Refusal):
    """A process that rated shards was ended from outside. Rate again: it goes on where it was."""

    code: ClassVar[str] = "WORKER_ENDED"


@dataclass(frozen=True)
class Shard:
    """One part of the population: its services and their usage."""

    name: str
    service: Path
    usage: Path


@dataclass(frozen=True)
class Job:
    """What is the same for all shards: the compiled catalogue, where to, and how much of it."""

    tables: Mapping[str, pa.Table]
    terms: bytes  # what they are, as a digest
    out: Path
    events: bool  # every rated event is written, not only what they add up to
    megabytes: int  # of each worker


def get_ready() -> None:
    """Begin to read the modules of workers, beside whatever comes before their work."""
    FROM_A_CLEAN_PROCESS.set_forkserver_preload([MODULES])
    forkserver.ensure_running()


def rate_each(shards: Sequence[Shard], job: Job, workers: int, told: Told) -> Iterator[ShardResult]:
    """The results of all shards as they come; ``told`` hears of each."""
    rate = _one_by_one(shards, job) if workers == 1 else _at_once(shards, job, workers)
    for result in rate:
        told(result)
        yield result


def _one_by_one(shards: Sequence[Shard], job: Job) -> Iterator[ShardResult]:
    with _rater(job) as rate:
        yield from map(rate, shards)


def _at_once(shards: Sequence[Shard], job: Job, workers: int) -> Iterator[ShardResult]:
    """When one fails, the others end with what they are at, and its error is raised."""
    pool = ProcessPoolExecutor(workers, FROM_A_CLEAN_PROCESS, _begin, (job, dict(os.environ)))
    with pool:
        waiting = [pool.submit(_rate_here, shard) for shard in shards]
        try:
            for done in as_completed(waiting):
                yield _result(done)
        finally:
            pool.shutdown(cancel_futures=True)


def _result(done: Future[ShardResult]) -> ShardResult:
    try:
        return done.result()
    except BrokenProcessPool as error:
        raise WorkerEnded(
            "a worker was ended while it rated a shard, as the system does when memory runs out",
            cure="rate again, with less --memory or fewer --workers if it happens again",
        ) from error


_HERE = ExitStack()  # of a worker: its engine
_RATE: list[Callable[[Shard], ShardResult]] = []


def _begin(job: Job, environment: Mapping[str, str]) -> None:
    """Open a worker's engine, in the surroundings of the process that asked for it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    _RATE.append(_HERE.enter_context(_rater(job)))
    Finalize(None, _HERE.close, exitpriority=0)


def _end_with_parent() -> None:
    """Nobody waits for what this process makes once the one that asked for it is killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _rate_here(shard: Shard) -> ShardResult:
    return _RATE[0](shard)


@contextmanager
def _rater(job: Job) -> Iterator[Callable[[Shard], ShardResult]]:
    """Rates one shard after the other by one engine."""
    engine = connect(
        memory=f"{job.megabytes}MB",
        threads=1,
        joins_as_written=not job.events,
        kept_memory=f"{job.megabytes // 2}MB",
    )
    with engine as backend:
        held = {
            name: store_rows(backend, f"compiled_{name}", rows) for name, rows in job.tables.items()
        }
        rating = OneAfterAnother(backend, held, named=job.events)
        yield partial(_rated, backend, rating, job)


def _rated(backend: Backend, rating: OneAfterAnother, job: Job, shard: Shard) -> ShardResult:
    """The result of one shard, made now unless it is there."""
    folder = job.out / f"{FOLDER}{shard.name}"
    made_of = fingerprint(job.terms, (shard.service, shard.usage), job.events)
    found = stored(folder, made_of)
    if found is not None:
        return found
    with refusing_overflow():
        came = (read_parquet(backend, [str(path)]) for path in (shard.service, shard.usage))
        rated = rating.rate(*came)
        return write_result(backend, rated, folder, events=job.events, made_of=made_of)
