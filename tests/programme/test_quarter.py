"""A quarter: how it is written, which days it has, and which day its report speaks of."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbill.replacement.programme.quarter import Quarter, QuarterUnreadable

days = st.dates(min_value=date(1990, 1, 1), max_value=date(2190, 12, 31))


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2024Q1", "2024-01-01", "2024-04-01"),
        ("2024Q2", "2024-04-01", "2024-07-01"),
        ("2024Q3", "2024-07-01", "2024-10-01"),
        ("2024Q4", "2024-10-01", "2025-01-01"),
    ],
)
def test_a_quarter_is_three_months_half_open(text, first, after):
    quarter = Quarter.parse(text)
    assert (str(quarter.from_date), str(quarter.to_date), str(quarter)) == (first, after, text)


@pytest.mark.parametrize(
    "text",
    ["", "2024", "2024Q0", "2024Q5", "24Q1", "2024q2", "2024Q2 ", "Q22024", "0000Q1", "9999Q4"],
)
def test_anything_else_is_refused_with_the_way_to_write_it(text):
    with pytest.raises(QuarterUnreadable, match="write it as 2024Q2"):
        Quarter.parse(text)


@given(days)
def test_every_day_lies_in_exactly_its_own_quarter(day):
    quarter = Quarter.of(day)
    assert day in quarter
    assert day not in quarter.next
    assert quarter.next == Quarter.of(quarter.to_date)
    assert Quarter.parse(str(quarter)) == quarter


@given(days, days)
def test_a_report_speaks_of_today_while_its_quarter_runs_and_of_its_last_day_after(day, today):
    quarter = Quarter.of(day)
    last = quarter.to_date - timedelta(days=1)
    assert quarter.as_of(today) == (today if today <= last else last)
