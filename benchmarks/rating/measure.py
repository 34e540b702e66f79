"""Rating at several sizes: each part in a process of its own, on a carrier made for it."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.parts import measure_part
from benchmarks.rating.carrier import make_carrier

PLAIN_EVENTS = 100_000  # as many as a loop in Python rates in a minute
SIZED = ("scan", "charges", "events")
TRIES = 3
TRIED_ONCE = 50_000_000  # events from which on one try is long enough to be sure of


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """Loops in Python; all sizes; on the smallest, the statements one by one, and one event."""
    with _carrier(min(PLAIN_EVENTS, *sizes)) as folder:
        for part in SIZED:
            _part(part, folder)  # the first of a version writes the SQL that all others find
        plain = _part("plain", folder)
    found: dict[str, Any] = {"runs": [_sized(size) for size in sizes], "plain": plain}
    with _carrier(min(sizes)) as folder:
        found["stages"] = _part("stages", folder)
        found["ask"] = _part("ask", folder)
    return found


def _sized(events: int) -> dict[str, Any]:
    """One size: rolled up, with every event, and the bare scan of the same files."""
    tries = 1 if events >= TRIED_ONCE else TRIES
    with _carrier(events) as folder:
        parts = {part: _tried(part, folder, tries) for part in SIZED}
    came = [parts[part]["states"]["retail"]["in"]["events"] for part in ("charges", "events")]
    assert came[0] == came[1], came
    return {"events": came[0]} | {"parts": parts}


def _tried(part: str, folder: Path, tries: int) -> dict[str, Any]:
    """The try that took the median time, and the times of all."""
    found = sorted((_part(part, folder) for _ in range(tries)), key=lambda each: each["seconds"])
    return found[tries // 2] | {"tries": [each["seconds"] for each in found]}


@contextmanager
def _carrier(events: int) -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="crossbill-bench-rating-"))
    try:
        print(f"{events:,} events", flush=True)
        carrier = make_carrier(folder / "carrier", events)
        os.sync()  # or the system would write the files while they are rated
        yield carrier
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _part(part: str, folder: Path) -> dict[str, Any]:
    return measure_part("benchmarks.rating.run", part, folder)
