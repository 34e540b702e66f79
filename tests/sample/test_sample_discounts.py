"""Discounts of whole accounts by the old biller, worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest
from sample_extract import Estate, money
from test_sample_biller import account, service

from crossbill.sample.old_system.biller import bill
from crossbill.sample.old_system.calendar import APRIL, MAY, Period
from crossbill.sample.old_system.discounts import holds
from crossbill.sample.old_system.records import AccountDiscount

D = Decimal
LAST_YEAR = date(2023, 7, 1)


def discount(place: int = 1, **terms: object) -> AccountDiscount:
    plain = {
        "percent": None, "amount": None, "category": "", "tariff": "", "least": None, "most": None,
        "first": LAST_YEAR, "months": 0,
    }  # fmt: skip
    return AccountDiscount(number=f"A{place}", place=place, **{**plain, **terms})  # type: ignore[arg-type] # the terms are mixed


def taken_off(*discounts: AccountDiscount, tariffs: tuple[str, ...] = ("F5S", "TLS")):
    """What each discount takes off in April: 74.90 of Fibre 500, 21.49 of the fixed line."""
    held = account(*(service(tariff) for tariff in tariffs))
    held.discounts = list(discounts)
    made = bill(held, APRIL)
    assert made is not None
    return [(n.discount, n.tariff, n.net, n.tax) for n in made.lines if n.discount]


def test_the_second_takes_from_what_the_first_has_left() -> None:
    """5 % of 96.39 are 4.8195, cut to 4.81: of 74.90 it is 3.7376, of 21.49 it is 1.0724; the cent
    that is missing goes to the former. 10.00 of 71.16 and 20.42 are 7.7702 and 2.2297; here the
    latter bears it. Taxes: 8.875 %, on the line 2.34 % and 2.35 % too, each cut.
    """
    loyalty, welcome = discount(1, percent=D(5), category="R"), discount(2, amount=D(10))
    assert taken_off(welcome, loyalty) == [
        ("A1", "F5S", D("-3.74"), D("-0.33")),
        ("A1", "TLS", D("-1.07"), D("-0.13")),
        ("A2", "F5S", D("-7.77"), D("-0.68")),
        ("A2", "TLS", D("-2.23"), D("-0.29")),
    ]


@pytest.mark.parametrize(
    ("name", "terms", "taken"),
    [
        ("from one tariff", {"percent": D(10), "tariff": "TLS"}, {"TLS": "-2.14"}),
        ("from usage alone, of which there is none", {"percent": D(10), "category": "U"}, {}),
        ("no more than there is", {"amount": D(500)}, {"F5S": "-74.90", "TLS": "-21.49"}),
        ("at most", {"percent": D(50), "most": D(8)}, {"F5S": "-6.22", "TLS": "-1.78"}),
        ("from a spend", {"percent": D(10), "least": D("96.39")}, {"F5S": "-7.48", "TLS": "-2.15"}),
        ("below the spend", {"percent": D(10), "least": D("96.40")}, {}),
    ],
)
def test_what_a_discount_takes_off(name: str, terms: dict, taken: dict) -> None:
    found = {tariff: str(net) for _, tariff, net, _ in taken_off(discount(**terms))}
    assert found == taken


def test_it_is_taken_from_what_the_own_discount_of_the_service_left() -> None:
    """20 % of 74.90 are 14.98; of the other 59.92 a half is 29.96."""
    held = account(service("F5S", discount_percent=D(20)))
    held.discounts = [discount(percent=D(50))]
    made = bill(held, APRIL)
    assert made is not None
    assert [(n.category, n.net) for n in made.lines] == [
        ("R", D("74.90")), ("D", D("-14.98")), ("A", D("-29.96")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "months", "period", "valid"),
    [
        (date(2024, 2, 1), 3, APRIL, True),
        (date(2024, 2, 1), 3, MAY, False),
        (date(2024, 2, 2), 3, MAY, True),
        (date(2024, 1, 31), 3, APRIL, True),
        (date(2024, 1, 31), 3, MAY, False),
        (date(2024, 4, 1), 0, APRIL, True),
        (date(2024, 4, 2), 0, APRIL, False),
    ],
)
def test_it_holds_so_many_months_from_the_first_whole_one(
    first: date, months: int, period: Period, valid: bool
) -> None:
    assert holds(discount(first=first, months=months), period) is valid


def test_the_estate_has_discounts_of_each_kind_and_accounts_with_two(estate: Estate) -> None:
    rows = estate.tables["ACCDSC"]
    for column in ("PCT", "AMT", "CAT", "TRF", "MIN_AMT", "MAX_AMT", "MON"):
        assert any(row[column] for row in rows), column
    assert {row["SEQ"] for row in rows} == {"1", "2"}
    billed = {row["DSC_NO"] for row in estate.tables["BILLLIN"] if money(row["NET"]) < 0}
    assert len(billed) > len(rows) // 2


def test_the_estate_has_exemptions_of_each_kind(estate: Estate) -> None:
    rows = estate.tables["TAXEXM"]
    assert {row["TAX"] for row in rows} == {"SAL", "ALL"}
    assert {"20240430", "99991231"} <= {row["VTO"] for row in rows}
    assert "20240501" in {row["VFROM"] for row in rows}
