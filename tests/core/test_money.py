"""Money: text in, text out, exactly; what cannot be exact is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbill.core import money
from crossbill.core.rounding import RoundingMode

INT64 = st.integers(-(2**63) + 1, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("-1234.50", -1_234_500_000_000),
        ("+9.9", 9_900_000_000),
        ("0.000000001", 1),
        ("0049.90", 49_900_000_000),
        ("1.50000000000000", 1_500_000_000),
        ("9223372036.854775807", 2**63 - 1),
    ],
)
def test_amounts_read_exactly(text, nanos):
    assert money.parse_nanos(text) == nanos


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", money.AmountUnreadable),
        ("1,5", money.AmountUnreadable),
        ("1e3", money.AmountUnreadable),
        (".5", money.AmountUnreadable),
        ("5.", money.AmountUnreadable),
        ("--5", money.AmountUnreadable),
        (" 5", money.AmountUnreadable),
        ("5\n", money.AmountUnreadable),
        ("\u0665", money.AmountUnreadable),
        ("nan", money.AmountUnreadable),
        ("0.0000000001", money.AmountTooFine),
        ("9223372036.854775808", money.AmountTooLarge),
        ("9" * 5000, money.AmountTooLarge),
    ],
)
def test_amounts_that_are_refused(text, refusal):
    with pytest.raises(refusal) as caught:
        money.parse_nanos(text)
    assert "What to do" in str(caught.value)
    assert caught.value.value == text


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [
        (-123450, 2, "-1234.50"),
        (5, 2, "0.05"),
        (-5, 2, "-0.05"),
        (0, 2, "0.00"),
        (1234, 0, "1234"),
        (-1, 3, "-0.001"),
        (12345, 4, "1.2345"),
    ],
)
def test_minor_units_print_with_all_digits(minor, digits, text):
    assert money.format_minor(minor, digits) == text


@pytest.mark.parametrize(
    ("nanos", "digits", "text"),
    [
        (49_900_000_000, 0, "49.9"),
        (49_900_000_000, 2, "49.90"),
        (49_000_000_000, 0, "49"),
        (-1, 2, "-0.000000001"),
    ],
)
def test_nanos_print_without_needless_zeros(nanos, digits, text):
    assert money.format_nanos(nanos, digits) == text


@given(INT64)
def test_nanos_survive_the_way_through_text(nanos):
    assert money.parse_nanos(money.format_nanos(nanos)) == nanos
    assert Decimal(money.format_nanos(nanos)).scaleb(9) == nanos


@given(INT64, st.integers(0, 4))
def test_minor_units_survive_the_way_through_text(minor, digits):
    assert money.parse_minor(money.format_minor(minor, digits), digits) == minor


@given(st.integers(-(10**12), 10**12), st.integers(0, 4), st.sampled_from(RoundingMode))
def test_minor_units_survive_the_way_through_nanos(minor, digits, mode):
    nanos = money.minor_to_nanos(minor, digits)
    assert money.nanos_to_minor(nanos, digits, mode) == minor


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("HUF", 2)],
)
def test_minor_digits(currency, digits):
    assert money.minor_digits(currency) == digits


@pytest.mark.parametrize("currency", ["usd", "XAU", "DEM", "", "EURO"])
def test_a_currency_that_nobody_bills_in_is_refused(currency):
    with pytest.raises(money.CurrencyUnknown, match="CURRENCY_UNKNOWN"):
        money.minor_digits(currency)


def test_no_currency_stands_twice():
    codes = " ".join(money._CODES_BY_DIGITS.values()).split()
    assert len(codes) == len(set(codes)) == len(money.MINOR_DIGITS)
    assert all(len(code) == 3 and code.isupper() for code in codes)
