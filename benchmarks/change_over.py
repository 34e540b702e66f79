"""One measured change-over of the sample carrier, in a process of its own and a fresh home.

Run as ``python -m benchmarks.change_over ACCOUNTS SEED``, with ``CROSSBILL_HOME`` naming the home.
Prints one JSON object a line: each phase as it begins, and last the result.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Start up, generate the extract, move everybody over; then the anchor on the same rows."""
    accounts, seed = int(sys.argv[1]), int(sys.argv[2])
    _say(phase="start")
    began = time.perf_counter()
    from crossbill.config import ready

    ready()
    seconds = {"start": time.perf_counter() - began}
    from benchmarks import bare_copy

    bare_copy.make_twin()
    seconds["generate"], extract = _generate(accounts, seed)
    seconds["replace"], replacement = _replace(extract)
    result = _result(replacement)
    _say(phase="anchor")
    result["bare_copy_seconds"] = bare_copy.measure(replacement.carrier_id)
    _say(result=result | {"accounts": accounts, "seconds": seconds})


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _generate(accounts: int, seed: int) -> tuple[float, Path]:
    from crossbill.config.environment import read_environment
    from crossbill.sample.operations import generate

    _say(phase="generate")
    began = time.perf_counter()
    folder = read_environment().home / "sample"
    generate(
        accounts=accounts,
        seed=seed,
        extract_dir=folder / "extract",
        truth_dir=folder / "truth",
    )
    return time.perf_counter() - began, folder / "extract"


def _replace(extract: Path) -> tuple[float, Any]:
    from crossbill.replacement.operations import replace
    from crossbill.sample import carrier_folder

    _say(phase="replace")
    began = time.perf_counter()
    replacement = replace(spec_path=carrier_folder() / "replacement.yaml", data=extract)
    return time.perf_counter() - began, replacement


def _result(replacement: Any) -> dict[str, Any]:
    """What each stage took until its totals stood in the books; together they are the run."""
    from crossbill.replacement.queries import summary

    stages: dict[str, float] = {}
    before = replacement.run.created_at
    for stage in replacement.run.stages.order_by("position"):
        step = stage.name.split("-")[0]  # of all waves together
        stages[step] = stages.get(step, 0.0) + (stage.finished_at - before).total_seconds()
        before = stage.finished_at
    known = summary(replacement)
    return {"stages": stages, "states": known["states"], "bills": known["bills"]}


if __name__ == "__main__":
    main()
