"""What accounts of the old system promised to be charged at least, and what is missing of it."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from sample.sample_extract import Estate, Row, money
from sample.test_sample_biller import account, service

from crossbill.sample.old_system.biller import bill
from crossbill.sample.old_system.calendar import APRIL
from crossbill.sample.old_system.records import AccountDiscount, Minimum

D = Decimal
NEVER = "99991231"


def minimum(**terms: object) -> Minimum:
    plain = {"number": "M1", "service_id": "", "kind": "", "amount": D("150.00")}
    plain |= {"by_days": True, "first": date(2024, 1, 1), "last": None}
    return Minimum(**{**plain, **terms})  # type: ignore[arg-type] # the terms are mixed


@pytest.mark.parametrize(
    ("terms", "missing"),
    [
        ({}, ("35.79", "3.17")),
        ({"amount": D("114.21")}, None),
        ({"service_id": "S-MBA", "amount": D("60.00")}, ("13.20", "1.17")),
        ({"kind": "U"}, ("150.00", "13.31")),
        ({"first": date(2024, 4, 4)}, ("20.79", "1.84")),
        ({"last": date(2024, 4, 27)}, ("20.79", "1.84")),
        ({"first": date(2024, 4, 30), "by_days": False}, ("35.79", "3.17")),
        ({"first": date(2024, 5, 1)}, None),
        ({"last": date(2024, 3, 31)}, None),
    ],
)
def test_what_is_missing_is_a_line_of_its_own(terms: dict, missing: tuple[str, str] | None) -> None:
    """Fibre 500 at 74.90 and a mobile at 52.00 with its taxes, less 10 % of each: 67.41 and 46.80.

    From the fourth, or to the 27th, 27 days of 30 of 150.00 are 135.00.
    """
    held = account(service("F5S"), service("MBA"))
    held.discounts = [
        AccountDiscount("A1", 1, D("10.00"), None, "", "", None, None, date(2024, 1, 1), 0)
    ]
    held.minimums = [minimum(**terms)]
    made = bill(held, APRIL)
    assert made is not None
    found = [(str(line.net), str(line.tax)) for line in made.lines if line.category == "M"]
    assert found == ([missing] if missing else [])


def test_it_is_due_where_nothing_else_is() -> None:
    held = account()
    held.minimums = [minimum()]
    made = bill(held, APRIL)
    assert made is not None
    assert [(str(line.net), line.minimum) for line in made.lines] == [("150.00", "M1")]


def test_bills_of_the_estate_lack_nothing_of_what_was_promised(estate: Estate) -> None:
    left_out = {row[key] for row in estate.tables["PAYSHARE"] for key in ("CUST_NO", "PAY_NO")}
    left_out |= {row["CUST_NO"] for row in estate.tables["TAXEXM"]}  # pay no price as it is stated
    added = 0
    for row in estate.tables["MINSPD"]:
        if row["CUST_NO"] in left_out or row["CUST_NO"] in estate.seeded:
            continue
        for month in ("04", "05"):
            lines = [
                line
                for line in estate.of("BILLLIN", row["CUST_NO"])
                if line["BILL_NO"].startswith(f"B24{month}")
            ]
            more = [money(line["NET"]) for line in lines if line["MIN_NO"] == row["MIN_NO"]]
            lacks = wanted(row, month) - reached(estate, row, lines)
            assert more == ([lacks] if lacks > 0 else []), (row["MIN_NO"], month)
            added += len(more)
    assert added


def wanted(row: Row, month: str) -> Decimal:
    """Of a month of thirty days those that it holds, cut to the cent."""
    days = {"04": 30, "05": 31}[month]
    begin = max(row["MFROM"], f"2024{month}01")
    end = min(row["MTO"], f"2024{month}{days}")
    if begin > end:
        return D(0)
    after = 31 if end[6:] == str(days) else min(int(end[6:]) + 1, 30)
    held = after - min(int(begin[6:]), 30)
    share = Fraction(held, 30) if row["BYDAY"] == "Y" else 1
    return D(int(Fraction(money(row["AMT"])) * share * 100)).scaleb(-2)


def reached(estate: Estate, row: Row, lines: list[Row]) -> Decimal:
    """What counts of the printed lines, with their taxes where prices contain them."""
    found = D(0)
    for line in (line for line in lines if line["CAT"] != "M"):
        kind = line["OF_CAT"] or {"D": "R"}.get(line["CAT"], line["CAT"])
        if row["SVC_ID"] in ("", line["SVC_ID"]) and row["KND"] in ("", kind):
            within = estate.charge_of(line)["INC"] == "Y"
            found += money(line["NET"]) + (money(line["TAX"]) if within else 0)
    return found
