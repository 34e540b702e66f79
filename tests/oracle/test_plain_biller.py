"""The oracle itself, held against figures worked out by hand."""

from datetime import date
from fractions import Fraction

import pytest

from oracle.plain_biller import bill_account, counted, rounded
from oracle.tables import ACCOUNT, APRIL, OLD_POLICY, PRICE, PRODUCT, TAX_RATE


@pytest.mark.parametrize(
    ("first", "end", "days"),
    [
        (date(2024, 4, 1), date(2024, 5, 1), 30),
        (date(2024, 5, 1), date(2024, 6, 1), 30),
        (date(2023, 2, 1), date(2023, 3, 1), 30),
        (date(2024, 5, 31), date(2024, 6, 1), 1),
        (date(2024, 5, 30), date(2024, 5, 31), 0),
        (date(2023, 2, 28), date(2023, 3, 1), 3),
        (date(2024, 2, 29), date(2024, 3, 1), 2),
        (date(2024, 5, 16), date(2024, 6, 1), 15),
    ],
)
def test_days_of_thirty_day_months(first, end, days):
    assert counted(first, end, "thirty_360") == days


@pytest.mark.parametrize(
    ("value", "mode", "whole"),
    [
        (Fraction(5, 2), "half_up", 3),
        (Fraction(-5, 2), "half_up", -3),
        (Fraction(5, 2), "half_even", 2),
        (Fraction(7, 2), "half_even", 4),
        (Fraction(-29, 10), "down", -2),
        (Fraction(21, 10), "up", 3),
    ],
)
def test_rounding(value, mode, whole):
    assert rounded(value, mode) == whole


def test_a_half_month_with_discount_by_the_old_rules():
    product = PRODUCT | {"start_date": date(2024, 4, 16), "quantity": 3, "discount_ppm": 100_000}
    bill = bill_account(
        ACCOUNT, [product], [PRICE], [TAX_RATE], policy=OLD_POLICY, period=APRIL, digits=2
    )
    # 49.90 x 3 x 15/30 = 74.85; 10 % = 7.485 -> 7.48; tax 6.642... -> 6.64 and 0.6638... -> 0.66
    assert bill.lines == {("P1", "recurring"): (7485, 664), ("P1", "discount"): (-748, -66)}
    assert (bill.net, bill.tax) == (6737, 598)
