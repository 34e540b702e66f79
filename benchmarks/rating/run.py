"""One measured part of the rating benchmark, in a process of its own; prints one JSON object.

Run as ``python -m benchmarks.rating.run PART FOLDER``, where the folder has a carrier.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import rmtree
from statistics import median
from typing import Any

from pyarrow import parquet

from benchmarks.quiet import quiet_engine

MEMORY = "8GB"
UNTIL = datetime(2024, 4, 1, tzinfo=UTC)
READ = (
    "usage_key", "service_key", "usage_type", "started_at", "quantity", "destination", "network",
    "time_zone", "amount_nanos", "currency",
)  # fmt: skip
QUESTIONS = 21
ORACLE = Path(__file__).parents[2] / "tests"


def main() -> None:
    """Measure the part that the command line names."""
    part, folder = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(PARTS[part](folder)))


def _timed(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Seconds on the wall, and the result."""
    began = time.perf_counter()
    result = work()
    return {"seconds": time.perf_counter() - began}, result


def _rate(folder: Path, *, events: bool) -> dict[str, Any]:
    """Rate all shards, from the catalogue's file to the last receipt."""
    from crossbill.platform.rating.shard_result import totals
    from crossbill.platform.rating.shards import rate_shards

    out = folder / "out"
    rmtree(out, ignore_errors=True)
    took, results = _timed(
        lambda: rate_shards(
            catalogue=folder / "catalogue.yaml",
            snapshot=folder,
            out=out,
            until=UNTIL,
            events=events,
            memory=MEMORY,
            workers=_cores(),
        )
    )
    written = sum(receipt.bytes for result in results for receipt in result.files.values())
    rmtree(out)
    return took | totals(results) | {"workers": min(_cores(), len(results)), "bytes": written}


def scan(folder: Path) -> dict[str, Any]:
    """Read the columns that rating reads, and do as little as can be done with them."""
    usage = folder / "usage-*.parquet"
    query = f"SELECT {', '.join(f'max({column})' for column in READ)} FROM read_parquet('{usage}')"
    with quiet_engine() as engine:
        engine.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {_cores()}")
        return _timed(lambda: engine.execute(query).fetchall())[0]


def stages(folder: Path) -> dict[str, Any]:
    """One shard on one thread: what each statement of the engine takes, and the same by hand."""
    from benchmarks.rating.by_hand import by_hand
    from crossbill.engine.rating_datasets import RATED_USAGE
    from crossbill.engine.store import Store

    with _rated(folder, named=False) as (backend, rolled_up, done):
        backend.to_pyarrow(done["usage_charge"])
        rolled_up.lap("usage_charge")
    store = Store(str(folder / "out"))
    with _rated(folder, named=True) as (backend, every_event, done):
        backend.to_pyarrow(done["usage_charge"])
        every_event.lap("usage_charge")
        rows = backend.to_pyarrow_batches(done["rated_usage"])
        written = store.write_table(store.path("rated_usage.parquet"), rows, RATED_USAGE)
        every_event.lap("rated_usage")
        hand = by_hand(backend)
    rmtree(folder / "out")
    laps = {"rolled_up": rolled_up.laps, "every_event": every_event.laps}
    return {"events": written.rows, "cpu_seconds": laps, "by_hand": hand}


@contextmanager
def _rated(folder: Path, *, named: bool) -> Iterator[tuple[Any, "_Clock", dict[str, Any]]]:
    """The first shard as `rate_shards` rates it, with what each stored step took."""
    from crossbill.engine.duckdb import connect
    from crossbill.platform.rating.rate import rating
    from crossbill.platform.rating.rate_compiled import with_buckets
    from crossbill.platform.rating.shape import shape_of

    with connect(
        memory=MEMORY, threads=1, joins_as_written=not named, kept_memory="2GB"
    ) as backend:
        held = with_buckets(backend, _compiled(backend, folder))
        chain = rating(shape_of(backend, held, named=named))
        chain.run(backend, {name: held[name] for name in chain.inputs})  # fetches its memory
        clock = _Clock()
        done = chain.run(backend, {name: held[name] for name in chain.inputs}, told=clock.lap)
        yield backend, clock, done


def _compiled(backend: Any, folder: Path) -> dict[str, Any]:
    """The first shard and the catalogue's tables for it."""
    from crossbill.engine.duckdb import read_parquet, store_rows
    from crossbill.platform.rating.catalogue import read_catalogue
    from crossbill.platform.rating.compile import compiled
    from crossbill.platform.rating.rate_files import span_of, time_zones

    held = {
        name: read_parquet(backend, [str(folder / f"{name}-0000.parquet")])
        for name in ("service", "usage")
    }
    first_s, after_s = span_of(backend, held["usage"], UNTIL)
    tables = compiled(
        read_catalogue(folder / "catalogue.yaml"),
        from_s=first_s,
        to_s=after_s,
        time_zones=time_zones(backend, *held.values()),
    )
    return held | {name: store_rows(backend, f"compiled_{name}", tables[name]) for name in tables}


class _Clock:
    """What each step took of the processor; steps that are passed on take nothing themselves."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.before = time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.laps[name], self.before = now - self.before, now


def plain(folder: Path) -> dict[str, Any]:
    """The same events one at a time in Python; their amounts must be those of the engine."""
    sys.path.insert(0, str(ORACLE))
    from benchmarks.rating.plain import DecimalRater, oracle, read_terms

    engine = _engine_amounts(folder)
    terms = read_terms(folder)
    services = parquet.read_table(folder / "service-0000.parquet").to_pylist()
    usage = parquet.read_table(folder / "usage-0000.parquet").to_pylist()
    loop, decimals = _timed(lambda: dict(DecimalRater(terms, services).rated(usage)))
    slow, fractions = _timed(lambda: dict(oracle(terms, services, usage)))
    assert _differences(engine, decimals) == [], "the decimal loop differs"
    assert _differences(engine, fractions) == [], "the oracle differs"
    return {"events": len(usage), "decimal": loop, "oracle": slow, "nanos": sum(engine.values())}


def _differences(one: dict[str, int], other: dict[str, int]) -> list[tuple[str, Any, Any]]:
    """Some of the events whose amounts differ."""
    keys: Iterable[str] = one.keys() | other.keys()
    unlike = ((k, one.get(k), other.get(k)) for k in keys if one.get(k) != other.get(k))
    return list(islice(unlike, 5))


def _engine_amounts(folder: Path) -> dict[str, int]:
    from crossbill.platform.rating.shards import rate_shards

    out = folder / "out"
    rate_shards(catalogue=folder / "catalogue.yaml", snapshot=folder, out=out, until=UNTIL)
    rated = parquet.read_table(out / "shard-0000" / "rated_usage.parquet")
    rmtree(out)
    return dict(zip(rated["usage_key"].to_pylist(), rated["amount_nanos"].to_pylist(), strict=True))


def ask(folder: Path) -> dict[str, Any]:
    """One event, priced and explained, in a process that has answered before."""
    from crossbill.platform.rating.ask import Question, ask
    from crossbill.platform.rating.current import current

    seconds = []
    for number in range(QUESTIONS):
        question = Question(
            plan_code="plan-2", policy_code="exact-1", usage_type="voice",
            started_at=datetime(2024, 3, 4, 18, 57, number), time_zone="Europe/Zurich",
            quantity=400 + number, destination="41791234567",
        )  # fmt: skip
        took, found = _timed(partial(ask, current(folder / "catalogue.yaml"), question))
        assert found.agrees
        seconds.append(took["seconds"])
    return {"first_ms": seconds[0] * 1000, "warm_ms": median(seconds[1:]) * 1000}


def _cores() -> int:
    return len(os.sched_getaffinity(0))


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "charges": lambda folder: _rate(folder, events=False),
    "events": lambda folder: _rate(folder, events=True),
    "scan": scan,
    "stages": stages,
    "plain": plain,
    "ask": ask,
}

if __name__ == "__main__":
    main()
