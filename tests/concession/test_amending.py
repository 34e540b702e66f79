"""Discounts, exemptions and payers, granted and ended: the cost first, then made at that cost."""

import json
from datetime import date, timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate
from product.shop import CARRIER, POLICY, books, carrier, person
from product.shop import run as run_app

from crossbill import cli_account
from crossbill.core.refusal import Refusal
from crossbill.platform.billing.amendment_quotes import make_amendment, quote_amendment
from crossbill.platform.billing.books import book_rows
from crossbill.platform.billing.compute import read_policy
from crossbill.platform.concession.grants import DiscountAsked
from crossbill.platform.concession.models import Commitment, Discount
from crossbill.platform.concession.queries import timeline
from crossbill.platform.customer.models import AccountChange, BillingAccount, Carrier, Payer

pytestmark = pytest.mark.django_db
run = partial(run_app, cli_account.account_app)
BY_ANN = ("--carrier", CARRIER, "--user", "ann")
TODAY = localdate()
NEXT = (TODAY.replace(day=1) + timedelta(days=32)).replace(day=1)
AFTER_NEXT = (NEXT + timedelta(days=32)).replace(day=1)
SWISS = read_policy(POLICY)
TENTH = DiscountAsked("A1", NEXT, rate_ppm=100_000)


@pytest.fixture(autouse=True)
def shop(monkeypatch):
    monkeypatch.setattr(cli_account, "ready", lambda: None)
    monkeypatch.setattr("crossbill.cli_concession.ready", lambda: None)
    person("ann", "operator")
    found = carrier()
    books(found)
    return found


def amend(command, *words, on=NEXT, day="--from"):
    return run(command, *words, *BY_ANN, "--policy", POLICY, day, on)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("│")[1:-1]]


def costs(said: str) -> list[list[str]]:
    """Account, before, after and difference of the bills that change, with tax."""
    rows = [cells(line) for line in said.splitlines()]
    return [[row[0], *row[2:]] for row in rows if len(row) == 5 and row[0].startswith("A")]


def shown(key="A1"):
    return json.loads(run("show", key, "--carrier", CARRIER, "--json"))


def test_a_discount_costs_what_is_shown_and_ends():
    said = amend("discount", "A1", "--percent", "10", "--reason", "loyal")
    # 19.90 less 10 % is 17.91, and 8.1 % tax
    assert costs(said) == [["A1", "21.51", "19.36", "-2.15"]]
    assert f"discount from {NEXT}: A1-D1: 10 % off all charges, by ann at " in said
    ended = amend("end-discount", "A1", "A1-D1", on=AFTER_NEXT, day="--on")
    assert costs(ended) == [["A1", "19.36", "21.51", "2.15"]]
    assert f"discount no longer from {AFTER_NEXT}: A1-D1: 10 %" in ended
    (row,) = shown()["discounts"]
    assert (row["position"], row["valid_to"]) == (1, str(AFTER_NEXT))
    happened = timeline(BillingAccount.objects.get(account_key="A1"))
    assert [row["what"] for row in happened] == ["starts", "discount", "discount"]


def test_another_account_pays_a_share_and_no_longer(shop):
    # 60 % of 19.90 are 11.94, beside the 25.00 that the payer has itself
    assert costs(amend("payers", "A1", "A3=60", "A1=40")) == [
        ["A1", "21.51", "8.60", "-12.91"], ["A3", "27.03", "39.93", "12.90"],
    ]  # fmt: skip
    assert "Its bills: 60 % of everything by A3" in run("show", "A1", "--carrier", CARRIER)
    assert "Pays for A1: 60 % of everything" in run("show", "A3", "--carrier", CARRIER)
    with pytest.raises(Refusal, match="Somebody pays for this payer"):
        amend("payers", "A2", "A1")
    assert costs(amend("payers", "A1", on=NEXT))[0] == ["A1", "8.60", "21.51", "12.91"]
    assert "Its bills: 60 % of everything by A3, from" in run("show", "A1", "--carrier", CARRIER)
    amend("payers", "A1", "A3=60", "A1=40")
    exported = book_rows(shop.id)["payer"].to_pylist()
    assert [row["valid_to"] for row in exported] == [None, None], "what held on no day stays here"
    with pytest.raises(IntegrityError, match="only the end can be set"), transaction.atomic():
        Payer.objects.update(share_ppm=1)


def test_a_promised_minimum_asks_for_what_a_discount_takes_off(shop):
    Commitment.objects.create(
        id=uuid4(), carrier=shop, commitment_key="M1", amount_minor=5_000, prorated=True,
        account=BillingAccount.objects.get(account_key="A1"), tax_category="standard",
        valid_from=date(2020, 1, 1),
    )  # fmt: skip
    said = run("show", "A1", "--carrier", CARRIER)
    assert "Promised M1: at least 50.00 CHF a period of all charges, by days, from 2020" in said
    assert costs(amend("discount", "A1", "--percent", "10")) == [], "the bill stays at 50.00 net"


def test_an_exempt_account_pays_no_tax_until_it_ends():
    said = amend("exempt", "A1", "--certificate", "4711", "--issued", TODAY)
    assert costs(said) == [["A1", "21.51", "19.90", "-1.61"]]
    (row,) = shown()["exemptions"]
    assert row["reason"] == f"certificate 4711 of {TODAY}"
    ended = amend("end-exemption", "A1", row["number"], on=NEXT, day="--on")
    assert costs(ended) == [["A1", "19.90", "21.51", "1.61"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("discount", "A9", "--percent", "5"), "NO_SUCH_ACCOUNT"),
        (("discount", "A1", "--amount", "5.00", "--currency", "EUR"), "DISCOUNT_NOT_POSSIBLE"),
        (("discount", "A1", "--percent", "5,5"), "AMOUNT_UNREADABLE"),
        (("payers", "A1", "=60"), "NOT_A_SHARE"),
        (("payers", "A1", "A2=60"), "PAYERS_NOT_POSSIBLE"),
        (("payers", "A1", "Z1"), "PAYERS_NOT_POSSIBLE"),
        (("discount", "A1", "--percent", "5", "--reason", "x" * 501), "ACCOUNT_REASON_TOO_LONG"),
    ],
)
def test_wrong_words_change_nothing(words, code):
    stranger = Carrier.objects.create(code="other", name="Another carrier, with an account Z1")
    BillingAccount.objects.filter(account_key="A2").update(carrier=stranger, account_key="Z1")
    with pytest.raises(Refusal) as refused:
        amend(*words)
    assert refused.value.code == code
    assert not AccountChange.objects.exists()


@pytest.mark.parametrize(("command", "what"), [("end-discount", "A1-D9"), ("end-exemption", 9)])
def test_what_is_not_there_does_not_end(command, what):
    with pytest.raises(Refusal, match="CONCESSION_NOT_THERE"):
        amend(command, "A1", what, day="--on")


def test_dry_run_and_viewer_change_nothing():
    said = amend("discount", "A1", "--percent", "5", "--dry-run")
    assert said.endswith("Nothing was changed: this was a dry run.\n")
    person("eve", "viewer")
    with pytest.raises(Refusal, match="CANNOT_CHANGE_ACCOUNT"):
        run("discount", "A1", "--carrier", CARRIER, "--user", "eve", "--from", NEXT)
    assert not Discount.objects.exists()


def test_a_quote_is_made_once_and_not_after_another_change(shop):
    asking = {"carrier_id": shop.id, "asked": TENTH, "today": TODAY, "policy": SWISS}
    seen = quote_amendment(**asking).seen
    made = make_amendment(**asking, seen=seen, user=person("ann"))
    assert make_amendment(**asking, seen=seen, user=person("ann")) == made
    with pytest.raises(Refusal, match=r"ann has changed account A1.*ACCOUNT_CHANGED_SINCE"):
        make_amendment(**asking, seen=seen, user=person("bob", "operator"))
    assert Discount.objects.count() == 1
