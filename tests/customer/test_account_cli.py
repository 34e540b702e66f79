"""`crossbill account`: what each command does, prints, refuses and keeps."""

import json
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from product.shop import CARRIER, books, carrier, person
from product.shop import run as run_app

from crossbill import cli_account
from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import AccountChange, BillingAccount, Contact

pytestmark = pytest.mark.django_db
run = partial(run_app, cli_account.account_app)
BY_ANN = ("--carrier", CARRIER, "--user", "ann")
MAYA = ("--name", "Maya Frei", "--email", "maya@example.org", "--from", "2020-03-01")


@pytest.fixture(autouse=True)
def owner(monkeypatch):
    monkeypatch.setattr(cli_account, "ready", lambda: None)
    person("ann", "operator")
    books(carrier())


def refused(*words: object) -> str:
    with pytest.raises(Refusal) as caught:
        run(*words)
    return caught.value.code


def shown(key: str = "A1") -> dict:
    return json.loads(run("show", key, "--carrier", CARRIER, "--json"))


def test_account_begins_on_paper():
    assert shown() == {
        "account_key": "A1", "bill_medium": "paper", "bill_language": "en", "credit_class": "",
        "contacts": [], "changes": [], "discounts": [], "exemptions": [], "payers": [],
        "pays_for": [], "commitments": [],
    }  # fmt: skip


def test_bills_go_by_mail_once_somebody_can_be_written_to():
    mail = ("set", "A1", *BY_ANN, "--bill-medium", "email")
    assert refused(*mail) == "BAD_ACCOUNT_TERM"
    assert "billing: Maya Frei, maya@example.org, from 2020-03-01" in run(
        "contact", "A1", *BY_ANN, *MAYA
    )
    said = run(*mail, "--bill-language", "de", "--reason", "asked by phone")
    assert said.startswith("bill_medium paper to email, by ann at ")
    found = shown()
    assert (found["bill_medium"], found["bill_language"]) == ("email", "de")
    assert [row["reason"] for row in found["changes"]] == ["asked by phone"] * 2
    assert shown("A2")["bill_medium"] == "paper"


@pytest.mark.parametrize(
    "words",
    [
        ("--name", "Maya", "--from", "2020-03-01"),
        ("--name", " ", "--phone", "1", "--from", "2020-03-01"),
        ("--name", "Maya", "--email", "no address", "--from", "2020-03-01"),
        ("--name", "Maya", "--phone", "1" * 41, "--from", "2020-03-01"),
        (*MAYA, "--role", "owner"),
    ],
)
def test_contact_that_cannot_be_is_refused(words):
    assert refused("contact", "A1", *BY_ANN, *words) == "BAD_CONTACT"
    assert not Contact.objects.exists()


def test_same_contact_is_there_once_and_leaves_once():
    run("contact", "A1", *BY_ANN, *MAYA)
    assert refused("contact", "A1", *BY_ANN, *MAYA) == "BAD_CONTACT"
    (row,) = shown()["contacts"]
    leave = ("end-contact", "A1", row["number"], *BY_ANN, "--on")
    assert refused(*leave, "2020-02-28") == "BAD_CONTACT"
    assert "to 2026-05-01" in run(*leave, "2026-05-01")
    assert refused(*leave, "2026-06-01") == "BAD_CONTACT"
    assert refused("end-contact", "A2", row["number"], *BY_ANN, "--on", "2026-05-01")


def test_only_an_operator_changes():
    person("eve", "viewer")
    by_eve = ("--carrier", CARRIER, "--user", "eve")
    terms = ("set", "A1", *by_eve, "--credit-class", "B")
    assert refused(*terms) == "CANNOT_CHANGE_ACCOUNT"
    assert refused("contact", "A1", *by_eve, *MAYA) == "CANNOT_CHANGE_ACCOUNT"
    assert shown()["credit_class"] == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("A9", *BY_ANN, "--credit-class", "B"), "NO_SUCH_ACCOUNT"),
        (("A1", *BY_ANN), "BAD_ACCOUNT_TERM"),
        (("A1", *BY_ANN, "--credit-class", "B", "--reason", "x" * 501), "ACCOUNT_REASON_TOO_LONG"),
    ],
)
def test_wrong_words_change_nothing(words, code):
    assert refused("set", *words) == code
    assert not AccountChange.objects.exists()


def test_history_is_kept_by_the_database():
    run("set", "A1", *BY_ANN, "--credit-class", "B")
    run("contact", "A1", *BY_ANN, *MAYA)
    for rows, values in [
        (AccountChange.objects.all(), {"after": "C"}),
        (Contact.objects.all(), {"name": "Mona"}),
        (BillingAccount.objects.all(), {"bill_medium": "fax"}),
    ]:
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**values)
