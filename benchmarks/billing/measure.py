"""Billing at several sizes: each in a process of its own, on a population made for it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.billing.carrier import make_population
from benchmarks.parts import measure_part

RUN = "benchmarks.billing.run"


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """All sizes; then, on the smallest, the statements one by one, and one account's preview."""
    found: dict[str, Any] = {"runs": []}
    for size in sizes:
        with _population(size) as folder:
            found["runs"].append({"accounts": size} | measure_part(RUN, "compute", folder))
    with _population(min(sizes)) as folder:
        found["stages"] = measure_part(RUN, "stages", folder)
        found["preview"] = measure_part(RUN, "preview", folder)
    return found


@contextmanager
def _population(accounts: int) -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="crossbill-bench-billing-"))
    try:
        print(f"{accounts:,} accounts", flush=True)
        yield make_population(folder / "population", accounts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
