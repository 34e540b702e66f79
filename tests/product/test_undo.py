"""What takes a change back, so that everything is as if it had not been made."""

from datetime import date

import pytest
from product.shop import books, carrier, change_product, order_product, person

from crossbill.platform.product.change_queries import timeline
from crossbill.platform.product.changes import Kind, Terms, Wanted
from crossbill.platform.product.models import Product
from crossbill.platform.product.orders import Order
from crossbill.platform.product.undo import undoing

TODAY = DAY = date(2026, 4, 16)
UNDONE = [
    Wanted(Kind.SUSPEND, DAY),
    Wanted(Kind.CANCEL, DAY),
    Wanted(Kind.OFFERING, DAY, "alpina-m"),
    Wanted(Kind.QUANTITY, DAY, 3),
    Wanted(Kind.PRICE, DAY, 9_900_000_000),
    Wanted(Kind.MOVE, DAY, "A2"),
]


@pytest.fixture
def shop(db):
    found = carrier()
    books(found)
    return found


def change(shop, key: str, wanted: Wanted):
    return change_product(
        carrier_id=shop.id, product_key=key, wanted=wanted, user=person("ann", "operator"),
        today=TODAY,
    )  # fmt: skip


def undo_the_last(shop, account) -> None:
    back = undoing([row for row in timeline(account) if "made_by" in row][-1])
    change(shop, back.product_key, back.wanted)


@pytest.mark.parametrize("wanted", UNDONE, ids=[each.kind for each in UNDONE])
def test_the_product_is_as_it_was(wanted, shop):
    held = Product.objects.filter(product_key="A1-0")
    before, account = held.values().get(), held.get().account
    change(shop, "A1-0", wanted)
    assert held.values().get() != before
    undo_the_last(shop, account)
    assert held.values().get() == before


def test_undone_resumption_leaves_it_suspended(shop):
    account = Product.objects.get(product_key="A1-0").account
    change(shop, "A1-0", Wanted(Kind.SUSPEND, date(2026, 4, 2)))
    change(shop, "A1-0", Wanted(Kind.RESUME, DAY))
    undo_the_last(shop, account)
    assert {each.end_date for each in account.products.all()} == {date(2026, 4, 2), DAY}


def test_undone_order_is_held_on_no_day(shop):
    order = Order(Terms("A1", "alpina-m", 1), DAY)
    user = person("ann", "operator")
    made = order_product(carrier_id=shop.id, order=order, user=user, today=TODAY).product
    undo_the_last(shop, made.account)
    made.refresh_from_db()
    assert made.end_date == made.start_date
