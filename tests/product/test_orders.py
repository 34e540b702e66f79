"""What an account may order: rules as tables, then the command on the books."""

import json
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import pytest
from product.shop import CARRIER, POLICY, books, carrier, person, published, run

from crossbill import cli_product
from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.changes import Held, Kind, Known, Payer, Terms, Wanted
from crossbill.platform.product.models import Product, ProductChange
from crossbill.platform.product.orders import Change, Order, ordered_plan
from crossbill.platform.product.requirements import Needs, refuse_alone
from crossbill.platform.product.together_operations import plans_together

TODAY, DAY = date(2026, 3, 1), date(2026, 3, 16)
KNOWN = Known(TODAY, {"plan", "roaming"}, {"A": Payer("CHF"), "Z": Payer("CHF", closed=True)})
START = date(2026, 1, 1)
NEEDS = Needs({"roaming": ["plan"]}, {"duo": ["plan", "tv"]})


def plan(account="A", offering="plan", day=DAY, *, again=False, shelf=None, **terms):
    wanted = Order(Terms(account, offering, terms.pop("quantity", 1), **terms), day, again)
    has = shelf or Shelf()
    made = ordered_plan(wanted, KNOWN, has.ordered)
    refuse_alone([made], has.held, has.needs)
    return made


class Shelf(NamedTuple):
    """What the account has on the day and later, what that needs, and what it ordered that day."""

    held: Sequence[Held] = ()
    needs: Needs = Needs()
    ordered: Sequence[Terms] = ()


def shelf(*held: str, ordered=()) -> Shelf:
    products = [Held(code, Terms("A", code, 1), START) for code in held]
    return Shelf(products, NEEDS, ordered)


REFUSED = [
    ({"offering": "plam"}, "OFFERING_NOT_SOLD"),
    ({"quantity": 0}, "QUANTITY_NOT_POSSIBLE"),
    ({"price_override_nanos": -1}, "OWN_PRICE_NOT_POSSIBLE"),
    ({"account": "Z"}, "ORDER_NOT_POSSIBLE"),
    ({"day": date(2025, 1, 24)}, "ORDER_NOT_POSSIBLE"),
    ({"day": date(2027, 4, 6)}, "CHANGE_TOO_FAR_AHEAD"),
    ({"contract_end_date": DAY}, "ORDER_NOT_POSSIBLE"),
    ({"offering": "roaming", "shelf": shelf()}, "REQUIRES_ANOTHER"),
    ({"offering": "roaming", "shelf": shelf("tv")}, "REQUIRES_ANOTHER"),
    ({"shelf": shelf(ordered=[Terms("A", "plan", 1)])}, "ORDERED_ALREADY"),
]
ALLOWED = [
    {"day": date(2025, 1, 25)},
    {"day": date(2027, 4, 5)},
    {"price_override_nanos": 0},
    {"contract_end_date": date(2026, 3, 17)},
    {"offering": "roaming", "shelf": shelf("plan")},
    {"offering": "roaming", "shelf": shelf("duo")},
    {"shelf": shelf(ordered=[Terms("A", "plan", 2)])},
    {"shelf": shelf(ordered=[Terms("A", "plan", 1)]), "again": True},
]


@pytest.mark.parametrize(("asked", "code"), REFUSED)
def test_refused(asked, code):
    with pytest.raises(Refusal, match=code):
        plan(**asked)


@pytest.mark.parametrize("asked", ALLOWED)
def test_begins_on_the_day_and_ends_nothing(asked):
    found = plan(**asked)
    assert (found.begins.start_date, found.ends) == (asked.get("day", DAY), {})


# On the books

BY_ANN = ("--carrier", CARRIER, "--user", "ann", "--policy", POLICY)


@pytest.fixture
def owner(db, monkeypatch):
    monkeypatch.setattr(cli_product, "ready", lambda: None)
    person("ann", "operator")
    made = carrier()
    books(made)
    return made


def order(*words: object, on: str = "2026-03-16", by: tuple = BY_ANN) -> str:
    return run(cli_product.product_app, "order", *words, *by, "--on", on)


def test_order_says_its_cost_and_is_made_once(owner):
    said = order("A1", "alpina-m", "--reason", "by phone").splitlines()
    # 39.00 * 16/31 = 20.13, and 8.1 % tax is 1.63, beside 21.51 for what was held before
    row = [cell.strip() for line in said for cell in line.split("│")[1:-1] if "CHF" in line]
    assert row == ["CHF", "1", "0", "1", "0", "21.51", "43.27", "21.76"]
    assert said[-1] == "A1-alpina-m begins on 2026-03-16."
    made = ProductChange.objects.get()
    assert (made.kind, made.before, made.reason) == ("ordered", None, "by phone")
    with pytest.raises(Refusal, match="ORDERED_ALREADY"):
        order("A1", "alpina-m")
    assert order("A1", "alpina-m", "--again").splitlines()[-1].startswith("A1-alpina-m-2 begins")


def test_dry_run_orders_nothing(owner):
    document = json.loads(order("A1", "alpina-m", "--dry-run", "--json"))
    assert document["change"] is None
    assert not ProductChange.objects.exists()


def test_ordered_product_is_changed_and_cancelled_as_any(owner):
    order("A1", "alpina-m", "--quantity", 2, "--price", "9.90", "--contract-end", "2027-03-16")
    made = Product.objects.get(product_key="A1-alpina-m")
    assert (made.quantity, made.price_override_nanos) == (2, 9_900_000_000)
    assert made.contract_end_date == date(2027, 3, 16)
    words = ("change", "A1-alpina-m", *BY_ANN, "--on", "2026-03-16", "--cancel")
    said = run(cli_product.product_app, *words)
    assert "A1-alpina-m is cancelled from 2026-03-16." in said
    assert order("A1", "alpina-m").splitlines()[-1].startswith("A1-alpina-m-2 begins")


def test_add_on_needs_its_plan(owner):
    with pytest.raises(Refusal, match="OFFERING_NOT_SOLD"):
        order("A1", "roaming-pack")
    published(owner)  # it sells the pack, and says that it requires alpina-s or alpina-m
    with pytest.raises(Refusal, match="roaming-pack requires alpina-m or alpina-s"):
        order("A3", "roaming-pack")
    assert not ProductChange.objects.exists()
    assert "A1-roaming-pack begins" in order("A1", "roaming-pack")


def test_plan_and_add_on_in_one_order(owner):
    published(owner)
    said = order("A3", "roaming-pack", "--with", "alpina-s,quantity=2,price=9.00").splitlines()
    # 27.03 before; the pack and two plans of 9.00 for 16 of 31 days, and a fee for each beginning
    assert said[-2:] == [
        "A3-roaming-pack begins on 2026-03-16.", "A3-alpina-s begins on 2026-03-16.",
    ]  # fmt: skip
    held = {each.product_key: each for each in Product.objects.filter(account__account_key="A3")}
    assert held["A3-alpina-s"].quantity == 2
    assert held["A3-alpina-s"].price_override_nanos == 9_000_000_000


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("roaming-pack", "--with", "alpina-s,on=2026-03-17"), "REQUIRES_ANOTHER"),
        (("roaming-pack", "--with", "old-plan"), "REQUIRES_ANOTHER"),
        (("alpina-s", "--with", "roaming-pack", "--with", "moon"), "OFFERING_NOT_SOLD"),
        (("alpina-s", "--with", "alpina-s"), "ORDERED_ALREADY"),
        (("alpina-s", "--with", "roaming-pack,colour=red"), "NOT_AN_ITEM"),
        (("alpina-s", "--with", "roaming-pack,quantity=-1"), "NOT_AN_ITEM"),
    ],
)
def test_of_one_order_all_items_are_made_or_none(owner, words, code):
    published(owner)
    with pytest.raises(Refusal, match=code):
        order("A3", *words)
    assert not ProductChange.objects.exists()


def test_upgrade_and_add_on_in_one_change(owner):
    published(owner)
    words = ("change", "A3-0", *BY_ANN, "--on", "2026-03-16", "--offering", "alpina-m")
    said = run(cli_product.product_app, *words, "--with", "roaming-pack", "--json")
    document = json.loads(said)
    assert [row["kind"] for row in document["changes"]] == ["offering", "ordered"]
    begun = [row for row in document["cost"]["lines"] if row["product_key"] is None]
    assert {row["offering_code"] for row in begun} == {"alpina-m", "roaming-pack"}
    assert ProductChange.objects.count() == 2


def test_items_of_one_order_are_of_one_account_and_each_product_is_changed_once(owner):
    leave = Wanted(Kind.CANCEL, DAY)
    for items in (
        [Change("A1-0", leave), Change("A3-0", leave)],
        [Change("A1-0", leave), Change("A1-0", Wanted(Kind.SUSPEND, DAY))],
    ):
        with pytest.raises(Refusal, match="NOT_TOGETHER"):
            plans_together(owner.id, items, TODAY)


def test_only_an_operator_orders_and_only_for_accounts_that_are_there(owner):
    person("eve", "viewer")
    with pytest.raises(Refusal, match="CANNOT_CHANGE"):
        order("A1", "alpina-m", by=("--carrier", CARRIER, "--user", "eve"))
    with pytest.raises(Refusal, match="NO_SUCH_ACCOUNT"):
        order("A9", "alpina-m")
    BillingAccount.objects.filter(account_key="A2").update(status="closed")
    with pytest.raises(Refusal, match="closed"):
        order("A2", "alpina-m")
    assert not ProductChange.objects.exists()
