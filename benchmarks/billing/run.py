"""One measured part of the billing benchmark, in a process of its own; prints one JSON object.

Run as ``python -m benchmarks.billing.run PART FOLDER``, where the folder has a population.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from statistics import median
from typing import Any

import ibis

MEMORY = "8GB"
PERIOD = "2026-03"
PREVIEWS = 21


def main() -> None:
    """Measure the part that the command line names."""
    part, folder = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(PARTS[part](folder)))


def compute(folder: Path) -> dict[str, Any]:
    """The whole command: from the files to the receipt."""
    os.environ["CROSSBILL_ENGINE_MEMORY"] = MEMORY
    from crossbill.platform.billing.compute_parts import compute as compute_parts

    out = folder / "out"
    rmtree(out, ignore_errors=True)
    began, spent = time.perf_counter(), time.process_time()
    found = compute_parts(folder, period=PERIOD, policy=_policy(folder), out=out)
    took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - spent}
    written = sum(path.stat().st_size for path in out.glob("*.parquet"))
    rmtree(out)
    lines = sum(row["lines"] for row in found["categories"])
    return took | {"totals": found["totals"], "lines": lines, "bytes": written}


def stages(folder: Path) -> dict[str, Any]:
    """All of it on one thread: what each statement of the engine takes of the processor."""
    from crossbill.engine.duckdb import connect
    from crossbill.platform.billing.bills import billing, complete, shape_of

    laps: dict[str, float] = {}
    with connect(memory=MEMORY, threads=1) as backend:
        held = complete(backend, _tables(backend, folder))
        chain, before = billing(shape_of(backend, held)), [time.process_time()]

        def told(name: str) -> None:
            now = time.process_time()
            laps[name], before[0] = now - before[0], now

        done = chain.run(backend, held, told=told)
        lines = backend.to_pyarrow(done["bill_line"].count()).as_py()
    return {"lines": lines, "cpu_seconds": laps}


def preview(folder: Path) -> dict[str, Any]:
    """One account's bill, in a process that has billed before."""
    from crossbill.engine.duckdb import connect
    from crossbill.platform.billing.bills import bill_population
    from crossbill.platform.billing.compute import only

    seconds = []
    with connect(memory=MEMORY, threads=1) as backend:
        tables = only(backend, _tables(backend, folder), "A000000007")
        for _ in range(PREVIEWS):
            began = time.perf_counter()
            backend.to_pyarrow(bill_population(backend, tables)["bill"])
            seconds.append(time.perf_counter() - began)
    return {"first_ms": seconds[0] * 1000, "warm_ms": median(seconds[1:]) * 1000}


def _tables(backend: Any, folder: Path) -> dict[str, Any]:
    from crossbill.platform.billing.compute import periods, with_policy
    from crossbill.platform.billing.read_snapshot import read_snapshot

    tables = with_policy(backend, read_snapshot(backend, folder), _policy(folder))
    return tables | {"periods": ibis.memtable(periods(PERIOD))}


def _policy(folder: Path) -> str:
    return str(folder / "policy.yaml")


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "compute": compute,
    "stages": stages,
    "preview": preview,
}

if __name__ == "__main__":
    main()
