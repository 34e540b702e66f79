"""Changing and ordering on the pages: the cost first, then the change at that cost, once."""

import re
import time
from datetime import timedelta
from html import unescape

import estate
import pytest
from django.core import signing
from django.test import Client
from django.utils.timezone import localdate

from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.models import Product, ProductChange

ACCOUNT = estate.CLEAN
FIBRE, TV = f"{ACCOUNT}-F100", f"{ACCOUNT}-TV"
HELD = f"/products/{estate.CARRIER}/{ACCOUNT}/"
NEXT_MONTH = (localdate().replace(day=1) + timedelta(days=32)).replace(day=1)


def change_place(product: str) -> str:
    return f"/change/{estate.CARRIER}/{product}/"


ORDER = f"/order/{estate.CARRIER}/{ACCOUNT}/"


def words(answer) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def said(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def ask(client, place=None, **answers):
    """Send the form; the page with the cost, or the form again."""
    given = {"kind": "cancel", "on": NEXT_MONTH.isoformat(), "reason": "called"} | answers
    return client.post(place or change_place(TV), given)


def agree(client, answer, place=None, **more):
    """Press the button under a cost that was shown."""
    given = {"agreed": answer.context["agreed"]} | more
    return client.post(place or change_place(TV), given, follow=True)


@pytest.fixture
def operator(replacement, signed_in):
    return signed_in("operator", name="olga")


class TestProducts:
    def test_viewer_sees_what_is_held_and_no_buttons(self, replacement, signed_in):
        text = words(signed_in("viewer").get(HELD))
        assert f"Fibre 100 {FIBRE} Active from 2019-03-01" in text
        assert "Television" in text
        assert "discount 12.5 %" in text
        assert "2024-06-21 Begins" in text
        assert "Change" not in text
        assert "Order" not in text

    def test_operator_sees_the_buttons(self, operator):
        answer = operator.get(HELD)
        assert change_place(FIBRE).encode() in answer.content
        assert ORDER.encode() in answer.content

    def test_account_that_was_not_taken_over_says_so(self, replacement, signed_in):
        place = f"/products/{estate.CARRIER}/{estate.SUSPENDED}/"
        assert "not in the new books" in words(signed_in("operator").get(place))


class TestCost:
    def test_lines_of_the_bill_with_the_day(self, operator):
        text = words(ask(operator, kind="offering", offering="fibre-100"))
        assert f"Television becomes Fibre 100 from {NEXT_MONTH}" in text
        assert f"bill of {NEXT_MONTH} to" in text
        assert f"Television recurring charge {TV} 17.20 USD" in text
        assert "17.20 USD Fibre 100" in text
        assert "Fibre 100 recurring charge begins" in text
        assert "Worked out by policy new-1" in text
        assert not ProductChange.objects.exists()

    def test_what_cannot_be_charged_is_told(self, operator):
        text = words(ask(operator, kind="offering", offering="router"))
        assert "2 products of this account cannot be charged after the change (before: 1)" in text

    def test_reading_and_asking_change_nothing(self, operator):
        operator.get(change_place(TV) + "?kind=cancel&on=2026-01-01&agreed=x")
        ask(operator)
        assert not ProductChange.objects.exists()


REFUSED = [
    ({"kind": ""}, "kind", "Choose what changes."),
    ({"on": ""}, "on", "This has to be said."),
    ({"on": "tomorrow"}, "on", "Not a date. Write it as 2026-03-31."),
    ({"on": "2019-01-01"}, "on", f"{TV} is not held yet on that day. What to do: change it from"),
    ({"on": "2099-01-01"}, "on", "The day is more than 400 days ahead. What to do: take"),
    ({"kind": "offering"}, "offering", "This has to be said."),
    ({"kind": "offering", "offering": "moon"}, "offering", "Choose one of the list."),
    ({"kind": "offering", "offering": "tv"}, "offering", f"{TV} is that already. What to do:"),
    ({"kind": "quantity", "quantity": "0"}, "quantity", "Write a whole number from 1 to"),
    ({"kind": "quantity", "quantity": "1,5"}, "quantity", "Write a whole number from 1 to"),
    ({"kind": "price", "price": "9,90"}, "price", "Not a decimal amount. What to do: write it as"),
    ({"kind": "price", "price": "-1"}, "price", "A product cannot have this price. What to do:"),
    ({"kind": "price", "price": "9", "price_of": "moon"}, "price_of",
     "Tv has no such recurring price. What to do: say which one the own price is instead of: tv"),
    ({"kind": "move", "account": "nobody"}, "account", "There is no such account. What to do:"),
    ({"kind": "resume"}, "on", f"{TV} is not suspended on that day. What to do: check the product"),
    ({"reason": "x" * 501}, "reason", "Ensure this value has at most 500 characters"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "field", "says"), REFUSED, ids=[f"{r[1]} {n}" for n, r in enumerate(REFUSED)]
)
def test_refusal_stands_beside_its_field_and_the_input_is_kept(answers, field, says, operator):
    answer = ask(operator, **answers)
    assert answer.status_code == 200
    beside = re.search(
        rf'id="about-{field}">(.*?)</div>', unescape(answer.content.decode()), re.DOTALL
    )
    assert says in beside[1]
    assert "Nothing was changed. Correct what is marked." in words(answer)
    form = answer.context["form"]
    assert {n: form.data.get(n) for n in answers} == answers
    assert not ProductChange.objects.exists()


@pytest.mark.parametrize(
    ("product", "answers", "says"),
    [
        (FIBRE, {}, f"{TV} requires fibre-100, and {ACCOUNT} would hold none of it from"),
        (TV, {"kind": "move", "account": estate.DIFFERING, "on": "2024-06-21"}, None),
        (FIBRE, {"kind": "move", "account": estate.DIFFERING}, f"cancel {TV} first"),
    ],
    ids=["cancelled", "moved to where it is held", "moved away"],
)
def test_what_another_product_requires_is_kept(product, answers, says, operator):
    text = words(ask(operator, change_place(product), **answers))
    assert says in text if says else "What it does to the bill" in text
    assert not ProductChange.objects.exists()


def test_refusal_of_what_the_kind_does_not_show_stands_above_the_form(operator):
    BillingAccount.objects.filter(account_key=estate.DIFFERING).get().products.all().delete()
    answer = ask(operator, kind="move", account=estate.DIFFERING)
    assert "tv requires fibre-100, and the account holds none of it" in words(answer)
    assert answer.context["form"].non_field_errors()


def test_what_the_kind_does_not_ask_for_is_not_read(operator):
    answer = ask(operator, kind="suspend", quantity="many", price="x", offering="moon")
    assert "Suspend Television" in words(answer)


class TestMaking:
    def test_change_is_made_as_shown_with_its_reason(self, operator):
        answer = agree(operator, ask(operator))
        assert answer.redirect_chain == [(HELD, 302)]
        assert said(answer) == f"{TV} is cancelled from {NEXT_MONTH}."
        made = ProductChange.objects.get()
        assert (made.kind, made.reason, made.made_by.username) == ("cancel", "called", "olga")
        assert Product.objects.get(product_key=TV).end_date == NEXT_MONTH
        assert "Cancelled" in words(answer)

    def test_second_click_makes_nothing_more(self, operator):
        shown = ask(operator)
        first, second = agree(operator, shown), agree(operator, shown)
        assert said(first) == said(second)
        assert ProductChange.objects.count() == 1

    def test_change_by_somebody_else_shows_the_new_cost_first(self, operator, signed_in):
        shown = ask(operator)
        other = signed_in("operator", name="otto")
        doubled = ask(other, change_place(FIBRE), kind="quantity", quantity="2")
        agree(other, doubled, change_place(FIBRE))
        answer = agree(operator, shown)
        text = words(answer)
        assert f"Nothing was changed. otto has changed what {ACCOUNT} holds since" in text
        assert "Make the change" in text
        assert ProductChange.objects.count() == 1
        assert "cancelled" in said(agree(operator, answer))

    def test_another_cost_is_shown_first(self, operator):
        shown = ask(operator)
        BillingAccount.objects.filter(account_key=ACCOUNT).update(bill_cycle_day=15)
        text = words(agree(operator, shown))
        assert "Nothing was changed. The change costs something else now than was shown." in text
        assert not ProductChange.objects.exists()

    def test_page_that_lay_about_shows_the_cost_again(self, operator, monkeypatch):
        shown, now = ask(operator), time.time()
        monkeypatch.setattr("django.core.signing.time.time", lambda: now + 4000)
        answer = agree(operator, shown)
        assert "This page is more than an hour old" in words(answer)
        assert not ProductChange.objects.exists()
        assert "cancelled" in said(agree(operator, answer))

    def test_back_to_the_form_keeps_what_was_written(self, operator):
        answer = agree(operator, ask(operator), edit="1")
        assert answer.context["form"].data["reason"] == "called"
        assert not ProductChange.objects.exists()

    def test_agreement_holds_for_its_person_and_page_only(self, operator, signed_in):
        shown = ask(operator)
        forged = signing.dumps({"answers": {}}, salt="crossbill.console.agreement")
        for client, place, agreed in (
            (signed_in("operator", name="otto"), change_place(TV), shown.context["agreed"]),
            (operator, change_place(FIBRE), shown.context["agreed"]),
            (operator, change_place(TV), shown.context["agreed"][:-1]),
            (operator, change_place(TV), forged),
        ):
            answer = client.post(place, {"agreed": agreed})
            assert answer.status_code == 400
            assert "AGREEMENT_NOT_READABLE" in words(answer)
        assert not ProductChange.objects.exists()

    def test_viewer_cannot_send_what_an_operator_was_shown(self, operator, signed_in):
        shown = ask(operator)
        answer = signed_in("viewer", "approver", name="eve").post(
            change_place(TV), {"agreed": shown.context["agreed"]}
        )
        assert answer.status_code == 403

    def test_another_site_cannot_send_it(self, operator):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = operator.cookies
        shown = ask(operator)
        answer = strict.post(change_place(TV), {"agreed": shown.context["agreed"]})
        assert answer.status_code == 403

    def test_product_that_is_not_there_is_no_page(self, operator):
        assert operator.get(change_place("nothing")).status_code == 404


def test_what_was_made_is_undone_from_the_timeline(operator):
    agree(operator, ask(operator, kind="price", price="9.90"))
    key = f"{TV}-2"
    page = operator.get(HELD).content.decode()
    back = unescape(re.search(rf'href="({re.escape(change_place(key))}\?[^"]+)"', page)[1])
    assert "kind=price" in back
    begun = operator.get(back).context["form"].initial
    answers = {"kind": begun["kind"], "price": begun["price"], "on": begun["on"].isoformat()}
    answer = agree(operator, ask(operator, change_place(key), **answers), change_place(key))
    assert f"{key} ends and {TV} goes on from" in said(answer)
    assert Product.objects.get(product_key=TV).end_date is None


def test_suspended_product_is_resumed(operator):
    day = localdate()
    agree(operator, ask(operator, kind="suspend", on=day.isoformat()))
    text = words(operator.get(HELD))
    assert f"Television {TV} Suspended" in text
    answer = agree(operator, ask(operator, kind="resume", on=day.isoformat()))
    assert said(answer) == f"{TV} goes on from {day}."


class TestOrdering:
    def test_order_shows_its_cost_and_is_made(self, operator):
        shown = ask(operator, ORDER, offering="fibre-100", quantity="2", also="tv")
        assert re.search(r"Fibre 100 recurring charge begins – 99.80 USD", words(shown))  # noqa: RUF001 - the dash of no value
        answer = agree(operator, shown, ORDER)
        assert said(answer) == (
            f"Ordered: {ACCOUNT}-fibre-100 begins on {NEXT_MONTH}."
            f" Ordered: {ACCOUNT}-tv begins on {NEXT_MONTH}."
        )
        assert "Fibre 100 and Television" in words(shown)
        assert Product.objects.get(product_key=f"{ACCOUNT}-fibre-100").quantity == 2

    def test_second_one_is_ordered_only_if_it_is_meant(self, operator):
        asked = {"offering": "fibre-100", "quantity": "1"}
        agree(operator, ask(operator, ORDER, **asked), ORDER)
        again = ask(operator, ORDER, **asked)
        assert "The same was ordered for that day. What to do: tick that one more" in words(again)
        shown = ask(operator, ORDER, again="on", **asked)
        agree(operator, shown, ORDER)
        agree(operator, shown, ORDER)
        assert ProductChange.objects.filter(kind="ordered").count() == 2

    @pytest.mark.parametrize(
        ("answers", "says"),
        [
            ({"quantity": "1"}, "This has to be said."),
            ({"offering": "tv", "quantity": ""}, "This has to be said."),
            ({"offering": "tv", "quantity": "1", "contract_end": "2020-01-01"},
             "The contract would end before it begins. What to do: take a day after"),
        ],
        ids=["no offering", "no quantity", "contract over"],
    )  # fmt: skip
    def test_what_cannot_be_ordered_is_refused(self, answers, says, operator):
        assert says in words(ask(operator, ORDER, **answers))
        assert not ProductChange.objects.exists()
