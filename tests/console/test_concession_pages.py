"""Discounts, exemptions and payers on the pages: the cost first, then made at that cost, once."""

import re
from datetime import timedelta
from html import unescape

import estate
import pytest
from django.utils.timezone import localdate

from crossbill.console.concession_form import PayersForm
from crossbill.platform.customer.models import AccountChange, BillingAccount, Payer

ACCOUNT = estate.CLEAN
NEXT_MONTH = (localdate().replace(day=1) + timedelta(days=32)).replace(day=1)


def place(name, account=ACCOUNT):
    return f"/{name}/{estate.CARRIER}/{account}/"


PAGE = place("concessions")


def words(answer) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def ask(client, name, **answers):
    """Send the form; the page with the cost, or the form again."""
    day = {"valid_from": NEXT_MONTH.isoformat(), "reason": "called"}
    return client.post(place(name), day | answers)


def agree(client, address, answer):
    """Press the button under a cost that was shown."""
    return client.post(address, {"agreed": answer.context["agreed"]}, follow=True)


@pytest.fixture
def operator(replacement, signed_in):
    return signed_in("operator", name="olga")


def test_viewer_sees_what_there_is_and_no_buttons(replacement, signed_in):
    text = words(signed_in("viewer").get(PAGE))
    assert f"1. 7.5 % off usage of Television, at most 5.00 USD D-{ACCOUNT} Ended" in text
    assert "Sales certificate 7 Ended from 2024-05-01 to 2024-05-31" in text
    assert "The account pays its bills itself." in text
    assert "Grant a discount" not in text
    absent = place("concessions", estate.SUSPENDED)
    assert "not in the new books" in words(signed_in("operator").get(absent))


def test_a_discount_is_granted_at_its_cost_and_ended(operator):
    cost = ask(operator, "discount", percent="10", category="recurring")
    assert "10 % off recurring charges from" in words(cost)
    assert f"bill of {NEXT_MONTH} to" in words(cost)
    assert not AccountChange.objects.exists()
    made = agree(operator, place("discount"), cost)
    assert made.redirect_chain == [(PAGE, 302)]
    assert f"{ACCOUNT}-D1" in words(made)
    again = agree(operator, place("discount"), cost)
    assert again.redirect_chain == [(PAGE, 302)]
    assert AccountChange.objects.get().reason == "called"
    end = place("end-discount", f"{ACCOUNT}-D1")
    asked = operator.post(end, {"valid_to": NEXT_MONTH.isoformat(), "reason": ""})
    assert "on no day" in words(agree(operator, end, asked))


def filled(form_class, **answers):
    day = {"valid_from": NEXT_MONTH.isoformat(), "reason": ""}
    form = form_class(day | answers, account_key=ACCOUNT, initial={})
    assert form.is_valid(), form.errors
    return form.asked()


@pytest.mark.parametrize(
    ("answers", "shares"),
    [
        ({"payer": "B", "share": "60"}, (("B", 600_000), (ACCOUNT, 400_000))),
        ({"payer": "B", "share": ""}, (("B", 1_000_000),)),
        ({"payer": "", "share": "60"}, ()),
    ],
)
def test_what_another_account_does_not_pay_stays_with_the_account(answers, shares):
    asked = filled(PayersForm, category="usage", **answers)
    assert (asked.shares, asked.category, asked.valid_from) == (shares, "usage", NEXT_MONTH)


def test_who_pays_is_told_on_the_pages_of_both(operator):
    Payer.objects.create(
        account=BillingAccount.objects.get(account_key=ACCOUNT), payer_key=estate.DIFFERING,
        share_ppm=600_000, valid_from=NEXT_MONTH,
    )  # fmt: skip
    by = f"60 % of everything by {estate.DIFFERING}"
    assert f"{by} Begins later" in words(operator.get(PAGE))
    assert f"{ACCOUNT} 60 % of everything" in words(
        operator.get(place("concessions", estate.DIFFERING))
    )
    assert f"Who pays {by}" in words(operator.get(place("products")))


REFUSED = [
    ("discount", {}, "percent", "A discount is a percentage or an amount. What to do:"),
    ("discount", {"percent": "5,5"}, "percent", "Not a decimal amount. What to do: write it as"),
    ("discount", {"percent": "101"}, "percent", "Not a share."),
    ("discount", {"amount": "1.005"}, "amount", "More than 2 digits after the point."),
    ("discount", {"percent": "5", "valid_from": "2019-01-01"}, "valid_from", "that period is over"),
    ("discount", {"percent": "5", "valid_to": "x"}, "valid_to", "Not a date."),
    ("exempt", {}, "certificate", "An exemption has one reason."),
    ("exempt", {"certificate": "7"}, "issued_date", "The certificate has no date."),
    ("exempt", {"tax": "moon"}, "tax", "Choose one of the list."),
    ("payers", {"payer": "nobody"}, "payer", "No such account."),
    ("payers", {"payer": ""}, "valid_from", "That is how it is paid already."),
    ("payers", {"payer": estate.DIFFERING, "share": "101"}, "share", "Not a share."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answers", "field", "says"), REFUSED, ids=[f"{r[0]} {r[3][:30]}" for r in REFUSED]
)
def test_refusal_stands_beside_its_field(name, answers, field, says, operator):
    answer = ask(operator, name, **answers)
    beside = re.search(
        rf'id="about-{field}">(.*?)</div>', unescape(answer.content.decode()), re.DOTALL
    )
    assert says in beside[1]
    assert not AccountChange.objects.exists()


def test_what_another_carrier_has_is_not_found(operator):
    assert operator.get(place("discount", "nobody")).status_code == 404
    assert operator.get(place("end-discount", "nobody")).status_code == 404
    assert operator.get(f"/end-exemption/{estate.CARRIER}/99/").status_code == 404
