"""The search at several sizes; it finds the hidden rules, or there is no result."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from benchmarks.inference.carrier import RULES, make_folder
from benchmarks.parts import measure_part

RUN = "benchmarks.inference.run"


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """Each size: lines read and reproduced, time and memory."""
    return {"runs": [_one(size) for size in sizes]}


def _one(size: int) -> dict[str, Any]:
    folder = Path(mkdtemp(prefix="crossbill-bench-inference-"))
    try:
        print(f"about {size:,} lines", flush=True)
        found = measure_part(RUN, "infer", make_folder(folder / "old", size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rules = yaml.safe_load(RULES)
    told = found["policy"] | {"policy_code": rules["policy_code"]}
    assert told == rules, f"other rules were found: {told}"
    assert found["lines"]["read"] == found["lines"]["reproduced"], found["lines"]
    return found
