"""A snapshot in shards: each rated once and whole, all together as if it were one."""

import subprocess
import sys
from datetime import UTC, datetime
from multiprocessing import active_children
from pathlib import Path

import pyarrow as pa
import pytest
import typer
import yaml
from pyarrow import parquet
from rating.snapshot import write_snapshot
from typer.testing import CliRunner
from waiting import until

from benchmarks.rating.carrier import make_carrier
from crossbill.cli_rate_shards import rate_shards_command
from crossbill.engine.one_writer import OutputInUse
from crossbill.engine.rating_datasets import USAGE
from crossbill.platform.rating import shard_result
from crossbill.platform.rating.shard_result import OutputOfAnotherRating, totals
from crossbill.platform.rating.shard_workers import WorkerEnded
from crossbill.platform.rating.shards import BadSnapshot, rate_shards

UNTIL = datetime(2024, 7, 1, tzinfo=UTC)
TABLES = ("usage_charge", "suspended_usage", "bucket_use", "rated_usage")


@pytest.fixture
def snapshot(tmp_path) -> Path:
    return write_snapshot(tmp_path / "snapshot", events=600, shards=3)


def rated(snapshot: Path, out: Path, **options: object) -> list[shard_result.ShardResult]:
    return rate_shards(
        catalogue=snapshot / "catalogue.yaml",
        snapshot=snapshot,
        out=out,
        until=UNTIL,
        **{"workers": 1} | options,
    )


def rows(out: Path, table: str) -> list[dict]:
    found = [parquet.read_table(path) for path in sorted(out.glob(f"shard-*/{table}.parquet"))]
    return sorted(pa.concat_tables(found).to_pylist(), key=str)


def test_shards_rate_as_one_would(snapshot, tmp_path):
    whole = write_snapshot(tmp_path / "whole", events=600, shards=1)
    one = totals(rated(whole, tmp_path / "one"))
    three = totals(rated(snapshot, tmp_path / "three", workers=2))
    assert one == three
    assert one["states"]["retail"]["in"]["events"] == 600
    assert one["states"]["retail"]["suspended"]["events"] > 0
    for table in TABLES:
        assert rows(tmp_path / "one", table) == rows(tmp_path / "three", table)


@pytest.fixture
def crowded(tmp_path) -> Path:
    """Nobody has surcharges or a second leg; many events of one instant ask what runs out."""
    folder = make_carrier(tmp_path / "crowded", events=12_000)
    path = folder / "usage-0000.parquet"
    usage = parquet.read_table(path).to_pylist()
    for number, row in enumerate(usage):
        row["started_at"] = row["started_at"].replace(hour=8, minute=0, second=0)
        row["quantity"] = -1 if number % 50 == 0 else row["quantity"]
        row["usage_key"] = f"U{number * 7919 % 12_007:05}"
    parquet.write_table(pa.Table.from_pylist(usage, USAGE.arrow), path)
    return folder


def write_policy(catalogue: Path, terms: dict) -> None:
    written = yaml.safe_load(catalogue.read_text())
    written["policies"][0] |= terms
    catalogue.write_text(yaml.safe_dump(written))


@pytest.mark.parametrize(
    "rounding",
    [
        {"rounding_scope": "event", "rounding_digits": 4},
        {"rounding_scope": "event", "rounding_digits": 9},
        {"rounding_scope": "increment", "rounding_digits": 4},
    ],
    ids=["whole-nanos-are-enough", "parts-of-a-nano-decide", "each-increment-by-itself"],
)
def test_what_events_add_up_to_is_the_same_without_them(crowded, tmp_path, rounding):
    """Events that nobody asks for by name are rated by a shorter way."""
    write_policy(crowded / "catalogue.yaml", rounding)
    with_events = totals(rated(crowded, tmp_path / "all"))
    without = rated(crowded, tmp_path / "charges", events=False)
    assert totals(without) == with_events
    for table in ("usage_charge", "suspended_usage", "bucket_use"):
        assert rows(tmp_path / "all", table) == rows(tmp_path / "charges", table)
    assert len(rows(tmp_path / "charges", "suspended_usage")) == 120
    assert not list((tmp_path / "charges").glob("*/rated_usage.parquet"))


@pytest.mark.parametrize("stray", [None, datetime(1999, 5, 1), datetime(2031, 5, 1)])
def test_what_the_files_state_of_their_times_changes_nothing(tmp_path, stray):
    """The time to rate is read from their statistics where all stamps are sound."""
    snapshot = write_snapshot(tmp_path / "snapshot", events=100, shards=1)
    path = snapshot / "usage-0000.parquet"
    usage = parquet.read_table(path).to_pylist()
    usage[0]["started_at"] = stray or usage[0]["started_at"]
    for statistics in (True, False):
        table = pa.Table.from_pylist(usage, USAGE.arrow)
        parquet.write_table(table, path, write_statistics=statistics)
        rated(snapshot, tmp_path / str(statistics), events=False)
    for table in ("usage_charge", "suspended_usage", "bucket_use"):
        assert rows(tmp_path / "True", table) == rows(tmp_path / "False", table)


def test_what_is_rated_is_not_rated_again(snapshot, tmp_path):
    out = tmp_path / "out"
    first = rated(snapshot, out)
    heard = []
    second = rated(snapshot, out, told=heard.append)
    assert [result.made_now for result in first] == [True] * 3
    assert [result.made_now for result in second] == [False] * 3
    assert len(heard) == 3
    assert totals(first) == totals(second)


def test_a_run_that_breaks_off_leaves_whole_shards_and_goes_on(snapshot, tmp_path, monkeypatch):
    out, write = tmp_path / "out", shard_result._proved

    def fail_at_the_second(*sums):
        if list(out.glob("shard-*")):
            raise RuntimeError("the power is gone")
        return write(*sums)

    monkeypatch.setattr(shard_result, "_proved", fail_at_the_second)
    with pytest.raises(RuntimeError):
        rated(snapshot, out, workers=1)
    assert [path.name for path in out.glob("shard-*")] == ["shard-0000"]
    assert not list(out.glob(".shard-*"))
    monkeypatch.undo()
    assert [result.made_now for result in rated(snapshot, out)] == [False, True, True]


def test_a_lost_event_stops_the_run(snapshot, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_result, "_came", lambda *tables: {"events": 201, "quantity": 1})
    with pytest.raises(AssertionError, match="came in 201"):
        rated(snapshot, tmp_path / "out", workers=1)


def test_a_worker_that_is_killed_is_told_and_what_it_left_is_rated(snapshot, tmp_path):
    out = tmp_path / "out"

    def kill_all(result):
        for worker in active_children():
            worker.kill()

    with pytest.raises(WorkerEnded, match="rate again"):
        rated(snapshot, out, workers=2, told=kill_all)
    assert not active_children()
    again = rated(snapshot, out, workers=2)
    assert sorted({result.made_now for result in again}) == [False, True]


def test_no_worker_outlives_the_process_that_asked_for_it(snapshot, tmp_path):
    asked = subprocess.Popen(
        [sys.executable, "-c", ASKING.format(snapshot=snapshot, out=tmp_path / "out")],
        stdout=subprocess.PIPE,
        text=True,
    )
    workers = [int(number) for number in asked.stdout.readline().split()]
    assert len(workers) == 2
    asked.kill()
    asked.communicate()
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


ASKING = """
import time
from datetime import UTC, datetime
from multiprocessing import active_children
from pathlib import Path
from crossbill.platform.rating.shards import rate_shards

def told(result):
    print(*(worker.pid for worker in active_children()), flush=True)
    time.sleep(60)

rate_shards(catalogue=Path("{snapshot}/catalogue.yaml"), snapshot=Path("{snapshot}"),
            out=Path("{out}"), until=datetime(2024, 7, 1, tzinfo=UTC), workers=2, told=told)
"""


def test_results_of_other_usage_are_refused(snapshot, tmp_path):
    out = tmp_path / "out"
    rated(snapshot, out)
    path = snapshot / "usage-0001.parquet"
    parquet.write_table(parquet.read_table(path).slice(1), path)
    with pytest.raises(OutputOfAnotherRating, match="OUTPUT_OF_ANOTHER_RATING") as refused:
        rated(snapshot, out, workers=2)
    assert refused.value.file == str(out / "shard-0001")  # as its worker said
    assert refused.value.cure in str(refused.value)


def test_two_runs_do_not_write_into_one_folder(snapshot, tmp_path):
    out = tmp_path / "out"

    def again(result):
        rated(snapshot, out)

    with pytest.raises(OutputInUse, match="OUTPUT_IN_USE"):
        rated(snapshot, out, told=again)


def lose(column: str):
    return lambda path: parquet.write_table(parquet.read_table(path).drop_columns(column), path)


def empty(path: Path) -> None:
    table = parquet.read_table(path)
    keys = pa.array([None, *table["usage_key"].to_pylist()[1:]], pa.string())
    parquet.write_table(table.set_column(0, "usage_key", keys), path)


def as_text(path: Path) -> None:
    table = parquet.read_table(path)
    column = table.schema.get_field_index("quantity")
    texts = table["quantity"].cast(pa.string())
    parquet.write_table(table.set_column(column, "quantity", texts), path)


def take_account_of(other: str):
    def change(path: Path) -> None:
        here, there = parquet.read_table(path), parquet.read_table(path.with_name(other))
        parquet.write_table(pa.concat_tables([here, there.slice(0, 1)]), path)

    return change


@pytest.mark.parametrize(
    ("file", "spoil", "said"),
    [
        ("usage-0000.parquet", Path.unlink, "one of two files is missing"),
        ("usage-0000.parquet", lambda path: path.write_text("x"), "not a readable Parquet file"),
        ("usage-0001.parquet", lose("destination"), "the column is missing"),
        ("usage-0001.parquet", as_text, "the column is string"),
        ("usage-0002.parquet", empty, "a value is missing"),
        ("service-0001.parquet", take_account_of("service-0000.parquet"), "in another shard"),
    ],
)
def test_a_bad_snapshot_is_refused_with_its_place(snapshot, tmp_path, file, spoil, said):
    spoil(snapshot / file)
    with pytest.raises(BadSnapshot, match=said) as refused:
        rated(snapshot, tmp_path / "out")
    assert refused.value.file
    assert refused.value.cure


def test_a_folder_without_shards_is_refused(tmp_path, snapshot):
    for path in snapshot.glob("*.parquet"):
        path.unlink()
    with pytest.raises(BadSnapshot, match="BAD_SNAPSHOT"):
        rated(snapshot, tmp_path / "out")


def test_the_command_says_what_became_of_the_usage(snapshot, tmp_path):
    app = typer.Typer()
    app.command()(rate_shards_command)
    command = ["--catalogue", str(snapshot / "catalogue.yaml"), "--snapshot", str(snapshot)]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out"), "--no-events"])
    assert done.exit_code == 1, done.output  # some are suspended
    assert "600" in done.output
    assert "3 shards, 3 rated now" in " ".join(done.output.split())
