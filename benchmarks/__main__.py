"""`make bench`: measure the jobs at several sizes; print and store their tables."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.billing.measure import measure as measure_billing
from benchmarks.billing.report import sizes_table as bills_table
from benchmarks.comparison.measure import measure as measure_comparison
from benchmarks.comparison.report import sizes_table as comparison_table
from benchmarks.inference.measure import measure as measure_inference
from benchmarks.inference.report import sizes_table as inference_table
from benchmarks.machine import machine, versions
from benchmarks.pipeline import measure
from benchmarks.rating.measure import measure as measure_rating
from benchmarks.rating.report import sizes_table
from benchmarks.report import page, sizes_as_text
from benchmarks.search.measure import measure as measure_search
from benchmarks.search.report import sizes_table as search_table
from benchmarks.two_databases import measure as measure_databases
from benchmarks.two_databases_report import sizes_table as databases_table

ROOT = Path(__file__).parents[1]
SIZES = (10_000, 100_000, 1_000_000)
RATING_SIZES = (2_000_000, 20_000_000, 100_000_000)
BILLING_SIZES = (10_000, 100_000, 1_000_000)
COMPARISON_SIZES = (1_000_000, 4_000_000, 10_000_000)
DATABASES_SIZES = (1_000_000, 10_000_000)
INFERENCE_SIZES = (100_000, 1_000_000)
SEARCH_SIZES = (100_000, 1_000_000)
REPEAT = 3
LARGE = 1_000_000  # from here on one run says enough: what disturbs it is small beside it


def main() -> None:
    """Measure each job, write the raw numbers and the page, and print the tables."""
    options = _options()
    for job in (options.only,) if options.only else tuple(JOBS):
        where = machine()
        found = JOBS[job][0](options)
        date = datetime.now(UTC).date().isoformat()
        measured = {"date": date, "machine": where, "versions": versions()} | found
        _write(_results(options.out, job), json.dumps(measured, indent=1) + "\n")
        print(JOBS[job][1](measured))
    _write(
        options.out / "docs" / "benchmarks.md", page(**{j: _known(options.out, j) for j in JOBS})
    )


def _pipeline(options: argparse.Namespace) -> dict[str, Any]:
    runs = []
    for size in options.sizes:
        for number in range(1, _repeats(size, options.repeat) + 1):
            print(f"{size:,} accounts, run {number}", flush=True)
            runs.append(measure(size))
    return {"runs": runs}


def _rating(options: argparse.Namespace) -> dict[str, Any]:
    return measure_rating(options.rating_sizes)


def _billing(options: argparse.Namespace) -> dict[str, Any]:
    return measure_billing(options.billing_sizes)


def _comparison(options: argparse.Namespace) -> dict[str, Any]:
    return measure_comparison(options.comparison_sizes)


def _databases(options: argparse.Namespace) -> dict[str, Any]:
    return measure_databases(options.databases_sizes)


def _inference(options: argparse.Namespace) -> dict[str, Any]:
    return measure_inference(options.inference_sizes)


def _search(options: argparse.Namespace) -> dict[str, Any]:
    return measure_search(options.search_sizes)


# Each job: what measures it, and what shows it. Their order is that of the page.
JOBS = {
    "pipeline": (_pipeline, sizes_as_text),
    "rating": (_rating, sizes_table),
    "billing": (_billing, bills_table),
    "comparison": (_comparison, comparison_table),
    "databases": (_databases, databases_table),
    "inference": (_inference, inference_table),
    "search": (_search, search_table),
}


def _results(out: Path, job: str) -> Path:
    name = "results.json" if job == "pipeline" else f"results-{job}.json"
    return out / "benchmarks" / name


def _known(out: Path, job: str) -> dict[str, Any] | None:
    """What was measured of a job, now or the last time."""
    path = _results(out, job)
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="accounts, joined by commas")
    parser.add_argument("--repeat", type=int, help="runs of each size; else 3, of a million one")
    parser.add_argument("--only", choices=JOBS, help="one of the jobs")
    parser.add_argument(
        "--rating-sizes", type=_numbers, default=RATING_SIZES, help="events, joined by commas"
    )
    parser.add_argument(
        "--billing-sizes", type=_numbers, default=BILLING_SIZES, help="accounts, joined by commas"
    )
    parser.add_argument(
        "--comparison-sizes",
        type=_numbers,
        default=COMPARISON_SIZES,
        help="records on each side, joined by commas",
    )
    parser.add_argument(
        "--databases-sizes",
        type=_numbers,
        default=DATABASES_SIZES,
        help="rows of each database, joined by commas",
    )
    parser.add_argument(
        "--inference-sizes",
        type=_numbers,
        default=INFERENCE_SIZES,
        help="lines of old bills, joined by commas",
    )
    parser.add_argument(
        "--search-sizes", type=_numbers, default=SEARCH_SIZES, help="accounts, joined by commas"
    )
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
