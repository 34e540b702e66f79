"""Two people change what an account holds at once: the second waits, and sees the first's."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection, transaction
from product.shop import books, carrier, change_product, order_product, person, published

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.changes import Kind, Terms, Wanted
from crossbill.platform.product.models import ProductChange
from crossbill.platform.product.orders import Order

pytestmark = pytest.mark.django_db(transaction=True)

TODAY, DAY, LATER = date(2026, 3, 10), date(2026, 3, 15), date(2026, 3, 20)
Deed = Callable[[Carrier], ProductChange]


@pytest.fixture
def owner() -> Carrier:
    made = carrier()
    books(made)
    person("ann", "operator")
    published(made)
    return made


def change(key: str, kind: Kind, value=None, day: date = DAY) -> Deed:
    return lambda owner: change_product(
        carrier_id=owner.id, product_key=key, wanted=Wanted(kind, day, value),
        user=person("ann"), today=TODAY,
    )  # fmt: skip


def order(code: str, account: str = "A1", *, again: bool = False) -> Deed:
    wanted = Order(Terms(account, code, 1), DAY, again)
    return lambda owner: order_product(
        carrier_id=owner.id, order=wanted, user=person("ann"), today=TODAY
    )


def tried(owner: Carrier, deed: Deed) -> str:
    """What comes of a deed: made, or the code of its refusal."""
    try:
        deed(owner)
    except Refusal as refusal:
        return refusal.code
    return "made"


MORE = change("A1-0", Kind.QUANTITY, 3)
PAIRS = {
    "the same change": (MORE, MORE, {"CHANGE_MADE_ALREADY"}),
    "another change": (
        MORE, change("A1-0", Kind.CANCEL), {"PRODUCT_CHANGED_SINCE", "PRODUCT_HAS_ENDED"},
    ),
    "the same order": (order("alpina-m"), order("alpina-m"), {"ORDERED_ALREADY"}),
    "a plan that ends and its add-on": (
        change("A1-0", Kind.CANCEL), order("roaming-pack"),
        {"REQUIRES_ANOTHER", "REQUIRED_BY_ANOTHER"},
    ),
    "each of two plans of one add-on": (
        change("A2-0", Kind.CANCEL), change("A2-1", Kind.CANCEL), {"REQUIRED_BY_ANOTHER"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other", "codes"), PAIRS.values(), ids=PAIRS)
def test_of_two_at_once_one_is_refused(owner, one, other, codes):
    order("roaming-pack", "A2")(owner)
    before, found, gate = ProductChange.objects.count(), [], threading.Barrier(2)

    def make(deed: Deed) -> None:
        try:
            person("ann")  # opens the connection before both begin
            gate.wait(timeout=30)
            found.append(tried(owner, deed))
        finally:
            connection.close()

    threads = [threading.Thread(target=make, args=(deed,)) for deed in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found.count("made") == 1
    assert {*found} - {"made"} <= codes
    assert ProductChange.objects.count() == before + 1


WAITING = {
    "change after change": (
        change("A1-0", Kind.OFFERING, "alpina-m"), change("A1-0", Kind.CANCEL, day=LATER),
        "PRODUCT_CHANGED_SINCE",
    ),
    "order after order": (order("alpina-m"), order("alpina-m"), "ORDERED_ALREADY"),
    "one more order": (order("alpina-m"), order("alpina-m", again=True), "made"),
    "order after change": (
        change("A1-0", Kind.CANCEL), order("roaming-pack"), "REQUIRES_ANOTHER",
    ),
    "change after order": (
        order("roaming-pack"), change("A1-0", Kind.CANCEL), "REQUIRED_BY_ANOTHER",
    ),
    "moved there and back": (
        change("A1-0", Kind.MOVE, "A2"), change("A2-1", Kind.MOVE, "A1"), "made",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "result"), WAITING.values(), ids=WAITING)
def test_second_waits_for_the_first_and_sees_its_result(owner, first, second, result):
    found: list[str] = []

    def after() -> None:
        try:
            found.append(tried(owner, second))
        finally:
            connection.close()

    with transaction.atomic():
        first(owner)
        other = threading.Thread(target=after)
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive(), "it did not wait"
    other.join(timeout=60)
    assert found == [result]


def test_accounts_that_have_nothing_to_do_with_each_other_do_not_wait(owner):
    found: list[str] = []

    def other() -> None:
        try:
            found.append(tried(owner, order("alpina-m", "A3")))
        finally:
            connection.close()

    with transaction.atomic():
        order("alpina-m")(owner)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=60)
        assert found == ["made"]
