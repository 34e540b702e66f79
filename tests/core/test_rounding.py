"""Rounding: the modes by table, and their laws."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbill.core.rounding import RoundingMode, divide_rounded

MODES = {
    "half_up": RoundingMode.HALF_UP,
    "half_even": RoundingMode.HALF_EVEN,
    "down": RoundingMode.DOWN,
    "up": RoundingMode.UP,
}


@pytest.mark.parametrize(
    ("fraction", "half_up", "half_even", "down", "up"),
    [
        ("5/2", 3, 2, 2, 3),
        ("7/2", 4, 4, 3, 4),
        ("-5/2", -3, -2, -2, -3),
        ("-7/2", -4, -4, -3, -4),
        ("1/2", 1, 0, 0, 1),
        ("-1/2", -1, 0, 0, -1),
        ("1/3", 0, 0, 0, 1),
        ("-2/3", -1, -1, 0, -1),
        ("6/3", 2, 2, 2, 2),
        ("0/7", 0, 0, 0, 0),
    ],
)
def test_each_mode(fraction, half_up, half_even, down, up):
    numerator, denominator = map(int, fraction.split("/"))
    found = [divide_rounded(numerator, denominator, mode) for mode in MODES.values()]
    assert found == [half_up, half_even, down, up]


@given(st.integers(), st.integers(min_value=1), st.sampled_from(RoundingMode))
def test_the_sign_changes_nothing_but_the_sign(numerator, denominator, mode):
    assert divide_rounded(-numerator, denominator, mode) == -divide_rounded(
        numerator, denominator, mode
    )


@given(st.integers(), st.integers(min_value=1), st.sampled_from(RoundingMode))
def test_the_result_is_within_one_and_the_nearest_modes_within_a_half(numerator, denominator, mode):
    error = abs(divide_rounded(numerator, denominator, mode) - Fraction(numerator, denominator))
    nearest = mode in (RoundingMode.HALF_UP, RoundingMode.HALF_EVEN)
    assert error <= Fraction(1, 2) if nearest else error < 1


def test_a_negative_denominator_is_a_bug():
    with pytest.raises(AssertionError):
        divide_rounded(1, -3, RoundingMode.DOWN)
