"""The comparison at several sizes and with two limits of memory, beside the bare join."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Any

from benchmarks.comparison.sides import make_sides
from benchmarks.parts import ROOT, measure_part

RUN = "benchmarks.comparison.run"
LIMITS = ("8GB", "1GB")
TURNS = 3  # of the join and of ours, one after the other: the median of each counts
# Up to how many records each is tried; beyond, datacompy needs more than 8 GB for both sides.
PEERS = {"datacompy": 4_000_000, "reladiff": 10_000_000}
PEERS_PYTHON = ROOT / ".venv" / "peers" / "bin" / "python"  # from ``make peers``


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """Each size with each limit; both ways find the same records or there is no result."""
    found = []
    for size in sizes:
        with _sides(size) as folder:
            runs = [{"records": size, "limit": limit} | _both(folder, limit) for limit in LIMITS]
            if PEERS_PYTHON.exists():
                runs[0] |= _peers(folder, runs[0])
            found += runs
    return {"runs": found}


def _both(folder: Path, limit: str) -> dict[str, Any]:
    turns: dict[str, list[dict[str, Any]]] = {"bare": [], "crossbill": []}
    for _ in range(TURNS):
        for name, runs in turns.items():
            runs.append(measure_part(RUN, f"{name}-{limit}", folder))
    agreed = {(run["alone"], run["different"]) for runs in turns.values() for run in runs}
    assert len(agreed) == 1, f"they do not find the same: {agreed}"
    ((alone, different),) = agreed
    return {"alone": alone, "different": different} | {n: _middle(r) for n, r in turns.items()}


def _peers(folder: Path, ours: dict[str, Any]) -> dict[str, Any]:
    """What the others need for the same, once each; they have to find the same records."""
    tried = [peer for peer, most in PEERS.items() if ours["records"] <= most]
    found = {peer: measure_part(RUN, f"{peer}-{LIMITS[0]}", folder, PEERS_PYTHON) for peer in tried}
    for peer, run in found.items():
        same = all(run[name] == ours[name] for name in ("alone", "different"))
        assert same, f"{peer} does not find the same: {run}"
    return found


def _middle(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = ("seconds", "cpu_seconds", "memory_kb")
    return {name: median(run[name] for run in runs) for name in names}


@contextmanager
def _sides(records: int) -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="crossbill-bench-comparison-"))
    try:
        print(f"{records:,} records on each side", flush=True)
        yield make_sides(folder / "sides", records)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
