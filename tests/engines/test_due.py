"""Which days of which price fall due on a bill: the rules that a billing analyst would check."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import pytest
from calculation import load, result
from oracle.tables import ACCOUNT, OLD_POLICY, PRICE, PRODUCT, stated

from crossbill.core.period import month_period

POLICY = OLD_POLICY | {"day_count": "actual_actual", "rounding_mode": "half_up"}
MONTHLY = {
    "offering_code": "FIBRE",
    "price_code": "FIBRE",
    "kind": "recurring",
    "timing": "arrears",
    "months": 1,
    "alignment": "cycle",
    "prorated": True,
    "tax_category": "standard",
    "tax_inclusive": False,
}
IN_ADVANCE = {"timing": "advance"}
QUARTERLY = {"months": 3, "timing": "advance"}
YEARLY = {"months": 12, "timing": "advance"}
SET_UP = {"kind": "one_time", "timing": "start"}
COLLECTION = {"kind": "one_time", "timing": "end"}
FEE = {"kind": "termination", "timing": "end"}
CENTS = 9_000  # 90.00 an interval


def dated(terms):
    """The terms with their days, which the tables below write as text."""
    day = date.fromisoformat
    return {k: day(v) if k.endswith(("date", "through")) and v else v for k, v in terms.items()}


def cycled(first, last, cycle):
    """A period of the accounts with this bill cycle."""
    return {"period_from": first, "period_to": last, "bill_cycle_day": cycle}


@dataclass(frozen=True)
class Case:
    """A product of one price, and its lines on each bill, by the month in which that starts."""

    title: str
    terms: dict | None
    product: dict
    expected: dict[str, list[str]]
    cycle: int = 1
    charged: str | None = None


@cache
def all_bills():
    """The bill lines of all cases, each an account of its own, by title and first day billed."""
    cases = [*INTERVALS, *ENDS, *ONCE, *HISTORY]
    assert len({case.title for case in cases}) == len(cases)
    periods = {(case.cycle, month) for case in cases for month in case.expected}
    keyed = [(case, {"account_key": case.title, "offering_code": case.title}) for case in cases]
    rows = stated(
        account=[ACCOUNT | key | {"bill_cycle_day": case.cycle} for case, key in keyed],
        policy=[POLICY],
        price=[PRICE | key | {"amount_nanos": CENTS * 10**7} for _, key in keyed],
        component=[
            MONTHLY | key | {"price_code": case.title} | case.terms
            for case, key in keyed
            if case.terms is not None
        ],
        product=[
            PRODUCT | key | {"product_key": case.title} | dated(case.product) for case, key in keyed
        ],
        charged=[
            {"product_key": case.title, "price_code": case.title, "charged_through": day}
            for case in cases
            for day in dated({"charged_through": case.charged}).values()
            if day
        ],
    )
    load(rows | {"periods": [cycled(*days_of(m, cycle), cycle) for cycle, m in periods]})
    assert result("unresolved") == []
    found = defaultdict(list)
    for line in sorted(result("bill_line"), key=lambda line: line["charge_from"]):
        found[line["account_key"], line["period_from"]].append(_worded(line))
    return found


def days_of(month, cycle):
    """The bill period that starts in the month."""
    period = month_period(int(month[:4]), int(month[5:]), cycle)
    return period.from_date, period.to_date


def _worded(line):
    first, last = line["charge_from"], line["charge_to"] - timedelta(days=1)
    days = f"{first}" if first == last else f"{first} to {last}"
    return f"{days}: {line['net_minor']}"


INTERVALS = [
    Case(
        "an offering that states no terms has one monthly price in arrears",
        None,
        {},
        {"2024-04": ["2024-04-01 to 2024-04-30: 9000"]},
    ),
    Case(
        "a month in advance begins within the period, one in arrears ends within it",
        IN_ADVANCE | {"alignment": "start"},
        {"start_date": "2024-01-15"},
        {
            "2024-01": ["2024-01-15 to 2024-02-14: 9000"],
            "2024-02": ["2024-02-15 to 2024-03-14: 9000"],
        },
    ),
    Case(
        "the same in arrears",
        {"alignment": "start"},
        {"start_date": "2024-01-15"},
        {"2024-01": [], "2024-02": ["2024-01-15 to 2024-02-14: 9000"]},
    ),
    Case(
        "a cycle of day 31 begins on the last day of a shorter month, then on the 31st again",
        IN_ADVANCE,
        {"start_date": "2023-01-31"},
        {
            "2024-01": ["2024-01-31 to 2024-02-28: 9000"],
            "2024-02": ["2024-02-29 to 2024-03-30: 9000"],
            "2024-03": ["2024-03-31 to 2024-04-29: 9000"],
            "2024-04": ["2024-04-30 to 2024-05-30: 9000"],
        },
        cycle=31,
    ),
    Case(
        "quarterly in advance at day 31, due in one bill of three",
        QUARTERLY,
        {"start_date": "2023-08-31"},
        {
            "2023-10": [],
            "2023-11": ["2023-11-30 to 2024-02-28: 9000"],
            "2023-12": [],
            "2024-01": [],
            "2024-02": ["2024-02-29 to 2024-05-30: 9000"],
        },
        cycle=31,
    ),
    Case(
        "quarters by the bill day are counted from the month of the start, cut at the start",
        QUARTERLY,
        {"start_date": "2024-01-10"},
        {
            "2024-01": ["2024-01-10 to 2024-03-31: 8110"],  # 82 of 91 days
            "2024-02": [],
            "2024-03": [],
            "2024-04": ["2024-04-01 to 2024-06-30: 9000"],
        },
    ),
    Case(
        "before the bill day of its first month a start has a few days of the quarter before",
        QUARTERLY,
        {"start_date": "2024-01-10"},
        {
            "2023-12": ["2024-01-10 to 2024-01-14: 489"],  # 5 of 92 days
            "2024-01": ["2024-01-15 to 2024-04-14: 9000"],
        },
        cycle=15,
    ),
    Case(
        "anniversaries begin on the day of the start, whatever the bill day",
        YEARLY | {"alignment": "start"},
        {"start_date": "2020-02-29"},
        {
            "2023-02": ["2023-02-28 to 2024-02-28: 9000"],
            "2024-01": [],
            "2024-02": ["2024-02-29 to 2025-02-27: 9000"],
        },
        cycle=15,
    ),
    Case(
        "an anniversary of the 31st",
        QUARTERLY | {"alignment": "start"},
        {"start_date": "2023-08-31"},
        {
            "2023-11": ["2023-11-30 to 2024-02-28: 9000"],
            "2024-02": ["2024-02-29 to 2024-05-30: 9000"],
            "2024-05": ["2024-05-31 to 2024-08-30: 9000"],
        },
    ),
    Case(
        "quarters of the calendar begin in January, April, July and October",
        QUARTERLY | {"alignment": "calendar"},
        {"start_date": "2024-02-10"},
        {
            "2024-02": ["2024-02-10 to 2024-03-31: 5044"],  # 51 of 91 days
            "2024-03": [],
            "2024-04": ["2024-04-01 to 2024-06-30: 9000"],
        },
    ),
    Case(
        "the calendar is that of the wall, not of the bill day",
        QUARTERLY | {"alignment": "calendar"},
        {"start_date": "2024-02-10"},
        {
            "2024-01": ["2024-02-10 to 2024-03-31: 5044"],
            "2024-02": [],
            "2024-03": ["2024-04-01 to 2024-06-30: 9000"],
        },
        cycle=20,
    ),
    Case(
        "a year of the calendar in arrears",
        {"months": 12, "alignment": "calendar"},
        {"start_date": "2023-07-01"},
        {"2023-11": [], "2023-12": ["2023-07-01 to 2023-12-31: 4537"]},
    ),
    Case(
        "a quarter in arrears is due when it is over",
        {"months": 3},
        {"start_date": "2024-01-01"},
        {"2024-02": [], "2024-03": ["2024-01-01 to 2024-03-31: 9000"], "2024-04": []},
    ),
    Case(
        "a part of an interval costs all of it where the price is not prorated",
        QUARTERLY | {"prorated": False},
        {"start_date": "2024-01-10"},
        {"2024-01": ["2024-01-10 to 2024-03-31: 9000"]},
    ),
]

ENDS = [
    Case(
        "in advance, an end that is known already shortens the charge",
        QUARTERLY,
        {"start_date": "2024-01-01", "end_date": "2024-02-01"},
        {"2024-01": ["2024-01-01 to 2024-01-31: 3066"], "2024-02": []},
    ),
    Case(
        "in arrears, what has ended is due at once",
        {"months": 3},
        {"start_date": "2024-01-01", "end_date": "2024-02-15"},
        {"2024-01": [], "2024-02": ["2024-01-01 to 2024-02-14: 4451"], "2024-03": []},
    ),
    Case(
        "an end on the first day of a period is due in the period before",
        {"months": 3},
        {"start_date": "2024-01-01", "end_date": "2024-02-01"},
        {"2024-01": ["2024-01-01 to 2024-01-31: 3066"], "2024-02": []},
    ),
    Case(
        "what starts and ends on one day was never held",
        {},
        {"start_date": "2024-04-10", "end_date": "2024-04-10"},
        {"2024-04": []},
    ),
]

HELD = {"start_date": "2024-01-10", "end_date": "2024-04-10"}

ONCE = [
    Case(
        "a set-up price is due on the first day",
        SET_UP,
        HELD,
        {"2024-01": ["2024-01-10: 9000"], "2024-02": [], "2024-04": []},
    ),
    Case(
        "a price of the end is due on the last day",
        COLLECTION,
        HELD,
        {"2024-01": [], "2024-03": [], "2024-04": ["2024-04-09: 9000"]},
    ),
    Case(
        "the last day before the first of a month belongs to the month before",
        COLLECTION,
        HELD | {"end_date": "2024-04-01"},
        {"2024-03": ["2024-03-31: 9000"], "2024-04": []},
    ),
    Case("no end, no price of the end", COLLECTION, HELD | {"end_date": None}, {"2024-04": []}),
    Case(
        "each unit pays the set-up",
        SET_UP,
        HELD | {"quantity": 3},
        {"2024-01": ["2024-01-10: 27000"]},
    ),
    Case(
        "a customer's own price is that of the subscription, not of the set-up",
        SET_UP,
        HELD | {"price_override_nanos": 10**9},
        {"2024-01": ["2024-01-10: 9000"]},
    ),
    Case(
        "what was never held has neither",
        SET_UP,
        HELD | {"end_date": "2024-01-10"},
        {"2024-01": []},
    ),
    Case(
        "an early end costs a fee for each month of the contract that is left",
        FEE,
        HELD | {"contract_end_date": "2024-07-10"},
        {"2024-04": ["2024-04-09: 27000"]},
    ),
    Case(
        "a month of the contract that has begun counts",
        FEE,
        HELD | {"contract_end_date": "2024-07-11"},
        {"2024-04": ["2024-04-09: 36000"]},
    ),
    Case(
        "a fee for each six months, of which the last has begun",
        FEE | {"months": 6},
        HELD | {"contract_end_date": "2024-10-11"},
        {"2024-04": ["2024-04-09: 18000"]},
    ),
    Case(
        "a fee for one day",
        FEE | {"months": 60},
        HELD | {"contract_end_date": "2024-04-11"},
        {"2024-04": ["2024-04-09: 9000"]},
    ),
    Case(
        "from the end of January to the end of February is one month",
        FEE,
        HELD | {"end_date": "2024-01-31", "contract_end_date": "2024-02-29"},
        {"2024-01": ["2024-01-30: 9000"]},
    ),
    Case(
        "at the contract's end there is no fee",
        FEE,
        HELD | {"contract_end_date": "2024-04-10"},
        {"2024-04": []},
    ),
    Case("without a contract there is no fee", FEE, HELD, {"2024-04": []}),
]

HISTORY = [
    Case(
        "a late first bill catches up from the start",
        IN_ADVANCE,
        {"start_date": "2024-01-15"},
        {
            "2024-04": [
                "2024-01-15 to 2024-01-31: 4935",
                "2024-02-01 to 2024-02-29: 9000",
                "2024-03-01 to 2024-03-31: 9000",
                "2024-04-01 to 2024-04-30: 9000",
            ]
        },
        charged="2024-01-15",
    ),
    Case(
        "in arrears what is over is caught up",
        {"months": 3},
        {"start_date": "2023-07-01"},
        {
            "2024-04": [
                "2023-08-01 to 2023-09-30: 5967",
                "2023-10-01 to 2023-12-31: 9000",
                "2024-01-01 to 2024-03-31: 9000",
            ]
        },
        charged="2023-08-01",
    ),
    Case(
        "what is charged already is not charged again",
        IN_ADVANCE,
        {},
        {"2024-04": []},
        charged="2024-05-01",
    ),
    Case(
        "the rest of a month that was charged in part",
        IN_ADVANCE,
        {},
        {"2024-04": ["2024-04-11 to 2024-04-30: 6000"]},
        charged="2024-04-11",
    ),
    Case(
        "days charged in advance beyond an early end are given back",
        QUARTERLY,
        {"start_date": "2024-01-01", "end_date": "2024-04-11"},
        {"2024-04": ["2024-04-11 to 2024-06-30: -8011"]},
        charged="2024-07-01",
    ),
    Case(
        "each interval that was charged is given back by itself",
        IN_ADVANCE,
        {"start_date": "2024-01-01", "end_date": "2024-02-16"},
        {"2024-04": ["2024-02-16 to 2024-02-29: -4345", "2024-03-01 to 2024-03-31: -9000"]},
        charged="2024-04-01",
    ),
    Case(
        "an end in a later period gives nothing back yet",
        QUARTERLY,
        {"start_date": "2024-01-01", "end_date": "2024-05-10"},
        {"2024-04": []},
        charged="2024-07-01",
    ),
    Case(
        "an end in the past is caught up with",
        YEARLY,
        {"start_date": "2024-01-01", "end_date": "2024-03-01"},
        {"2024-04": ["2024-03-01 to 2024-12-31: -7525"]},
        charged="2025-01-01",
    ),
    Case(
        "of a price that is not prorated, an interval that has begun is kept",
        IN_ADVANCE | {"prorated": False},
        {"start_date": "2024-01-01", "end_date": "2024-02-16"},
        {"2024-04": ["2024-03-01 to 2024-03-31: -9000"]},
        charged="2024-04-01",
    ),
    Case(
        "an order that was annulled gets all of it back",
        IN_ADVANCE | {"prorated": False},
        {"start_date": "2024-03-16", "end_date": "2024-03-16"},
        {"2024-04": ["2024-03-16 to 2024-03-31: -9000", "2024-04-01 to 2024-04-30: -9000"]},
        charged="2024-05-01",
    ),
    Case(
        "days charged in arrears beyond an end that came to light later are given back, too",
        {},
        {"start_date": "2024-01-01", "end_date": "2024-03-16"},
        {"2024-04": ["2024-03-16 to 2024-03-31: -4645"]},
        charged="2024-04-01",
    ),
    Case(
        "a set-up that was charged is not charged again",
        SET_UP,
        {"start_date": "2024-04-10"},
        {"2024-04": []},
        charged="2024-04-11",
    ),
]


def billed(case):
    """The lines of the case's bills, as ``days: minor units`` by day."""
    days = {month: days_of(month, case.cycle)[0] for month in case.expected}
    return {month: all_bills()[case.title, first] for month, first in days.items()}


@pytest.mark.parametrize("case", INTERVALS, ids=lambda case: case.title)
def test_which_interval_falls_due(case):
    assert billed(case) == case.expected, case.title


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.title)
def test_a_product_that_ends(case):
    assert billed(case) == case.expected, case.title


@pytest.mark.parametrize("case", ONCE, ids=lambda case: case.title)
def test_what_is_charged_once(case):
    assert billed(case) == case.expected, case.title


@pytest.mark.parametrize("case", HISTORY, ids=lambda case: case.title)
def test_what_the_books_say_was_charged_already(case):
    assert billed(case) == case.expected, case.title


def test_an_offering_of_several_prices_charges_each_by_its_own_terms():
    terms = [
        MONTHLY | {"price_code": "FEE", "timing": "advance"},
        MONTHLY | {"price_code": "LINE"},
        MONTHLY | SET_UP | {"price_code": "SETUP"},
    ]
    prices = [PRICE | {"offering_code": code} for code in ("FEE", "LINE", "SETUP")]
    held = PRODUCT | {"start_date": date(2024, 4, 1)}
    load(stated(component=terms, price=prices, product=[held]))
    found = {(r["price_code"], r["category"], r["charge_to"]) for r in result("bill_line")}
    assert found == {
        ("FEE", "recurring", date(2024, 5, 1)),
        ("LINE", "recurring", date(2024, 5, 1)),
        ("SETUP", "one_time", date(2024, 4, 2)),
    }


def test_each_price_has_its_own_history():
    terms = [MONTHLY | {"price_code": code, "timing": "advance"} for code in ("FEE", "LINE")]
    prices = [PRICE | {"offering_code": code} for code in ("FEE", "LINE")]
    charged = {"product_key": "P1", "price_code": "FEE", "charged_through": date(2024, 5, 1)}
    load(stated(component=terms, price=prices, charged=[charged]))
    assert [row["price_code"] for row in result("bill_line")] == ["LINE"]


def test_each_account_is_billed_by_the_periods_of_its_own_cycle():
    accounts = [ACCOUNT, ACCOUNT | {"account_key": "A2", "bill_cycle_day": 15}]
    products = [PRODUCT, PRODUCT | {"product_key": "P2", "account_key": "A2"}]
    periods = [cycled(date(2024, 4, day), date(2024, 5, day), day) for day in (1, 15)]
    load(stated(account=accounts, product=products) | {"periods": periods})
    found = {r["account_key"]: r["charge_from"] for r in result("bill_line")}
    assert found == {"A1": date(2024, 4, 1), "A2": date(2024, 4, 15)}
