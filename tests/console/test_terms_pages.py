"""How an account is billed and whom to reach, changed on its page."""

import re
from datetime import timedelta
from html import unescape

import estate
import pytest
from django.utils.timezone import localdate

from crossbill.platform.customer.models import AccountChange, BillingAccount, Contact

ACCOUNT = estate.CLEAN
PLACE = f"/terms/{estate.CARRIER}/{ACCOUNT}/"
CHANGE = f"/change-terms/{estate.CARRIER}/{ACCOUNT}/"
TODAY = localdate()
ANN = {"role": "billing", "name": "Ann Müller", "email": "ann@example.com", "phone": ""}


def words(answer) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def send(client, do, **answers):
    return client.post(CHANGE, {"do": do} | answers, follow=True)


def terms(client, **answers):
    held = {"bill_medium": "paper", "bill_language": "en", "credit_class": "", "reason": ""}
    return send(client, "terms", **held | answers)


def add(client, **answers):
    return send(client, "contact", **ANN | {"valid_from": TODAY.isoformat()} | answers)


@pytest.fixture
def operator(replacement, signed_in):
    return signed_in("operator", name="olga")


def test_viewer_reads_and_has_no_form(replacement, signed_in):
    answer = signed_in("viewer").get(PLACE)
    assert "Bills by Paper Language en Credit class none" in words(answer)
    assert CHANGE.encode() not in answer.content


def test_account_that_was_not_taken_over_says_so(replacement, signed_in):
    place = PLACE.replace(ACCOUNT, estate.SUSPENDED)
    assert "not in the new books" in words(signed_in("operator").get(place))


def test_terms_are_changed_and_kept_with_the_reason(operator):
    answer = terms(operator, bill_language="de", credit_class="B", reason="asked for it")
    assert answer.redirect_chain == [(PLACE, 302)]
    account = BillingAccount.objects.get(account_key=ACCOUNT)
    assert (account.bill_language, account.credit_class) == ("de", "B")
    text = words(answer)
    assert re.search("Language of the bills asked for it en de olga", text)
    assert AccountChange.objects.count() == 2


def test_bills_by_email_need_a_contact_first(operator):
    answer = terms(operator, bill_medium="email")
    assert (
        "No billing contact with an e-mail address. What to do: add one on this page first"
        in words(answer)
    )
    add(operator)
    terms(operator, bill_medium="email")
    assert BillingAccount.objects.get(account_key=ACCOUNT).bill_medium == "email"


def test_contact_is_added_once_and_ended(operator):
    assert "Ann Müller Billing ann@example.com" in words(add(operator))
    again = words(add(operator))
    assert "This contact is there already. What to do: see the contacts below" in again
    found = Contact.objects.get()
    last = TODAY + timedelta(days=30)
    send(operator, "end", contact=str(found.pk), day=last.isoformat())
    found.refresh_from_db()
    assert found.valid_to == last
    twice = send(operator, "end", contact=str(found.pk), day=last.isoformat())
    assert f"The contact has ended on {last}" in words(twice)


@pytest.mark.parametrize(
    ("do", "answers", "says"),
    [
        ("terms", {"bill_language": "xx"}, "No such language. What to do: use a code such as"),
        ("terms", {"bill_language": ""}, "This has to be said."),
        ("terms", {"bill_medium": "pigeon"}, "Choose one of the list."),
        ("terms", {}, "Nothing would change. What to do: give another medium, language or"),
        ("contact", {"email": ""}, "The contact cannot be reached. What to do: give an e-mail"),
        ("contact", {"email": "ann@"}, "Enter a valid email address. What to do: correct it"),
        ("contact", {"name": ""}, "This has to be said."),
        ("contact", {"valid_from": "soon"}, "Not a date. Write it as 2026-03-31."),
        (
            "end",
            {"contact": "0", "day": "2026-01-01"},
            "The customer has no such contact. Nothing was changed.",
        ),
        ("end", {"contact": "x", "day": "2026-01-01"}, "The customer has no such contact."),
        ("else", {}, ""),
    ],
)
def test_refusals_change_nothing(do, answers, says, operator):
    ask = {"terms": terms, "contact": add}.get(do)
    answer = ask(operator, **answers) if ask else send(operator, do, **answers)
    assert answer.status_code == 200
    assert says in words(answer)
    assert not AccountChange.objects.exists()
    assert not Contact.objects.exists()
