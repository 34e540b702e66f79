"""The engine gives the figures that other billing systems assert, and says where it does not."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from vectors.run import NotVectors, Outcome, markdown, outcomes, read, totals

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "vectors.md"


@cache
def answered(folder: Path) -> dict[str, Outcome]:
    return outcomes(read(folder))


@pytest.fixture
def shared_vectors(shared_data):
    return shared_data.parent / "vectors"


@pytest.mark.shared_data
def test_no_figure_of_other_systems_is_missed(shared_vectors):
    found = answered(shared_vectors)
    assert not {name: outcome.failed for name, outcome in found.items() if outcome.failed}
    assert totals(found)["passed"] > 100


@pytest.mark.shared_data
def test_the_page_says_what_is_covered(shared_vectors):
    assert PAGE.read_text("utf-8") == markdown(answered(shared_vectors))


def test_further_figures_from_the_same_test_suites():
    found = answered(HERE)
    assert not {name: outcome.failed for name, outcome in found.items() if outcome.failed}
    assert not {name: outcome.uncovered for name, outcome in found.items() if outcome.uncovered}


# The runner itself

LONG = {"duration_s": "1" * 25, "increment_s": 1}


def vector(**changed) -> dict:
    plain = {
        "id": "v1",
        "kind": "charge.standard",
        "semantics": "standard",
        "input": {"units": "10", "unit_amount": "5.12345"},
        "expected": {"amount": "51.2345"},
        "verified": True,
    }
    return plain | changed


def outcome_of(**changed) -> Outcome:
    (outcome,) = outcomes([vector(**changed)]).values()
    return outcome


def test_a_figure_that_differs_is_a_failure():
    outcome = outcome_of(expected={"amount": "51.2346"})
    (failure,) = outcome.failed
    assert failure == {"id": "v1", "expected": {"amount": "51.2346"}, "got": {"amount": "51.2345"}}


def test_the_exact_figure_goes_before_the_rounded_one():
    exact = {"expected": {"amount": "51.23"}, "expected_exact": {"amount": "51.2345"}}
    assert outcome_of(**exact).passed == 1


def test_a_figure_is_rounded_as_told_before_it_is_compared():
    compare = {"round_places": 2, "round": "up"}
    assert outcome_of(expected={"amount": "51.24"}, compare=compare).passed == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"semantics": "unheard_of"}, "no rule of this name"),
        ({"kind": "tax.x", "semantics": "multi_rate"}, "no 'fees'"),
        ({"kind": "tax.x", "semantics": "provider_tax"}, "another system"),
        ({"input": {"units": "10"}}, "no 'unit_amount'"),
        ({"input": {"units": "10", "unit_amount": "0.0000000001"}}, "more than 9 digits"),
        ({"input": {"units": "ten", "unit_amount": "1"}}, "not a decimal number: 'ten'"),
        ({"input": None}, "no input"),
        ({"expected": {}}, "asserts nothing"),
        ({"expected": None}, "asserts nothing"),
        ({"compare": {"round": "somehow", "round_places": 2}}, "not known: somehow"),
        ({"compare": {"round": "up"}}, "rounds to None digits"),
        (
            {"semantics": "graduated_ranges", "input": {"units": "1", "ranges": []}},
            "cannot be read",
        ),
        ({"semantics": "ceil_to_increment", "input": LONG}, "64 bits"),
        (
            {"semantics": "balance_debit", "input": {"duration": 1, "rate": 1, "increment": 0}},
            "nothing",
        ),
        ({"semantics": "package", "input": {"units": "1", "size": "0", "amount": "1"}}, "size"),
        ({"input": {"units": "1" * 13, "unit_amount": "9" * 9}}, "Overflow"),
        ({"expected": {"tip": "1"}}, "gives no tip"),
        ({"expected": {"amount": "1"}, "verified": False, "note": "a float"}, "verified: a float"),
    ],
)
def test_what_is_not_covered_is_told_with_its_reason(changed, reason):
    outcome = outcome_of(**changed)
    assert not outcome.failed
    assert reason in outcome.uncovered[0]["reason"]


def test_one_vector_beyond_the_engine_does_not_take_others_with_it():
    huge = vector(id="v2", input={"units": "1" * 13, "unit_amount": "9" * 9})
    outcome = outcomes([vector(), huge])["standard"]
    assert (outcome.passed, len(outcome.uncovered)) == (1, 1)


def test_vectors_of_one_id_are_answered_apart():
    other = vector(input={"units": "2", "unit_amount": "1"}, expected={"amount": "2"})
    assert outcomes([vector(), other])["standard"].passed == 2


@pytest.mark.parametrize("kind", ["charge.standard", "unheard_of.x", None])
def test_a_rule_is_known_by_its_semantics_whatever_the_kind(kind):
    assert outcome_of(kind=kind).passed == 1


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("some.json", "{", "some.json: cannot be read as JSON"),
        ("some.json", "", "some.json: cannot be read as JSON"),
        ("some.json", "5", "some.json: neither a list of vectors"),
        ("some.json", '{"rows": []}', "some.json: neither a list of vectors"),
        ("some.txt", "[]", "no file *.json"),
    ],
)
def test_a_folder_of_no_vectors_is_refused_in_a_sentence(tmp_path, name, content, why):
    (tmp_path / name).write_text(content)
    with pytest.raises(NotVectors, match=re.escape(why)):
        read(tmp_path)


def test_a_record_that_is_no_vector_is_told_by_its_place(tmp_path):
    (tmp_path / "some.json").write_text(json.dumps([vector(), None, {"semantics": "standard"}]))
    found = outcomes(read(tmp_path))
    told = [row["id"] for outcome in found.values() for row in outcome.uncovered]
    assert (told, found["standard"].passed) == (["some.json 2", "some.json 3"], 1)


@pytest.mark.parametrize("units", ["0.5", ".5", 0.5, "5e-1", "+0.50"])
def test_numbers_are_read_however_they_are_written(units):
    given = {"units": units, "unit_amount": 10}
    assert outcome_of(input=given, expected={"amount": "5"}).passed == 1


def test_a_vector_that_is_not_verified_may_pass():
    assert outcome_of(verified=False).passed == 1


# Bills


def bill_outcome(kind: str, semantics: str, values: dict, **expected: str) -> Outcome:
    given = {"kind": f"{kind}.x", "semantics": semantics, "input": values}
    return outcome_of(**given, expected=expected)


CYCLES = {"billing_period": "MONTHLY", "start": "2011-02-14", "end": None, "bill_cycle_day": 31}


@pytest.mark.parametrize(
    ("changed", "cycles"),
    [
        ({"target": "2011-02-14"}, "0.451612903"),  # back from 28 February: 31 days
        ({"target": "2011-03-01"}, "1.451612903"),
        ({"target": "2011-03-01", "end": "2011-03-14"}, "0.951612903"),  # on from it: 28
        ({"target": "2011-02-14", "end": "2011-02-24"}, "0.322580645"),  # back from the end: 31
        ({"target": "2011-02-13"}, "0"),
    ],
)
def test_a_part_is_measured_on_the_day_that_a_short_month_ends_on(changed, cycles):
    outcome = bill_outcome("proration", "kb_in_advance_cycles", CYCLES | changed, cycles=cycles)
    assert outcome.passed == 1, outcome


WEEK = {"start": "2024-01-01", "period_start": "2024-01-01", "period_end": "2024-01-08"}
CHANGE = {"old_cents": 700, "new_cents": 1400, "period_start": "2024-01-01"}
MARCH = {"period_start": "2024-03-01", "period_end_inclusive": "2024-03-31", "change": "2024-03-15"}
PART = {"tax_pct": "20", "period_days": 28}
LEAST = PART | {"minimum_cents": 1000, "days": 25, "usage_cents": 800}
PREPAID = {"cost_per_increment": "1", "increment_s": "60", "requested_s": "1800"}


@pytest.mark.parametrize(
    ("semantics", "values", "expected"),
    [
        # a period that no months have is shared as a commitment is
        ("actual_days", WEEK | {"end": "2024-01-04"}, {"ratio": "0.428571429"}),
        # the tax is that of the exact part: of 4409 cents it would be 339
        (
            "sum_of_rounded_parts",
            PART | {"paid_fee_cents": 123456, "unused_days": 1, "tax_pct": "7.7"},
            {"subtotal": "4409", "tax": "340", "total": "4749"},
        ),
        (
            "sum_of_rounded_parts",
            PART | {"paid_fee_cents": 700, "unused_days": 3, "period_days": 7},
            {"subtotal": "300", "tax": "60", "total": "360"},
        ),
        (
            "day_rate_plus_tax",
            PART | {"plan_amount_cents": 123456789, "days_billed": 24, "period_days": 31},
            {"fee_cents": "95579450", "tax_cents": "19115890", "total_cents": "114695340"},
        ),
        ("prorated_true_up", LEAST, {"true_up_cents": "93", "tax": "179", "total": "1072"}),
        ("prorated_true_up", LEAST | {"usage_cents": [500, 450]}, {"true_up": "0", "tax": "190"}),
        ("change_inclusive_end", MARCH | {"old": None, "new": "25"}, {"charge": "13.71"}),
        ("change_inclusive_end", MARCH | {"old": "40"}, {"credit": "-21.94", "net": "-21.94"}),
        ("one_time_not_prorated", {"rate_cents": 50000, "quantity": 2}, {"charge_cents": "100000"}),
        (
            "provider_tax",
            {"fees": [{"amount_cents": 151, "tax_pcts": ["50", "30"]}]},
            {"tax": "121"},
        ),
    ],
)
def test_bills_of_terms_that_have_no_vector_here(semantics, values, expected):
    outcome = bill_outcome("proration", semantics, values, **expected)
    assert outcome.passed == 1, outcome


@pytest.mark.parametrize(
    ("kind", "semantics", "values", "reason"),
    [
        (
            "proration", "kb_in_advance_cycles",
            CYCLES | {"billing_period": "WEEKLY", "target": "2011-03-01"}, "none of weeks",
        ),
        ("proration", "actual_days", WEEK | {"end": "2024-02-01"}, "beyond the interval"),
        (
            "proration", "change_half_open",
            CHANGE | {"period_end_exclusive": "2024-01-08", "change": "2024-01-04"}, "no interval",
        ),
        (
            "discount", "coupon_amount",
            {"base_cents": -5, "type": "percentage", "value": "10"}, "PRICE_NEGATIVE",
        ),
        (
            "discount", "coupon_amount",
            {"base_cents": 10**20, "type": "percentage", "value": "10"}, "64 bits",
        ),
    ],
)  # fmt: skip
def test_bills_that_the_engine_does_not_make(kind, semantics, values, reason):
    outcome = bill_outcome(kind, semantics, values, any="1")
    assert reason in outcome.uncovered[0]["reason"]


@pytest.mark.parametrize(("months", "passed"), [("0.903226", 1), ("0.903228", 0)])
def test_months_are_as_near_as_the_peer_compares_its_floats(months, passed):
    values = {"start": "2019-03-01", "end_inclusive": "2019-03-28"}
    semantics = "months_inclusive_per_calendar_month"
    assert bill_outcome("proration", semantics, values, months=months).passed == passed


# Telecom


SESSION = {"balance": "10", "connect_fee": "1", "rate": "0.5", "unit": "60", "increment": "30"}


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"requested_s": "3600"}, "1080"),
        ({"requested_s": "70"}, "70"),
        ({"requested_s": "3600", "balance": "1"}, "0"),
        ({"requested_s": "3600", "balance": "0.5"}, "0"),
        ({"requested_s": "3600", "balance": "1.3"}, "30"),
        ({"requested_s": "3600", "rate": "0"}, "3600"),
    ],
)
def test_how_long_a_session_may_last(changed, seconds):
    given = {"kind": "telecom.prepaid", "semantics": "max_session", "input": SESSION | changed}
    assert outcome_of(**given, expected={"max_s": seconds}).passed == 1


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"balance": "17", "blocker": True}, "1020"),
        ({"balances": [{"value": "2", "weight": 1}, {"value": "17", "weight": 2}]}, "1140"),
        (
            {"balances": [{"value": "100"}, {"value": "17", "weight": 20, "blocker": True}]},
            "1020",
        ),
    ],
)
def test_a_balance_may_stop_the_search_for_further_ones(changed, seconds):
    given = {"kind": "telecom.prepaid", "semantics": "max_session", "input": PREPAID | changed}
    assert outcome_of(**given, expected={"max_s": seconds}).passed == 1


BUNDLE = {"id": "b", "value": 70, "weight": 5, "block": 60}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"duration": 110, "unit_balances": [BUNDLE]}, {"b": "10", "uncovered": "50"}),
        ({"duration": 30, "money": 25}, {"money": "5", "uncovered": "10"}),
        ({"duration": 15, "money": 25}, {"money": "5", "uncovered": "0"}),
        ({"duration": 70, "unit_balances": [BUNDLE], "money": 10}, {"b": "10", "money": "0"}),
    ],
)
def test_what_bundles_and_money_pay(changed, expected):
    given = {"unit_balances": [], "money": 0, "rate": 1, "increment": 10} | changed
    asked = {"kind": "telecom.balance_debit", "semantics": "balance_debit", "input": given}
    assert outcome_of(**asked, expected=expected).passed == 1


def test_an_interval_for_part_of_the_week_prices_nothing_else():
    interval = {"start": "08:00:00", "weekdays": [1], "weight": 0, "connect_fee": "0"}
    groups = [{"from": "0", "rate": "1", "unit": "1", "inc": "1"}]
    asked = {"kind": "telecom.call_rating", "semantics": "call_rating"}
    call = {"duration_s": "10", "intervals": [{**interval, "groups": groups}]}
    monday, sunday = ({**call, "start": f"2024-01-{day}T09:00:00"} for day in (15, 14))
    assert outcome_of(**asked, input=monday, expected={"cost": "10"}).passed == 1
    outcome = outcome_of(**asked, input=sunday, expected={"cost": "10"})
    assert "no interval holds" in outcome.uncovered[0]["reason"]


@pytest.mark.parametrize(("amount", "code"), [("51.2345", 0), ("1", 1)])
def test_the_command_prints_one_object_and_fails_where_a_figure_does(tmp_path, amount, code):
    vectors = json.dumps([vector(expected={"amount": amount})])
    (tmp_path / "some.json").write_text(vectors)
    command = [sys.executable, str(HERE / "run.py"), str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    printed = json.loads(done.stdout)
    assert printed["totals"] == {"passed": 1 - code, "failed": code, "uncovered": 0}
    assert printed["semantics"]["standard"]["passed"] == 1 - code
