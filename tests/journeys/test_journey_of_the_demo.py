"""The sample carrier from its extract to the score, as `crossbill demo` takes it."""

import csv
import json
from contextlib import redirect_stdout
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest

from crossbill.cli import main
from crossbill.config.environment import read_environment
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.programme.quarter import Quarter
from crossbill.replacement.programme.queries import quarterly_facts
from crossbill.runs.progress import Silent
from crossbill.sample.demo import demo, went_as_designed

pytestmark = pytest.mark.django_db

STATES = ("in", "accepted", "duplicate", "suspended")
CONTROL_TOTAL = {"stage", "currency", "in", "accepted", "duplicate", "suspended", "sums"}
SUMMARY = {
    *("carrier", "accounts", "states", "waves", "bills", "classes", "control_totals", "gate"),
    "defects",
}


def by_command(accounts: int, seed: int) -> dict:
    """What the command prints: one JSON object and nothing else."""
    arguments = ["demo", "--accounts", str(accounts), "--seed", str(seed), "--json"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setattr("sys.argv", ["crossbill", *arguments])
        patch.setattr("crossbill.config.ready", lambda: None)
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return json.loads(printed.getvalue())


def by_call(accounts: int, seed: int) -> dict:
    return demo(accounts=accounts, seed=seed, home=read_environment().home, progress=Silent())


@pytest.fixture(
    scope="module",
    params=[(100, 1, by_command), (250, 42, by_call)],
    ids=lambda p: f"{p[0]}-{p[1]}-{p[2].__name__}",
)
def journey(request, books):
    """What the demo says of an estate, and where its files are."""
    accounts, seed, take = request.param
    return take(accounts, seed), read_environment().home, (accounts, seed)


def test_every_seeded_defect_is_found_under_its_class_and_none_is_invented(journey):
    result, home, (accounts, seed) = journey
    truth = home / "sample" / f"{accounts}-{seed}" / "truth" / "defects.csv"
    with truth.open(encoding="utf-8", newline="") as file:
        seeded = [row["class_code"] for row in csv.DictReader(file)]
    assert len(set(seeded)) >= 16
    for code, score in result["defects"].items():
        count = seeded.count(code)
        assert score == {"seeded": count, "found": count, "right_class": count, "false": 0}, code


def test_controls_find_what_has_no_class_and_nothing_else(journey):
    seeded = {"seeded": 1, "found": 1, "false": 0}
    assert journey[0]["control_defects"] == dict.fromkeys(
        ("deposits", "dunning", "features", "mandates"), seeded
    )


def test_it_goes_as_designed(journey):
    result, _, _ = journey
    assert set(result) >= SUMMARY
    assert went_as_designed(result)
    assert result["gate"] == "passed"


def test_every_account_is_in_one_state_and_one_wave(journey):
    result, _, (accounts, _) = journey
    assert result["accounts"] == accounts
    assert sum(result["states"].values()) == accounts
    assert set(result["states"]) == {"live", "fallout"}
    waves = result["waves"]
    assert [set(wave) for wave in waves] == [
        {"name", "planned", "moved", "fallout", "gate", "signatures", "broken"}
    ] * len(waves)
    assert sum(wave["planned"] for wave in waves) == accounts
    assert sum(wave["moved"] for wave in waves) == result["states"]["live"]
    assert sum(wave["fallout"] for wave in waves) == result["states"]["fallout"]
    assert all(wave["moved"] + wave["fallout"] == wave["planned"] for wave in waves)


def test_every_bill_is_equal_explained_or_unexplained(journey):
    bills = journey[0]["bills"]
    assert bills["compared"] == bills["equal"] + bills["explained"] + bills["unexplained"]
    assert bills["compared"] > 0


def test_nothing_vanishes_in_any_stage_in_count_or_value(journey):
    totals = journey[0]["control_totals"]
    assert {"stage", "map", "validate", "plan"} <= {total["stage"] for total in totals}
    for total in totals:
        assert set(total) == CONTROL_TOTAL
        assert total["in"] == total["accepted"] + total["duplicate"] + total["suspended"], total
        for name, part in total["sums"].items():
            came, *ended = (Decimal(part[state]) for state in STATES)
            assert came == sum(ended), (total["stage"], name)


def test_what_a_stage_accepts_the_next_takes_in(journey):
    by_stage = {total["stage"]: total for total in journey[0]["control_totals"]}
    assert by_stage["validate"]["in"] == by_stage["map"]["accepted"]
    for name, sums in by_stage["map"]["sums"].items():
        assert by_stage["validate"]["sums"][name]["in"] == sums["accepted"], name


def test_what_must_hold_for_the_quarterly_report_holds(journey):
    result, _, _ = journey
    moved = Replacement.objects.get(carrier__code=result["carrier"])
    quarter = Quarter.parse("2024Q2")
    facts = quarterly_facts(
        replacement_id=moved.pk, quarter=quarter, as_of_date=quarter.as_of(date(2026, 1, 1))
    )
    assert [check for check in facts.checks if not check.holds] == []
    assert facts.ledger[0].deposits_minor < 0


def test_a_second_time_changes_nothing(journey):
    result, home, (accounts, seed) = journey
    assert demo(accounts=accounts, seed=seed, home=home, progress=Silent()) == result
