"""What a change costs line by line, and that it is made at that cost or not at all."""

import threading
from datetime import date

import pytest
from django.db import connection
from product.shop import POLICY, books, carrier, change_product, person

from crossbill.core.refusal import Refusal
from crossbill.platform.billing.compute import read_policy
from crossbill.platform.billing.quotes import Change, Seen, make_quoted, quote
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.changes import Kind, Terms, Wanted
from crossbill.platform.product.models import ProductChange, TaxRate
from crossbill.platform.product.orders import Order

TODAY = MIDDLE = date(2026, 4, 16)
BIGGER = Change("A1-0", Wanted(Kind.OFFERING, MIDDLE, "alpina-m"))
SECOND = Order(Terms("A1", "alpina-m", 1), MIDDLE, again=True)
SWISS = read_policy(POLICY)


@pytest.fixture
def shop(db):
    found = carrier()
    books(found)
    return found


def quoted(shop, asked=BIGGER):
    return quote(carrier_id=shop.id, asked=asked, today=TODAY, policy=SWISS)


def make(shop, seen: Seen, asked=BIGGER, user="ann", reason=""):
    return make_quoted(
        carrier_id=shop.id, asked=asked, seen=seen, user=person(user, "operator"), today=TODAY,
        policy=SWISS, reason=reason,
    )  # fmt: skip


def written(shop, asked) -> list[tuple]:
    rows = [line.document() for line in quoted(shop, asked).cost.lines]
    sides = ("before", "after")
    nets = [tuple(row[side] and row[side]["net"] for side in sides) for row in rows]
    return [
        (row["product_key"], row["offering_code"], *net, row["difference"])
        for row, net in zip(rows, nets, strict=True)
    ]


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        (BIGGER, [("A1-0", "alpina-s", "19.90", "9.95", "-9.95"),
                  (None, "alpina-m", None, "19.50", "19.50")]),
        (Change("A1-0", Wanted(Kind.CANCEL, date(2026, 4, 1))),
         [("A1-0", "alpina-s", "19.90", None, "-19.90")]),
        (SECOND, [(None, "alpina-m", None, "19.50", "19.50")]),
    ],
    ids=["half a month each", "gone", "ordered"],
)  # fmt: skip
def test_lines_that_a_change_alters(asked, lines, shop):
    assert written(shop, asked) == lines


@pytest.mark.parametrize(
    "asked", [BIGGER, SECOND, [SECOND, BIGGER]], ids=["change", "order", "both"]
)
def test_who_agrees_twice_gets_what_the_first_time_has_made(asked, shop):
    seen = quoted(shop, asked).seen
    first, again = make(shop, seen, asked, reason="called"), make(shop, seen, asked)
    assert first == again
    assert {each.reason for each in ProductChange.objects.all()} == {"called"}
    assert ProductChange.objects.count() == len(first)


def test_what_another_person_has_changed_makes_a_quote_old(shop):
    seen = quoted(shop).seen
    make(shop, quoted(shop, SECOND).seen, SECOND, user="bob")
    with pytest.raises(Refusal, match=r"bob has changed what A1 holds.*ACCOUNT_CHANGED_SINCE"):
        make(shop, seen)
    assert [each.kind for each in ProductChange.objects.all()] == ["ordered"]


def test_what_was_made_and_taken_back_is_not_made_already(shop):
    seen = quoted(shop).seen
    made = make(shop, seen)
    back = Wanted(Kind.OFFERING, MIDDLE, "alpina-s")
    key = made[0].resulting_product.product_key
    change_product(
        carrier_id=shop.id, product_key=key, wanted=back, user=person("ann"), today=TODAY
    )
    with pytest.raises(Refusal, match="ACCOUNT_CHANGED_SINCE"):
        make(shop, seen)


def test_another_tax_makes_a_quote_old(shop):
    seen = quoted(shop).seen
    TaxRate.objects.create(
        carrier=shop, tax_code="IT", name="Italy", valid_from=date(2020, 1, 1), rate_ppm=220_000
    )
    BillingAccount.objects.filter(account_key="A1").update(tax_code="IT")
    with pytest.raises(Refusal, match="COST_CHANGED_SINCE"):
        make(shop, seen)
    assert not ProductChange.objects.exists()
    assert [each.kind for each in make(shop, quoted(shop).seen)] == ["offering"]


def test_viewer_is_refused(shop):
    with pytest.raises(Refusal, match="CANNOT_CHANGE"):
        make_quoted(
            carrier_id=shop.id, asked=BIGGER, seen=quoted(shop).seen, today=TODAY, policy=SWISS,
            user=person("eve", "viewer"),
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("names", [("ann", "ann"), ("ann", "bob")], ids=["twice", "two people"])
def test_of_two_at_once_one_is_made(names):
    shop = carrier()
    books(shop)
    seen, together, said = quoted(shop, SECOND).seen, threading.Barrier(2), []
    users = {name: person(name, "operator") for name in names}

    def agree(name):
        together.wait()
        try:
            made = make_quoted(
                carrier_id=shop.id, asked=SECOND, seen=seen, user=users[name], today=TODAY,
                policy=SWISS,
            )  # fmt: skip
            said.append(made[0].pk)
        except Refusal as refusal:
            said.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=agree, args=(name,)) for name in names]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    made = ProductChange.objects.get().pk
    expected = {made} if names == ("ann", "ann") else {made, "ACCOUNT_CHANGED_SINCE"}
    assert set(said) == expected
