"""Local time becomes UTC as the time zone tables say, second by second around every change."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pytest

from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.engine.local_time import readings, regime_of, regimes

ENGINE = DuckDBBackend().connect()
EPOCH = datetime(1970, 1, 1)
ZONES = (
    *(
        "America/New_York",
        "Europe/Zurich",
        "Europe/Dublin",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    ),
    *("America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "UTC"),
)


def expected(local: datetime, zone: str) -> set[datetime]:
    """The instants at which the clocks show a time, by the standard library."""
    both = (local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    shown = (i for i in both if i.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local)
    return {instant.replace(tzinfo=None) for instant in shown}


def found(times: list[datetime], zone: str) -> list[dict]:
    table = ibis.memtable(pa.table({"local": pa.array(times, pa.timestamp("us"))}))
    table = table.mutate(regime=regime_of(table.local, zone))
    first, last = readings(table.local, table.regime, zone)
    rows: list[dict] = ENGINE.to_pyarrow(table.select("local", first=first, last=last)).to_pylist()
    return rows


@pytest.mark.parametrize("zone", ZONES)
def test_every_change_and_any_other_time_reads_as_the_standard_library_says(zone):
    random = Random(zone)
    away = (-7_200, -3_601, -3_600, -1_801, -1_800, -1, 0, 1, 1_799, 1_800, 3_599, 3_600, 7_200)
    changes = [
        EPOCH + timedelta(seconds=regime.from_s + offset_s + second)
        for regime in regimes(zone)[1:]
        for offset_s in {regime.offset_s}
        for second in away
    ]
    times = changes + [
        EPOCH + timedelta(days=2, seconds=random.randrange(99 * 365 * 86_400)) for _ in range(500)
    ]
    for row in found(times, zone):
        instants = expected(row["local"], zone)
        assert {row["first"], row["last"]} - {None} == instants, row
        assert row["first"] == (min(instants) if instants else None)


def test_new_york_skips_an_hour_and_repeats_one():
    times = [
        datetime(2024, 3, 10, 2, 30),
        datetime(2024, 4, 17, 8, 0),
        datetime(2024, 11, 3, 1, 30),
        datetime(1969, 6, 1),
    ]
    assert [(r["first"], r["last"]) for r in found(times, "America/New_York")] == [
        (None, None),
        (datetime(2024, 4, 17, 12, 0), datetime(2024, 4, 17, 12, 0)),
        (datetime(2024, 11, 3, 5, 30), datetime(2024, 11, 3, 6, 30)),
        (None, None),
    ]
