"""The benchmark itself: it runs at the smallest size and writes its table. No time is asserted."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import page

ROOT = Path(__file__).parents[1]


def run(accounts: int, replace_seconds: float) -> dict[str, object]:
    return {
        "accounts": accounts,
        "seconds": {"start": 5.0, "generate": 1.0, "replace": replace_seconds},
        "stages": {"load": 3.0},
        "bare_copy_seconds": 2.0,
        "memory_kb": {"replace": {"python": 1024, "postgres": 2048}},
    }


def test_page_shows_medians_and_how_they_scale():
    runs = [run(100, 10.0), run(100, 30.0), run(100, 20.0), run(1100, 420.0)]
    measured = {"machine": {"cores": "2"}, "versions": {}, "date": "2024-06-30", "runs": runs}
    text = page(measured)
    assert "| 100 | 3 | 5.0 | 1.0 | 20.0 | 5 |  | 1 | 2 | 1.50 |" in text
    assert "| 1,100 | 1 | 5.0 | 1.0 | 420.0 | 3 | 2.00 | 1 | 2 | 1.50 |" in text


def test_benchmark_runs_at_a_hundred_accounts_and_writes_its_table(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--sizes", "100", "--repeat", "1"]
    subprocess.run([*command, "--out", str(tmp_path)], cwd=ROOT, check=True, timeout=600)
    measured = json.loads((tmp_path / "benchmarks" / "results.json").read_text())
    (only,) = measured["runs"]
    assert sum(only["states"].values()) == 100
    assert only["memory_kb"]["replace"]["both"] > 0
    assert (tmp_path / "docs" / "benchmarks.md").read_text() == page(measured)
