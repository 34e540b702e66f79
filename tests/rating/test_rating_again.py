"""Rating again: what was billed stays, what changed is a row that points at its event."""

from datetime import date

import pytest
from rating.example import USAGE, rated, written

from crossbill.platform.rating.rate_again import BadRatedFile, MeteredPeriodClosed, rated_again
from crossbill.platform.rating.rated_result import write_result

LINES = USAGE.read_text("utf-8").splitlines()[1:]


def first_rated(folder, usage):
    with rated(usage) as result:
        write_result(result, folder / "before.csv")
    return folder / "before.csv"


def again(before, usage, closed_until):
    with rated(usage) as result:
        found = rated_again(result, before, closed_until)
        fetch = result.backend.to_pyarrow
        adjusted = sorted(fetch(found.adjustment).to_pylist(), key=lambda row: row["usage_key"])
        return adjusted, fetch(found.standing).to_pylist(), result.fetch("rated_usage").to_pylist()


def total(rows, name="amount_nanos"):
    return sum(row[name] + row.get("surcharge_nanos", 0) for row in rows)


def test_nothing_new_adjusts_nothing(tmp_path):
    before = first_rated(tmp_path, USAGE)
    adjusted, standing, now = again(before, USAGE, date(2024, 4, 1))
    assert adjusted == []
    assert sorted(standing, key=str) == sorted(now, key=str)


def test_late_usage_replays_the_allowance_and_gives_the_difference(tmp_path):
    """A late call of the 2nd of March takes 30 minutes of the 100: later calls now cost more."""
    early = [line for line in LINES if line.startswith(("U001", "U003", "U004", "U008"))]
    before = first_rated(tmp_path, written(tmp_path, *early))
    late = "L1,41790000001,voice,2024-03-02T09:00:00+01:00,1800,41443001122,,,,,"
    adjusted, standing, now = again(before, written(tmp_path, *early, late), date(2024, 4, 1))
    retail = [row for row in adjusted if row["leg"] == "retail"]
    assert (retail[0]["usage_key"], retail[0]["reason"]) == ("L1", "late")
    assert {row["reason"] for row in retail[1:]} == {"corrected"}
    assert retail[0]["corrected_nanos"] == 0  # the allowance pays for it, being first
    assert total(standing) + total(adjusted, "difference_nanos") == total(now)
    assert not [row for row in standing if row["usage_key"] == "L1"]


def test_an_open_period_is_replaced_and_a_closed_one_is_not(tmp_path):
    events = [line for line in LINES if ",api," not in line]
    before = first_rated(tmp_path, written(tmp_path, *events[:9]))
    adjusted, standing, _ = again(before, written(tmp_path, *events), date(2024, 3, 15))
    keys = {row["usage_key"] for row in standing}
    assert {"U017", "U020"} <= keys  # after the 15th, as it is rated now
    assert "U012" not in keys  # of the 12th, and late
    assert "U012" in {row["usage_key"] for row in adjusted}
    assert all(str(row["started_at"]) < "2024-03-15" for row in adjusted)


def test_a_withdrawn_event_is_credited(tmp_path):
    before = first_rated(tmp_path, USAGE)
    kept = [line for line in LINES if not line.startswith("U006")]
    adjusted, _, _ = again(before, written(tmp_path, *kept), date(2024, 4, 1))
    gone = [row for row in adjusted if row["usage_key"] == "U006" and row["leg"] == "retail"]
    assert [row["reason"] for row in gone] == ["withdrawn"]
    assert gone[0]["difference_nanos"] == -gone[0]["original_nanos"] < 0


def test_metered_usage_of_a_closed_period_is_not_lost_in_silence(tmp_path):
    before = first_rated(tmp_path, written(tmp_path, *LINES))
    late = "L2,api-0001,api,2024-03-20T12:00:00Z,500,,,,,,"
    with pytest.raises(MeteredPeriodClosed, match="L2"):
        again(before, written(tmp_path, *LINES, late), date(2024, 4, 1))
    adjusted, _, _ = again(before, written(tmp_path, *LINES, late), date(2024, 3, 1))
    assert adjusted == []  # the period is open: it is replaced


def test_a_file_that_is_no_rating_is_refused(tmp_path):
    with rated() as result, pytest.raises(BadRatedFile, match="A column is missing"):
        rated_again(result, USAGE, date(2024, 4, 1))
    with rated() as result, pytest.raises(BadRatedFile, match="nowhere"):
        rated_again(result, tmp_path / "nowhere.csv", date(2024, 4, 1))
