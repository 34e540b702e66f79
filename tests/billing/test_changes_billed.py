"""What changes of products do to bills: both parts, nothing extra, and what was told before."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from product.shop import POLICY, books, carrier, change_product, person, planned_change

from crossbill.core.period import Period
from crossbill.engine.datasets import USAGE_TOTAL
from crossbill.platform.billing.change_cost import change_cost, period_with
from crossbill.platform.billing.compute import read_policy
from crossbill.platform.billing.preview import preview
from crossbill.platform.product.change_queries import product_named
from crossbill.platform.product.changes import Kind, Wanted

SWISS = read_policy(POLICY)
TODAY, FIRST = date(2026, 4, 1), date(2026, 4, 1)
IN_APRIL = st.integers(0, 29).map(lambda days: FIRST + timedelta(days=days))
FEW = settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
CHANGES = st.sampled_from(
    [
        (Kind.OFFERING, "alpina-m", "alpina-s"),
        (Kind.QUANTITY, 3, 1),
        (Kind.PRICE, 19_990_000_000, None),
        (Kind.MOVE, "A2", "A1"),
    ]
)


class Shop:
    """Accounts with products in the books; A1 holds one at 19.90 a month."""

    def __init__(self) -> None:
        self.carrier = carrier()
        books(self.carrier)
        self.ann = person("ann", "operator")

    def change(self, key: str, kind: Kind, value=None, *, day: date) -> str | None:
        """Make a change; the key of what the product became."""
        made = change_product(
            carrier_id=self.carrier.id, product_key=key, wanted=Wanted(kind, day, value),
            user=self.ann, today=TODAY,
        )  # fmt: skip
        return made.resulting_product.product_key if made.resulting_product else None

    def told(self, key: str, kind: Kind, value=None, *, day: date) -> dict[str, str]:
        """What the bills would be after a change, in all."""
        product = product_named(self.carrier.id, key)
        cost = change_cost(
            carrier_id=self.carrier.id, account_key=product.account.account_key,
            plans=[planned_change(product, Wanted(kind, day, value), TODAY)], policy=SWISS,
        )  # fmt: skip
        return {row["currency"]: row["after"] for row in cost.effect.totals}

    def billed(self, key: str = "A1") -> list[tuple]:
        """Lines and total of the account's bill of April."""
        found = preview(
            carrier_id=self.carrier.id, account_key=key, period="2026-04",
            policies={"swiss": SWISS}, used=USAGE_TOTAL.empty(),
        )["swiss"]  # fmt: skip
        assert not found.unresolved
        rows = []
        for bill in found.bills:
            for line in bill.lines:
                row = line.line
                rows.append((row["product_key"], row["charge_from"], row["charge_to"], line.net))
            rows.append(("total", bill.totals["total"]))
        return rows


class Billed(TestCase):
    """The properties, each example in a transaction of its own."""

    @FEW
    @given(CHANGES, IN_APRIL)
    def test_change_and_its_reversal_on_the_same_day_bill_nothing_extra(self, asked, day):
        shop, (kind, there, back) = Shop(), asked
        before = shop.billed()
        key = shop.change("A1-0", kind, there, day=day)
        assert shop.change(key, kind, back, day=day) == "A1-0"
        assert shop.billed() == before

    @FEW
    @given(IN_APRIL)
    def test_suspension_and_resumption_on_the_same_day_bill_nothing_extra(self, day):
        shop = Shop()
        before = shop.billed()
        shop.change("A1-0", Kind.SUSPEND, day=day)
        shop.change("A1-0", Kind.RESUME, day=day)
        assert shop.billed() == before

    @FEW
    @given(CHANGES, IN_APRIL)
    def test_bill_after_a_change_is_what_was_told_before(self, asked, day):
        shop, (kind, value, _) = Shop(), asked
        told = shop.told("A1-0", kind, value, day=day)
        shop.change("A1-0", kind, value, day=day)
        accounts = ("A1", "A2") if kind is Kind.MOVE else ("A1",)
        totals = [row[-1] for key in accounts for row in shop.billed(key) if row[0] == "total"]
        cents = sum(int(total.replace(".", "")) for total in totals)
        assert told == {"CHF": f"{cents // 100}.{cents % 100:02}"}

    @FEW
    @given(IN_APRIL, st.integers(1, 29))
    def test_suspension_bills_the_days_held(self, day, length):
        shop, resumed = Shop(), day + timedelta(days=length)
        shop.change("A1-0", Kind.SUSPEND, day=day)
        shop.change("A1-0", Kind.RESUME, day=resumed)
        billed = sum((row[2] - row[1]).days for row in shop.billed() if row[0] != "total")
        after = (min(resumed, date(2026, 5, 1)) - day).days
        assert billed == 30 - after


@pytest.fixture
def shop(db) -> Shop:
    return Shop()


def test_change_within_a_month_bills_both_parts(shop):
    shop.change("A1-0", Kind.OFFERING, "alpina-m", day=date(2026, 4, 11))
    assert shop.billed() == [
        ("A1-0", FIRST, date(2026, 4, 11), "6.63"),  # 19.90 * 10/30
        ("A1-0-2", date(2026, 4, 11), date(2026, 5, 1), "26.00"),  # 39.00 * 20/30
        ("total", "35.27"),  # with 8.1 % of 32.63
    ]


def test_change_from_the_first_day_bills_the_new_part_alone(shop):
    start = date(2021, 1, 1)
    shop.change("A1-0", Kind.OFFERING, "alpina-m", day=start)
    assert shop.billed() == [("A1-0-2", FIRST, date(2026, 5, 1), "39.00"), ("total", "42.16")]


def test_half_a_cent_is_not_billed_twice_where_a_change_is_taken_back(shop):
    """19.99 for 15 days of 30 is 9.995 on either side, which would be rounded up twice."""
    held = shop.change("A1-0", Kind.PRICE, 19_990_000_000, day=FIRST)
    before, half = shop.billed(), date(2026, 4, 16)
    other = shop.change(held, Kind.OFFERING, "alpina-m", day=half)
    shop.change(other, Kind.OFFERING, "alpina-s", day=half)
    assert shop.billed() == before


@pytest.mark.parametrize(
    ("day", "cycle", "period"),
    [
        ((2026, 3, 1), 1, ((2026, 3, 1), (2026, 4, 1))),
        ((2026, 3, 14), 15, ((2026, 2, 15), (2026, 3, 15))),
        ((2026, 3, 15), 15, ((2026, 3, 15), (2026, 4, 15))),
        ((2026, 1, 3), 15, ((2025, 12, 15), (2026, 1, 15))),
        ((2026, 2, 27), 31, ((2026, 1, 31), (2026, 2, 28))),
        ((2026, 2, 28), 31, ((2026, 2, 28), (2026, 3, 31))),
    ],
)
def test_period_with_a_day(day, cycle, period):
    first, last = (date(*each) for each in period)
    assert period_with(date(*day), cycle) == Period(first, last)
