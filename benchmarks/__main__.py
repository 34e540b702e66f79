"""`make bench`: measure the main job at several sizes; print and store the table."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import machine, versions
from benchmarks.pipeline import measure
from benchmarks.report import page, sizes_as_text

ROOT = Path(__file__).parents[1]
SIZES = (10_000, 100_000, 1_000_000)
REPEAT = 3
LARGE = 1_000_000  # from here on one run says enough: what disturbs it is small beside it


def main() -> None:
    """Measure each size, write the page and the raw numbers, and print the table."""
    options = _options()
    where = machine()
    runs = []
    for size in options.sizes:
        for number in range(1, _repeats(size, options.repeat) + 1):
            print(f"{size:,} accounts, run {number}", flush=True)
            runs.append(measure(size))
    date = datetime.now(UTC).date().isoformat()
    measured = {"date": date, "machine": where, "versions": versions(), "runs": runs}
    _write(options.out / "benchmarks" / "results.json", json.dumps(measured, indent=1) + "\n")
    _write(options.out / "docs" / "benchmarks.md", page(measured))
    print(sizes_as_text(measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="accounts, joined by commas")
    parser.add_argument("--repeat", type=int, help="runs of each size; else 3, of a million one")
    parser.add_argument("--out", type=Path, default=ROOT, help="the folder to write below")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _repeats(size: int, asked: int | None) -> int:
    return asked or (1 if size >= LARGE else REPEAT)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
