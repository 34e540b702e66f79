"""Which discounts and exemptions an account can be granted, and how they end."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from crossbill.core.refusal import Refusal
from crossbill.platform.concession.grants import (
    DiscountAsked,
    ExemptionAsked,
    Holder,
    planned_discount,
    planned_end,
    planned_exemption,
)
from crossbill.platform.customer.amendments import Billed, first_period, refuse_day

TODAY = date(2026, 4, 16)
MAY, JULY = date(2026, 5, 1), date(2026, 7, 1)
CITY = {
    "account_key": "A1", "tax_name": "city", "reason": "certificate 7", "valid_from": MAY,
    "valid_to": JULY,
}  # fmt: skip
SPRING = {
    "discount_key": "A1-D1", "account_key": "A1", "position": 3, "product_key": None,
    "offering_code": None, "category": None, "kind": "percentage", "rate_ppm": 100_000,
    "currency": "CHF", "amount_minor": None, "spend_minor": None, "most_minor": None,
    "valid_from": MAY, "valid_to": None,
}  # fmt: skip
HOLDER = Holder(
    Billed("A1", "CHF", 1), "A1-D2", {"P1": None, "P0": date(2026, 4, 1)},
    {"alpina-s": "Alpina S"}, {"city", "vat"}, [SPRING], [CITY],
)  # fmt: skip
TENTH = DiscountAsked("A1", MAY, rate_ppm=100_000)
EXEMPT = ExemptionAsked("A1", MAY, tax_name="vat", certificate="4711", issued_date=TODAY)


def test_a_discount_is_taken_off_last_unless_a_position_is_stated():
    plan = planned_discount(TENTH, HOLDER, TODAY)
    assert plan.begins == (SPRING | {"discount_key": "A1-D2", "position": 4},)
    assert (plan.before, plan.after) == ("", "A1-D2: 10 % off all charges")
    first = planned_discount(replace(TENTH, position=0), HOLDER, TODAY)
    assert first.begins[0]["position"] == 0


@pytest.mark.parametrize(
    ("terms", "field", "said"),
    [
        ({"rate_ppm": None}, "rate_ppm", "a percentage or an amount"),
        ({"amount_minor": 100}, "rate_ppm", "a percentage or an amount"),
        ({"rate_ppm": 0}, "rate_ppm", "Not a share"),
        ({"rate_ppm": 1_000_001}, "rate_ppm", "Not a share"),
        ({"rate_ppm": None, "amount_minor": 0}, "amount_minor", "not above 0"),
        ({"most_minor": 0}, "most_minor", "not above 0"),
        ({"spend_minor": 10**16}, "spend_minor", "absurdly large"),
        ({"currency": "EUR"}, "currency", "billed in another currency"),
        ({"category": "tax"}, "category", "no such category"),
        ({"offering_code": "moon"}, "offering_code", "no such offering"),
        ({"product_key": "P9"}, "product_key", "holds no such product"),
        ({"product_key": "P0"}, "product_key", "held up to 2026-04-01 only"),
        ({"position": 3}, "position", "has this position"),
        ({"position": -1}, "position", "whole number from 0"),
        ({"valid_to": MAY}, "valid_to", "end before it begins"),
        ({"valid_from": date(2026, 5, 2), "valid_to": date(2026, 5, 30)}, "valid_to",
         "No bill period begins from 2026-05-02 on before 2026-05-30"),
        ({"valid_from": date(2026, 3, 1)}, "valid_from",
         "The bill of 2026-03-01 to 2026-04-01 would change, and that period is over"),
        ({"valid_from": date(2027, 6, 1)}, "valid_from", "more than 400 days ahead"),
    ],
)  # fmt: skip
def test_a_discount_that_cannot_be_is_refused_at_its_field(terms, field, said):
    with pytest.raises(Refusal, match=said) as refused:
        planned_discount(replace(TENTH, **terms), HOLDER, TODAY)
    assert refused.value.field == field
    assert refused.value.cure


@pytest.mark.parametrize(
    ("terms", "field", "said"),
    [
        ({"certificate": ""}, "certificate", "one reason"),
        ({"certificate": "", "ground": "embassy"}, "certificate", "has no number"),
        ({"ground": "embassy"}, "certificate", "one reason"),
        ({"issued_date": None}, "issued_date", "has no date"),
        ({"issued_date": MAY}, "issued_date", "not issued yet"),
        ({"certificate": "7" * 200}, "certificate", "characters"),
        ({"tax_name": "moon"}, "tax_name", "no such tax"),
        ({"tax_name": "city"}, "valid_from",
         "exempt from city: certificate 7, from 2026-05-01 to 2026-07-01 already"),
        ({"tax_name": None}, "valid_from", "exempt from city"),
        ({"valid_to": MAY}, "valid_to", "end before it begins"),
    ],
)  # fmt: skip
def test_an_exemption_that_cannot_be_is_refused_at_its_field(terms, field, said):
    with pytest.raises(Refusal, match=said) as refused:
        planned_exemption(replace(EXEMPT, **terms), HOLDER, TODAY)
    assert refused.value.field == field
    assert refused.value.cure


def test_exemptions_that_do_not_overlap_stand_beside_each_other():
    later = replace(EXEMPT, tax_name="city", valid_from=JULY, certificate="", issued_date=None)
    plan = planned_exemption(replace(later, ground="embassy"), HOLDER, TODAY)
    assert plan.after == "exempt from city: embassy"
    assert planned_exemption(EXEMPT, HOLDER, TODAY).after == (
        "exempt from vat: certificate 4711 of 2026-04-16"
    )


@pytest.mark.parametrize(
    ("row", "day", "said"),
    [
        (None, MAY, "no such exemption"),
        (CITY, date(2026, 4, 30), "begins on 2026-05-01 only"),
        (CITY, JULY, "ends on 2026-07-01 already"),
        (CITY | {"valid_from": date(2025, 1, 1)}, date(2026, 3, 1), "is over"),
    ],
)
def test_an_end_that_cannot_be_is_refused(row, day, said):
    with pytest.raises(Refusal, match=said):
        planned_end("exemption", row, day, HOLDER, TODAY)


def test_what_was_granted_up_to_a_day_can_end_before_it():
    plan = planned_end("exemption", CITY, date(2026, 6, 1), HOLDER, TODAY)
    assert (plan.ends, plan.after) == ((CITY,), "")


def test_nothing_is_granted_to_a_closed_account():
    closed = replace(HOLDER, billed=Billed("A1", "CHF", 1, closed=True))
    with pytest.raises(Refusal, match="is closed"):
        planned_discount(TENTH, closed, TODAY)


@pytest.mark.parametrize(
    ("cycle", "day", "first"),
    [
        (1, date(2026, 5, 1), date(2026, 5, 1)),
        (1, date(2026, 5, 2), date(2026, 6, 1)),
        (31, date(2026, 2, 28), date(2026, 2, 28)),
        (31, date(2026, 12, 31), date(2026, 12, 31)),
        (15, date(2026, 12, 16), date(2027, 1, 15)),
    ],
)
def test_a_day_is_felt_on_the_first_period_that_begins_from_it_on(cycle, day, first):
    assert first_period(day, cycle).from_date == first


@pytest.mark.parametrize("cycle", [1, 15, 16, 17, 28, 31])
def test_the_day_that_a_refusal_names_is_the_first_that_is_taken(cycle):
    with pytest.raises(Refusal) as refused:
        refuse_day(date(2026, 1, 1), TODAY, cycle)
    named = date.fromisoformat(refused.value.cure.split()[1])
    refuse_day(named, TODAY, cycle)
    with pytest.raises(Refusal):
        refuse_day(named - timedelta(days=1), TODAY, cycle)
