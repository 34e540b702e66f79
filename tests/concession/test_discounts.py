"""Discounts and exemptions in the books: what they may say, that they keep, how they read."""

from datetime import date
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from ledger.books import ACCOUNT, REFUSED, make_account

from crossbill.platform.concession.models import Commitment, Discount, Exemption
from crossbill.platform.concession.words import discount_words

SOUND = {
    "discount_key": "D1", "account_id": ACCOUNT, "position": 1, "kind": "percentage",
    "rate_ppm": 50_000, "valid_from": date(2024, 1, 1),
}  # fmt: skip
AMOUNT = {"kind": "amount", "rate_ppm": None, "amount_minor": 1_000}


@pytest.fixture
def carrier(db):
    return make_account()


def grant(carrier, number=1, **terms):
    return Discount.objects.create(
        id=UUID(int=100 + number), carrier=carrier, **(SOUND | terms)
    )  # fmt: skip


@pytest.mark.parametrize(
    "terms",
    [
        {"rate_ppm": 0},
        {"rate_ppm": 1_000_001},
        {"rate_ppm": None},
        {"amount_minor": 100},
        AMOUNT | {"amount_minor": 0},
        AMOUNT | {"rate_ppm": 50_000},
        {"kind": "gift"},
        {"category": "tax"},
        {"most_minor": -1},
        {"spend_minor": -1},
        {"valid_to": date(2023, 12, 31)},
    ],
)
def test_the_database_refuses_terms_that_mean_nothing(carrier, terms):
    with pytest.raises(IntegrityError), transaction.atomic():
        grant(carrier, **terms)


def test_a_position_is_used_once(carrier):
    grant(carrier)
    with pytest.raises(IntegrityError), transaction.atomic():
        grant(carrier, 2, discount_key="D2")
    grant(carrier, 3, discount_key="D3", position=2, **AMOUNT)


def test_a_discount_can_end_once_and_nothing_else(carrier):
    grant(carrier)
    held = Discount.objects.filter(discount_key="D1")
    for change in ({"rate_ppm": 60_000}, {"position": 2}, {"valid_from": date(2024, 2, 1)}):
        with pytest.raises(REFUSED, match="only the end can be set"), transaction.atomic():
            held.update(**change)
    held.update(valid_to=date(2024, 7, 1))
    with pytest.raises(REFUSED, match="only the end can be set"), transaction.atomic():
        held.update(valid_to=date(2025, 1, 1))
    with pytest.raises(REFUSED, match="is immutable"), transaction.atomic():
        held.delete()


def test_a_promise_can_end_and_nothing_else(carrier):
    terms = {"carrier": carrier, "commitment_key": "M1", "account_id": ACCOUNT, "prorated": True}
    terms |= {"tax_category": "standard", "valid_from": date(2024, 1, 1)}
    with pytest.raises(IntegrityError), transaction.atomic():
        Commitment.objects.create(id=uuid4(), amount_minor=0, **terms)
    Commitment.objects.create(id=uuid4(), amount_minor=5_000, **terms)
    held = Commitment.objects.filter(commitment_key="M1")
    held.update(valid_to=date(2024, 7, 1))
    with pytest.raises(REFUSED, match="only the end can be set"), transaction.atomic():
        held.update(amount_minor=4_000)
    with pytest.raises(REFUSED, match="is immutable"), transaction.atomic():
        held.delete()


def test_an_exemption_can_end_once_and_stands_once_a_day(carrier):
    terms = {"account_id": ACCOUNT, "valid_from": date(2024, 1, 1), "reason": "certificate 7"}
    Exemption.objects.create(**terms)
    with pytest.raises(IntegrityError), transaction.atomic():
        Exemption.objects.create(**terms)
    held = Exemption.objects.filter(account_id=ACCOUNT)
    held.update(valid_to=date(2024, 7, 1))
    for change in ({"reason": "none"}, {"valid_to": None}):
        with pytest.raises(REFUSED, match="only the end can be set"), transaction.atomic():
            held.update(**change)


@pytest.mark.parametrize(
    ("terms", "only", "words"),
    [
        ({"rate_ppm": 50_000}, None, "5 % off all charges"),
        ({"rate_ppm": 125_000, "category": "usage"}, "Fibre", "12.5 % off usage of Fibre"),
        ({"amount_minor": 123_450}, None, "1234.50 USD off all charges"),
        (
            {"rate_ppm": 25_000, "spend_minor": 6_000, "most_minor": 500, "category": "usage"},
            None,
            "2.5 % off usage, from 60.00 USD on, at most 5.00 USD",
        ),
    ],
)  # fmt: skip
def test_a_discount_in_words(terms, only, words):
    names = ("category", "rate_ppm", "amount_minor", "spend_minor", "most_minor")
    stated = SimpleNamespace(**(dict.fromkeys(names) | terms))
    assert discount_words(stated, currency="USD", only=only) == words
