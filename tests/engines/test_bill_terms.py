"""What a bill makes of its lines: discounts, promises, taxes and credits, as analysts read it."""

from collections import defaultdict
from datetime import date
from functools import cache

import pytest
from calculation import load, result
from oracle.tables import ACCOUNT, OLD_POLICY, PRICE, PRODUCT, TAX_RATE, stated

POLICY = OLD_POLICY | {
    "day_count": "actual_actual",
    "rounding_mode": "half_up",
    "tax_rounding_mode": "half_up",
}
ALWAYS = {"valid_from": date(2020, 1, 1), "valid_to": None}
UNTIL_APRIL = {"valid_from": date(2020, 1, 1), "valid_to": date(2024, 4, 1)}
FROM_MID_APRIL = {"valid_from": date(2024, 4, 16), "valid_to": None}
PERIODS = [
    {"period_from": date(2024, month, day), "period_to": date(2024, month + 1, day)}
    | {"bill_cycle_day": day}
    for month, day in ((4, 1), (4, 2), (5, 2))
]
BASE = PRODUCT | {"price_override_nanos": 100 * 10**9}
EXTRA = BASE | {
    "product_key": "P2",
    "offering_code": "LINE",
    "price_override_nanos": 50 * 10**9,
}
LISTED = [PRICE, PRICE | {"offering_code": "LINE"}]
PERCENTAGE = {"kind": "percentage", "account_key": "A1"} | ALWAYS
AMOUNT = {"kind": "amount", "account_key": "A1"} | ALWAYS


def numbered(rows, **named):
    """The rows in their order, each with its position and a key that names it."""
    return [{named["key"]: f"{n}", "position": n} | row for n, row in enumerate(rows, 1)]


NAMES = (
    "account_key", "product_key", "offering_code", "price_code", "tax_code", "policy_code",
    "discount_key", "commitment_key", "credit_key",
)  # fmt: skip
STATED = {}  # by title: the rows of one case, whose names it does not share with others


def state(title, **changed):
    """Two products at 100.00 and 50.00 in April without tax, and what the case states instead."""
    assert title not in STATED
    rows = {
        "product": [BASE, EXTRA],
        "price": LISTED,
        "policy": [POLICY],
        "tax_rate": [TAX_RATE | {"rate_ppm": 0}],
    }
    STATED[title] = stated(**(rows | changed))


@cache
def billed():
    """The results for all cases, billed at once: it is the same chain for any number of them."""
    rows = defaultdict(list)
    for title, tables in STATED.items():
        for name, own in tables.items():
            rows[name] += [_named(row, title) for row in own]
    load({name: rows[name] for name in rows if name != "periods"} | {"periods": PERIODS})
    assert result("unresolved") == []
    names = ("bill", "bill_line", "bill_tax", "credit_use")
    return {name: result(name) for name in names}


def _named(row, title):
    return {k: f"{title}/{v}" if k in NAMES and v is not None else v for k, v in row.items()}


class Bill:
    """What one case was billed."""

    def __init__(self, title):
        self.bills = [b for b in billed()["bill"] if b["account_key"].startswith(f"{title}/")]
        self._keys = {row["bill_key"] for row in self.bills}

    def rows(self, name):
        """The rows of a result, with the names as the case states them."""
        mine = [row for row in billed()[name] if row["bill_key"] in self._keys]
        return [
            {k: v.split("/")[-1] if k in NAMES and v else v for k, v in row.items()} for row in mine
        ]

    def lines(self, category):
        """The lines of the category: (discount, commitment or price, product): net amount."""
        return {
            (row["price_code"], row["product_key"]): row["net_minor"]
            for row in self.rows("bill_line")
            if row["category"] == category
        }


def bill_of(**changed):
    """A test of the bill of these rows."""

    def mark(test):
        state(test.__name__, **changed)
        return lambda: test(Bill(test.__name__))

    return mark


DISCOUNTS = [
    (
        "a percentage of each line",
        [PERCENTAGE | {"rate_ppm": 100_000}],
        {("1", "P1"): -1000, ("1", "P2"): -500},
    ),
    (
        "an amount is shared by what the lines cost, to the cent",
        [AMOUNT | {"amount_minor": 1000}],
        {("1", "P1"): -667, ("1", "P2"): -333},
    ),
    (
        "a second percentage is of what the first has left",
        [PERCENTAGE | {"rate_ppm": 100_000}, PERCENTAGE | {"rate_ppm": 100_000}],
        {("1", "P1"): -1000, ("1", "P2"): -500, ("2", "P1"): -900, ("2", "P2"): -450},
    ),
    (
        "the order counts: first an amount, then a percentage of the rest",
        [AMOUNT | {"amount_minor": 3000}, PERCENTAGE | {"rate_ppm": 500_000}],
        {("1", "P1"): -2000, ("1", "P2"): -1000, ("2", "P1"): -4000, ("2", "P2"): -2000},
    ),
    (
        "a coupon larger than the bill takes what is there and no more",
        [AMOUNT | {"amount_minor": 99_999}, PERCENTAGE | {"rate_ppm": 100_000}],
        {("1", "P1"): -10_000, ("1", "P2"): -5000},
    ),
    (
        "at most so much on one bill",
        [PERCENTAGE | {"rate_ppm": 500_000, "most_minor": 600}],
        {("1", "P1"): -400, ("1", "P2"): -200},
    ),
    (
        "at most what is left of it",
        [AMOUNT | {"amount_minor": 3000, "most_minor": 900, "left_minor": 300}],
        {("1", "P1"): -200, ("1", "P2"): -100},
    ),
    ("nothing is left of it", [AMOUNT | {"amount_minor": 3000, "left_minor": 0}], {}),
    (
        "a spend that is reached to the cent",
        [AMOUNT | {"amount_minor": 300, "spend_minor": 15_000}],
        {("1", "P1"): -200, ("1", "P2"): -100},
    ),
    (
        "a spend that is missed by a cent",
        [AMOUNT | {"amount_minor": 300, "spend_minor": 15_001}],
        {},
    ),
    (
        "a spend that an earlier discount has taken away",
        [
            AMOUNT | {"amount_minor": 3},
            AMOUNT | {"amount_minor": 300, "spend_minor": 15_000},
        ],
        {("1", "P1"): -2, ("1", "P2"): -1},
    ),
    (
        "only from a product",
        [PERCENTAGE | {"rate_ppm": 100_000, "product_key": "P2"}],
        {("1", "P2"): -500},
    ),
    (
        "only from an offering",
        [AMOUNT | {"amount_minor": 9000, "offering_code": "LINE"}],
        {("1", "P2"): -5000},
    ),
    (
        "only from usage, of which there is none",
        [PERCENTAGE | {"rate_ppm": 100_000, "category": "usage"}],
        {},
    ),
    (
        "its last day is over when the period begins",
        [PERCENTAGE | {"rate_ppm": 100_000} | UNTIL_APRIL],
        {},
    ),
    (
        "it begins within the period, so with the next bill",
        [PERCENTAGE | {"rate_ppm": 100_000} | FROM_MID_APRIL],
        {},
    ),
    (
        "an account's discounts leave other accounts alone",
        [PERCENTAGE | {"rate_ppm": 100_000, "account_key": "A2"}],
        {},
    ),
]  # fmt: skip

for _title, _discounts, _ in DISCOUNTS:
    state(_title, discount=numbered(_discounts, key="discount_key"))


@pytest.mark.parametrize(("title", "discounts", "taken"), DISCOUNTS)
def test_a_discount(title, discounts, taken):
    assert Bill(title).lines("discount") == taken, title


A_TENTH = PERCENTAGE | {"discount_key": "1", "position": 1, "rate_ppm": 100_000}
A_DOLLAR = AMOUNT | {"discount_key": "1", "position": 1, "amount_minor": 100}
# What was charged for all of April before it ended in the middle.
ENDED = BASE | {"end_date": date(2024, 4, 16)}
CHARGED = {"product_key": "P1", "price_code": "FIBRE", "charged_through": date(2024, 5, 1)}


@bill_of(product=[BASE | {"product_key": f"P{n}"} for n in (1, 2, 3)], discount=[A_DOLLAR])
def test_a_cent_that_three_lines_cannot_share_goes_to_the_first(bill):
    assert bill.lines("discount") == {("1", "P1"): -34, ("1", "P2"): -33, ("1", "P3"): -33}


@bill_of(product=[BASE | {"discount_ppm": 500_000}], discount=[A_TENTH])
def test_what_a_product_has_off_by_itself_comes_first(bill):
    assert bill.lines("discount") == {("FIBRE", "P1"): -5000, ("1", "P1"): -500}


@bill_of(product=[ENDED, EXTRA], charged=[CHARGED], discount=[A_TENTH])
def test_what_is_given_back_is_not_discounted(bill):
    assert bill.lines("recurring") == {("FIBRE", "P1"): -5000, ("LINE", "P2"): 5000}
    assert bill.lines("discount") == {("1", "P2"): -500}


PROMISE = {
    "account_key": "A1",
    "product_key": None,
    "category": None,
    "amount_minor": 20_000,
    "prorated": True,
    "tax_category": "standard",
} | ALWAYS


COMMITMENTS = [
    ("what is missing is charged", {}, [], {("M", None): 5000}),
    ("a promise that is kept costs nothing", {"amount_minor": 15_000}, [], {}),
    (
        "a discount counts against it",
        {}, [PERCENTAGE | {"rate_ppm": 100_000}], {("M", None): 6500},
    ),
    ("only a product counts", {"product_key": "P2"}, [], {("M", "P2"): 15_000}),
    (
        "a discount of another product does not count against it",
        {"product_key": "P2"}, [PERCENTAGE | {"rate_ppm": 100_000, "product_key": "P1"}],
        {("M", "P2"): 15_000},
    ),
    ("only usage counts, and there is none", {"category": "usage"}, [], {("M", None): 20_000}),
    (
        "half of a month needs half of the promise",
        {"amount_minor": 40_000} | FROM_MID_APRIL, [], {("M", None): 5000},
    ),
    (
        "a promise that is not prorated needs all of it",
        {"amount_minor": 40_000, "prorated": False} | FROM_MID_APRIL, [],
        {("M", None): 25_000},
    ),
    ("it is over when the period begins", UNTIL_APRIL, [], {}),
    (
        "it was never valid",
        {"valid_from": date(2024, 4, 16), "valid_to": date(2024, 4, 16), "prorated": False},
        [], {},
    ),
]  # fmt: skip

for _title, _promise, _discounts, _ in COMMITMENTS:
    state(
        _title,
        commitment=[{"commitment_key": "M"} | PROMISE | _promise],
        discount=numbered(_discounts, key="discount_key"),
    )


@pytest.mark.parametrize(("title", "promise", "discounts", "missing"), COMMITMENTS)
def test_a_commitment(title, promise, discounts, missing):
    assert Bill(title).lines("commitment") == missing, title


@bill_of(product=[], commitment=[{"commitment_key": "M"} | PROMISE])
def test_a_promise_is_due_where_nothing_else_is_billed(bill):
    assert bill.lines("commitment") == {("M", None): 20_000}
    assert [row["total_minor"] for row in bill.bills] == [20_000]


VAT = TAX_RATE | {"tax_name": "vat", "rate_ppm": 200_000}
CITY = TAX_RATE | {"tax_name": "city", "rate_ppm": 50_000}
FREE = {"account_key": "A1", "tax_name": None, "reason": "certificate"} | ALWAYS
INCLUSIVE = {
    "offering_code": "FIBRE",
    "price_code": "FIBRE",
    "kind": "recurring",
    "timing": "arrears",
    "months": 1,
    "alignment": "cycle",
    "prorated": True,
    "tax_category": "standard",
    "tax_inclusive": True,
}


TAXED = [
    (
        "two taxes side by side, each on the net amount",
        {}, 10_000, {"vat": (200_000, 2000), "city": (50_000, 500)},
    ),
    (
        "of two taxes the account is exempt from one",
        {"exemption": [FREE | {"tax_name": "city"}]},
        10_000, {"vat": (200_000, 2000), "city": (0, 0)},
    ),
    (
        "exempt from all taxes",
        {"exemption": [FREE]}, 10_000, {"vat": (0, 0), "city": (0, 0)},
    ),
    (
        "an exemption that is over",
        {"exemption": [FREE | UNTIL_APRIL]},
        10_000, {"vat": (200_000, 2000), "city": (50_000, 500)},
    ),
    (
        "a price that contains both",
        {"component": [INCLUSIVE]}, 8000, {"vat": (200_000, 1600), "city": (50_000, 400)},
    ),
    (
        "a price that contains both keeps its cent: the highest tax takes what is left",
        {"component": [INCLUSIVE], "product": [BASE | {"price_override_nanos": 1003 * 10**7}]},
        802, {"vat": (200_000, 161), "city": (50_000, 40)},
    ),
    (
        "who is exempt from one does not pay its part of the price",
        {"component": [INCLUSIVE], "exemption": [FREE | {"tax_name": "city"}]},
        8000, {"vat": (200_000, 1600), "city": (0, 0)},
    ),
    (
        "nor from the other",
        {"component": [INCLUSIVE], "exemption": [FREE | {"tax_name": "vat"}]},
        8000, {"vat": (0, 0), "city": (50_000, 400)},
    ),
    (
        "who is exempt from all pays the net amount",
        {"component": [INCLUSIVE], "exemption": [FREE]}, 8000, {"vat": (0, 0), "city": (0, 0)},
    ),
    (
        "a rate that begins with the period's first day holds, one that begins later waits",
        {
            "tax_rate": [
                VAT | {"valid_to": date(2024, 4, 1)},
                VAT | {"valid_from": date(2024, 4, 1), "rate_ppm": 210_000},
                CITY | {"valid_from": date(2024, 4, 2)},
            ],
        },
        10_000, {"vat": (210_000, 2100)},
    ),
]  # fmt: skip


SCOPES = ("line", "bill")
for _title, _changed, _, _ in TAXED:
    for _scope in SCOPES:
        _policy = POLICY | {"tax_scope": _scope}
        _rows = {"product": [BASE], "tax_rate": [VAT, CITY], "policy": [_policy]}
        state(f"{_title}, {_scope}", **(_rows | _changed))


@pytest.mark.parametrize(("title", "changed", "net", "taxes"), TAXED)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_tax(title, changed, net, taxes, scope):
    bill = Bill(f"{title}, {scope}")
    found = {r["tax_name"]: (r["rate_ppm"], r["tax_minor"]) for r in bill.rows("bill_tax")}
    assert found == taxes, title
    (row,) = bill.bills
    owed = sum(tax for _, tax in taxes.values())
    assert (row["net_minor"], row["tax_minor"], row["total_minor"]) == (net, owed, net + owed), (
        title
    )


@bill_of(
    product=[BASE | {"price_override_nanos": 10 * 10**7}],
    tax_rate=[TAX_RATE | {"tax_name": "a levy of nothing", "rate_ppm": 0}, VAT, CITY],
    component=[INCLUSIVE],
)
def test_a_tax_of_no_rate_takes_no_cent_of_an_inclusive_price(bill):
    found = {r["tax_name"]: r["tax_minor"] for r in bill.rows("bill_tax")}
    assert found == {"a levy of nothing": 0, "vat": 2, "city": 0}  # of 10 cents, 8 are net


@bill_of(product=[BASE], tax_rate=[VAT], exemption=[FREE | {"reason": "reverse charge"}])
def test_reverse_charge_is_an_exemption_that_the_bill_states(bill):
    (tax,) = bill.rows("bill_tax")
    assert (tax["taxable_minor"], tax["tax_minor"], tax["exempt"]) == (10_000, 0, "reverse charge")


@bill_of(
    tax_rate=[VAT, VAT | {"tax_category": "reduced", "rate_ppm": 70_000}],
    component=[INCLUSIVE | {"tax_inclusive": False, "tax_category": "reduced"}],
)
def test_each_category_of_thing_has_its_own_rates(bill):
    rows = bill.rows("bill_tax")
    found = {(r["rate_ppm"], r["taxable_minor"], r["tax_minor"]) for r in rows}
    assert found == {(70_000, 10_000, 700), (200_000, 5000, 1000)}


@bill_of(product=[BASE], tax_rate=[VAT], discount=[A_TENTH])
def test_a_discount_has_the_tax_of_what_it_is_taken_from(bill):
    found = {r["category"]: (r["net_minor"], r["tax_minor"]) for r in bill.rows("bill_line")}
    assert found == {"recurring": (10_000, 2000), "discount": (-1000, -200)}


CREDITED = [
    ("a credit pays a part", [4000], {"1": (4000, 0)}, 11_000),
    ("a credit pays all and keeps the rest", [20_000], {"1": (15_000, 5000)}, 0),
    (
        "the second pays what the first has left open",
        [4000, 20_000], {"1": (4000, 0), "2": (11_000, 9000)}, 0,
    ),
    ("what is not needed is not touched", [15_000, 700], {"1": (15_000, 0)}, 0),
    ("a credit that is used up is passed over", [0, 700], {"2": (700, 0)}, 14_300),
]  # fmt: skip

for _title, _left, _, _ in CREDITED:
    _credits = [{"account_key": "A1", "left_minor": amount} for amount in _left]
    state(_title, credit=numbered(_credits, key="credit_key"))


@pytest.mark.parametrize(("title", "left", "used", "due"), CREDITED)
def test_credits_are_used_in_order(title, left, used, due):
    bill = Bill(title)
    rows = bill.rows("credit_use")
    found = {r["credit_key"]: (r["used_minor"], r["left_minor"]) for r in rows}
    assert found == used, title
    (row,) = bill.bills
    assert (row["credit_minor"], row["due_minor"]) == (15_000 - due, due), title


CREDIT = {"credit_key": "1", "account_key": "A1", "position": 1, "left_minor": 20_000}


@bill_of(product=[ENDED], charged=[CHARGED], credit=[CREDIT])
def test_a_bill_that_pays_back_uses_no_credit(bill):
    (row,) = bill.bills
    assert (row["total_minor"], row["credit_minor"], row["due_minor"]) == (-5000, 0, -5000)


@bill_of(account=[ACCOUNT | {"bill_cycle_day": 2}], credit=[CREDIT])
def test_of_two_bills_at_once_the_first_uses_the_credit(bill):
    found = {row["period_from"]: row["due_minor"] for row in bill.bills}
    assert found == {date(2024, 4, 2): 0, date(2024, 5, 2): 15_000}


@bill_of(
    account=[ACCOUNT, ACCOUNT | {"account_key": "A2"}], credit=[CREDIT | {"account_key": "A2"}]
)
def test_the_credit_of_another_account_is_not_used(bill):
    assert bill.rows("credit_use") == []
