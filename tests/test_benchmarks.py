"""The benchmark itself: it runs at the smallest size and writes its table. No time is asserted."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from compiled_once import share_compiled

from benchmarks import __main__, pipeline, two_databases
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


def bench(out: Path, *options: str) -> None:
    command = [sys.executable, "-m", "benchmarks", *options, "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)


def test_page_shows_medians_and_how_they_scale():
    runs = [run(100, 10.0), run(100, 30.0), run(100, 20.0), run(1100, 420.0)]
    measured = {"machine": {"cores": "2"}, "versions": {}, "date": "2024-06-30", "runs": runs}
    text = page(pipeline=measured)
    assert "| 100 | 3 | 5.0 | 1.0 | 20.0 | 5 |  | 1 | 2 | 1.50 |" in text
    assert "| 1,100 | 1 | 5.0 | 1.0 | 420.0 | 3 | 2.00 | 1 | 2 | 1.50 |" in text


def home(prefix: str) -> str:
    """A fresh home, but for what other tests have compiled."""
    folder = mkdtemp(prefix=prefix)
    share_compiled(Path(folder))
    return folder


def test_benchmark_runs_at_a_hundred_accounts_and_writes_its_table(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(pipeline, "mkdtemp", home)
    words = ["--only", "pipeline", "--sizes", "100", "--repeat", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
    __main__.main()
    measured = json.loads((tmp_path / "benchmarks" / "results.json").read_text())
    (only,) = measured["runs"]
    assert sum(only["states"].values()) == 100
    assert only["memory_kb"]["replace"]["both"] > 0
    assert (tmp_path / "docs" / "benchmarks.md").read_text() == page(pipeline=measured)


def test_rating_benchmark_rates_like_plain_python_and_writes_its_table(tmp_path):
    bench(tmp_path, "--only", "rating", "--rating-sizes", "2000")
    measured = json.loads((tmp_path / "benchmarks" / "results-rating.json").read_text())
    assert [run["events"] for run in measured["runs"]] == [2000]
    for run in measured["runs"]:
        rolled_up, every_event = (run["parts"][part]["amounts"] for part in ("charges", "events"))
        assert rolled_up == every_event
    assert measured["plain"]["nanos"] > 0
    assert measured["stages"]["events"] == 1000  # one of two shards
    text = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert text == page(rating=measured)
    assert "| 2,000 |" in text


def test_billing_benchmark_bills_and_writes_its_table(tmp_path):
    bench(tmp_path, "--only", "billing", "--billing-sizes", "300")
    measured = json.loads((tmp_path / "benchmarks" / "results-billing.json").read_text())
    (only,) = measured["runs"]
    assert only["totals"][0]["bills"] == only["accounts"] == 300
    assert measured["stages"]["lines"] == only["lines"] > 2000
    text = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert text == page(billing=measured)
    assert "| 300 |" in text


def test_comparison_benchmark_finds_what_the_bare_join_finds_and_writes_its_table(tmp_path):
    bench(tmp_path, "--only", "comparison", "--comparison-sizes", "20000")
    measured = json.loads((tmp_path / "benchmarks" / "results-comparison.json").read_text())
    assert [run["limit"] for run in measured["runs"]] == ["8GB", "1GB"]
    assert all(run["different"] > 5 for run in measured["runs"])
    text = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert text == page(comparison=measured)
    assert "| 20,000 | 8GB |" in text


def test_of_two_databases_less_travels_than_the_rows_that_differ_times_a_hundred(
    monkeypatch, capsys
):
    arguments = ["two_databases.py", "--rows", "3000", "--differing", "9", "--json"]
    monkeypatch.setattr(sys, "argv", arguments)
    two_databases.main()
    found = json.loads(capsys.readouterr().out)
    assert (found["differing"], found["matched"]) == (9, 3000)
    assert found["travelled_bytes"] < found["allowed_bytes"] < found["both_tables_bytes"]
    measured = {"machine": {}, "versions": {}, "date": "2024-06-30", "runs": [found]}
    assert f"| 3,000 | {found['row_bytes']} | 9 |" in page(databases=measured)
