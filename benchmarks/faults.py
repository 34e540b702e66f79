"""How well faults are found: an estate with known ones is reconciled and scored against the truth.

Run as ``.venv/bin/python benchmarks/faults.py --accounts N --seed S [--rate PPM] [--json]``.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.sample.estate.generate import RATE_PPM, generate
from crossbill.sample.estate.reconcile import account_classes, chain, described, reconcile
from crossbill.sample.estate.score import FIGURES, score_differences, score_findings


def main() -> None:
    """Generate, reconcile, score, print."""
    chosen = _arguments()
    with _folder() as folder:
        began = time.monotonic()
        generate(folder, accounts=chosen.accounts, seed=chosen.seed, rate_ppm=chosen.rate)
        made_s = time.monotonic() - began
        found = _measured(folder)
    result = {"accounts": chosen.accounts, "seed": chosen.seed, "generate_s": _s(made_s), **found}
    print(json.dumps(result, indent=1) if chosen.json else _in_words(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rate", type=int, default=RATE_PPM, help="accounts of a kind, in a million"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="crossbill-bench-faults-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(folder: Path) -> dict[str, Any]:
    """Seconds of comparing, classing and finding, as a whole; then the score."""
    began = time.monotonic(), time.process_time()
    chain()
    compiled_s = time.monotonic() - began[0]
    with connect() as backend, refusing_overflow():
        began = time.monotonic(), time.process_time()
        done = reconcile(backend, folder)
        took = time.monotonic() - began[0], time.process_time() - began[1]
        truth = folder / "truth"
        kinds = score_differences(truth, account_classes(backend, done))
        findings = score_findings(truth, described(backend, done))
    return {
        "compile_s": _s(compiled_s),
        "reconcile_s": _s(took[0]),
        "reconcile_cpu_s": _s(took[1]),
        "kinds": kinds,
        "all_kinds": {name: sum(one[name] for one in kinds.values()) for name in FIGURES},
        "findings": findings,
    }


def _s(seconds: float) -> float:
    return round(seconds, 1)


def _in_words(result: dict[str, Any]) -> str:
    """The score as a table for people."""
    head = f"{'kind':<58}" + "".join(f"{name:>12}" for name in FIGURES)
    rows = [
        f"{kind:<58}" + "".join(f"{figures[name]:>12,}" for name in FIGURES)
        for kind, figures in (*result["kinds"].items(), ("all", result["all_kinds"]))
    ]
    found = result["findings"]
    said = (
        f"{found['named']} of {found['true_causes']} shared causes named, {found['false']} false; "
        f"{result['accounts']:,} accounts reconciled in {result['reconcile_s']} s"
    )
    return "\n".join([head, *rows, said])


if __name__ == "__main__":
    sys.exit(main())
