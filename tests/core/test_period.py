"""Periods are half-open; a share of a month is a fraction of whole numbers."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbill.core.period import (
    DayCount,
    Period,
    PeriodBackwards,
    counted_days,
    fraction,
    month_period,
    months,
)

DATES = st.dates(date(2019, 1, 1), date(2029, 12, 31))


def period(text: str) -> Period:
    """A period from ``2024-04-01..2024-05-01``."""
    return Period(*map(date.fromisoformat, text.split("..")))


FULL_APRIL, FULL_MAY = "2024-04-01..2024-05-01", "2024-05-01..2024-06-01"
LEAP, SHORT = "2024-02-01..2024-03-01", "2023-02-01..2023-03-01"


@pytest.mark.parametrize(
    ("charge", "bill", "actual", "thirty", "year"),
    [
        (FULL_APRIL, FULL_APRIL, (1, 1), (1, 1), (1, 1)),
        (LEAP, LEAP, (1, 1), (1, 1), (1, 1)),
        ("2024-04-16..2024-05-01", FULL_APRIL, (15, 30), (15, 30), (180, 365)),
        ("2024-05-16..2024-06-01", FULL_MAY, (16, 31), (15, 30), (192, 365)),
        ("2024-05-31..2024-06-01", FULL_MAY, (1, 31), (1, 30), (12, 365)),
        ("2024-05-30..2024-05-31", FULL_MAY, (1, 31), (0, 30), (12, 365)),
        ("2024-05-01..2024-05-31", FULL_MAY, (30, 31), (29, 30), (360, 365)),
        ("2024-02-15..2024-03-01", LEAP, (15, 29), (16, 30), (180, 365)),
        ("2023-02-15..2023-03-01", SHORT, (14, 28), (16, 30), (168, 365)),
        ("2023-02-28..2023-03-01", SHORT, (1, 28), (3, 30), (12, 365)),
        ("2023-02-01..2023-02-28", SHORT, (27, 28), (27, 30), (324, 365)),
        ("2024-01-20..2024-02-15", "2024-01-15..2024-02-15", (26, 31), (25, 30), (312, 365)),
    ],
)
def test_share_by_each_day_count(charge, bill, actual, thirty, year):
    found = [fraction(period(charge), period(bill), c, end_day_counts=True) for c in DayCount]
    assert found == [actual, thirty, year]


@pytest.mark.parametrize(
    ("charge", "counts", "days"),
    [
        ("2024-05-10..2024-05-20", True, 10),
        ("2024-05-10..2024-05-20", False, 9),
        ("2024-05-10..2024-05-11", False, 0),
        ("2024-05-10..2024-06-01", False, 22),  # runs on: no end day to lose
    ],
)
def test_whether_the_end_day_counts(charge, counts, days):
    share = fraction(
        period(charge), period(FULL_MAY), DayCount.ACTUAL_ACTUAL, end_day_counts=counts
    )
    assert share == (days, 31)


@given(DATES, DATES, DATES, st.sampled_from(DayCount))
def test_day_counts_add_up(a, b, c, day_count):
    first, middle, last = sorted([a, b, c])
    parts = counted_days(first, middle, day_count) + counted_days(middle, last, day_count)
    assert parts == counted_days(first, last, day_count)


@given(st.integers(2020, 2028), st.integers(1, 12), st.integers(1, 31), st.data())
def test_a_part_is_never_more_than_the_whole(year, month, anchor, data):
    bill = month_period(year, month, anchor)
    day = st.dates(bill.from_date, bill.to_date)
    first, last = sorted([data.draw(day), data.draw(day)])
    if first < last:
        for day_count in DayCount:
            share = fraction(Period(first, last), bill, day_count, end_day_counts=True)
            assert 0 <= share[0] <= share[1]


def test_cycles_on_the_31st_come_back_to_it():
    starts = [p.from_date.isoformat() for p in months(2023, 12, 5, anchor_day=31)]
    assert starts == ["2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]


@given(st.integers(2020, 2028), st.integers(1, 12), st.integers(1, 31))
def test_cycles_leave_no_gap(year, month, anchor):
    chain = months(year, month, 14, anchor_day=anchor)
    assert all(a.to_date == b.from_date for a, b in pairwise(chain))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (FULL_APRIL, FULL_MAY, None),
        (FULL_APRIL, "2024-04-20..2024-05-20", "2024-04-20..2024-05-01"),
        ("2024-04-10..2024-04-11", FULL_APRIL, "2024-04-10..2024-04-11"),
    ],
)
def test_overlap(one, other, common):
    expected = period(common) if common else None
    assert period(one).overlap(period(other)) == period(other).overlap(period(one)) == expected


def test_the_last_day_is_outside():
    april = period(FULL_APRIL)
    assert date(2024, 4, 30) in april
    assert date(2024, 5, 1) not in april
    assert april.days == 30


@pytest.mark.parametrize("text", ["2024-05-01..2024-05-01", "2024-05-02..2024-05-01"])
def test_a_period_without_days_is_refused(text):
    with pytest.raises(PeriodBackwards, match="must end after it starts"):
        period(text)
