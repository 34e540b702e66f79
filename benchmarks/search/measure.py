"""The search at several sizes, each on books of its own."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.parts import measure_part

RUN = "benchmarks.search.run"


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """Every question at each size."""
    found = []
    for size in sizes:
        print(f"{size:,} accounts to search", flush=True)
        folder = Path(mkdtemp(prefix="crossbill-bench-search-"))
        try:
            found.append({"accounts": size} | measure_part(RUN, str(size), folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return {"runs": found}
