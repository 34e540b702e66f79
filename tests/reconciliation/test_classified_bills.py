"""A bill's amounts follow from its lines, or its own header is wrong; each bill has one verdict."""

from copy import deepcopy
from datetime import date
from functools import cache

import pytest
from oracle.tables import ACCOUNT, MAY, OLD_POLICY, PRICE, PRODUCT, stated
from reconciliation.two_sides import Found, Rows, billed, bills_of, reconciled

CURRENCIES = {"A": "USD", "J": "JPY", "K": "KWD", "P|\\": "USD", "P|": "USD", "E": "USD"}
PER_MONTH = {"USD": 49_000_000_000, "JPY": 4_900_000_000_000, "KWD": 4_900_000_000}
MAY_FIRST = MAY[0]


def facts() -> dict[str, Rows]:
    """Accounts with two products each, in currencies of two, no and three digits."""
    return stated(
        (MAY,),
        account=[
            ACCOUNT | {"account_key": key, "currency": code} for key, code in CURRENCIES.items()
        ],
        product=[
            PRODUCT | {"account_key": key, "product_key": f"{key}{n}", "offering_code": code}
            for key, code in CURRENCIES.items()
            for n in (1, 2)
        ],
        price=[
            PRICE | {"offering_code": code, "currency": code, "amount_nanos": amount}
            for code, amount in PER_MONTH.items()
        ]
        + [
            PRICE
            | {"offering_code": code, "currency": code, "amount_nanos": amount // 49 * 45}
            | {"price_version": "v0", "valid_from": date(2018, 1, 1), "valid_to": date(2019, 1, 1)}
            for code, amount in PER_MONTH.items()
        ],
    )


def facts_by(**policy: str) -> dict[str, Rows]:
    return facts() | {"policy": [OLD_POLICY | policy]}


@cache
def new_bills(**policy: str) -> dict[str, Rows]:
    """Billed once for all tests; what a test spoils is a copy."""
    return billed(facts_by(**policy))


class Sides:
    """The new bills, and old ones that a test spoils."""

    def __init__(self, **policy: str) -> None:
        self.facts = facts_by(**policy)
        self.new = deepcopy(new_bills(**policy))
        self.lines = deepcopy(self.new["bill_line"])
        self.bills = bills_of(self.lines)

    def line(self, product: str) -> dict:
        (line,) = [row for row in self.lines if row["product_key"] == product]
        return line

    def bill(self, account: str) -> dict:
        (bill,) = [row for row in self.bills if row["account_key"] == account]
        return bill

    def old_price(self, product: str) -> None:
        """Let the old bill charge the price of 2018, header included."""
        line = self.line(product)
        line["net_minor"] = line["net_minor"] // 49 * 45
        line["tax_minor"] = line["net_minor"] * 88_750 // 1_000_000
        self.bills = bills_of(self.lines)

    def found(self) -> Found:
        old = {"bill_line": self.lines, "bill": self.bills}
        return reconciled(self.facts, self.new, old)


@pytest.fixture
def sides():
    return Sides()


def told(found: Found, account: str, entity: str = "bill") -> dict[str, tuple[str, str]]:
    return {
        d["field"]: (d["class_code"], d["evidence"])
        for d in found.of(entity)
        if d["account_key"] == account
    }


def test_equal_sides_have_no_difference(sides):
    found = sides.found()
    assert found.differences == []
    assert set(found.verdicts.values()) == {"equal"}
    assert found.verdict_rows == len(CURRENCIES)


def test_a_header_follows_from_its_lines(sides):
    sides.old_price("A1")
    found = sides.found()
    words = (
        "follows from its lines: old 45.00 and tax 3.99: price version v0 at 45.00; "
        "new 49.00 and tax 4.34: price version v1 at 49.00"
    )
    assert told(found, "A") == dict.fromkeys(
        ("net_minor", "tax_minor", "total_minor"), ("PRICE_VERSION", words)
    )
    assert found.verdicts.pop(("A", MAY_FIRST)) == "explained"
    assert set(found.verdicts.values()) == {"equal"}


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("J", "old 4500 and tax 399: price version v0 at 4500; new 4900 and tax 434"),
        ("K", "old 4.500 and tax 0.399: price version v0 at 4.500; new 4.900 and tax 0.434"),
    ],
)
def test_evidence_has_the_digits_of_the_currency(sides, account, words):
    sides.old_price(f"{account}1")
    assert words in told(sides.found(), account, "bill_line")["net_minor"][1]


@pytest.mark.parametrize("account", ["P|\\", "P|"])
def test_a_key_may_hold_the_separator(sides, account):
    sides.old_price(f"{account}1")
    found = sides.found()
    assert {code for code, _ in told(found, account).values()} == {"PRICE_VERSION"}
    assert {key for key, verdict in found.verdicts.items() if verdict != "equal"} == {
        (account, MAY_FIRST)
    }


def test_a_header_that_is_not_the_sum_of_its_lines_is_a_source_defect(sides):
    sides.bill("A")["total_minor"] += 1_000
    found = sides.found()
    assert told(found, "A") == {
        "total_minor": (
            "SOURCE_DEFECT",
            "the old bill says 116.68, its own lines add up to 106.68",
        )
    }
    assert found.verdicts[("A", MAY_FIRST)] == "explained"


def test_a_wrong_header_over_a_line_that_differs_tells_both(sides):
    sides.old_price("A1")
    sides.bill("A")["total_minor"] += 1_000
    bills = told(sides.found(), "A")
    assert bills["net_minor"][0] == "PRICE_VERSION"
    code, words = bills["total_minor"]
    assert code == "SOURCE_DEFECT"
    assert words.startswith(
        "the old bill says 112.33, its own lines add up to 102.33; besides, old"
    )


def test_nothing_excuses_a_line_that_nobody_explains(sides):
    sides.line("A1")["net_minor"] -= 777
    sides.old_price("A2")
    sides.bill("A")["total_minor"] += 1_000
    found = sides.found()
    assert {code for code, _ in told(found, "A").values()} == {"UNEXPLAINED"}
    assert found.classes()["A"] == {"UNEXPLAINED", "PRICE_VERSION"}
    assert found.verdicts[("A", MAY_FIRST)] == "unexplained"


def test_a_header_cannot_differ_where_its_lines_agree_and_add_up(sides):
    sides.new["bill"] = [dict(bill) for bill in sides.new["bill"]]
    (bill,) = [b for b in sides.new["bill"] if b["account_key"] == "A"]
    bill["total_minor"] += 1
    code, words = told(sides.found(), "A")["total_minor"]
    assert (code, words) == (
        "UNEXPLAINED",
        "its lines agree, so that they do not account for it",
    )


def test_a_line_that_stands_twice_is_a_duplicate(sides):
    sides.lines.append(dict(sides.line("A1")))
    sides.bills = bills_of(sides.lines)
    found = sides.found()
    assert told(found, "A", "bill_line") == {
        "*": ("DUPLICATE", "the line stands 2 times on the old side and 1 times on the new one")
    }
    assert {code for code, _ in told(found, "A").values()} == {"DUPLICATE"}


def test_a_bill_that_stands_twice_is_told_once(sides):
    sides.bills.append(sides.bill("A") | {"bill_key": "again"})
    found = sides.found()
    (difference,) = found.of("bill")
    assert difference["class_code"] == "DUPLICATE"
    assert difference["evidence"].startswith("the bill stands 2 times on the old side")
    assert found.verdict_rows == len(CURRENCIES)


def test_a_bill_that_only_one_side_has(sides):
    sides.lines = [line for line in sides.lines if line["account_key"] != "A"]
    sides.bills = [bill for bill in sides.bills if bill["account_key"] != "A"]
    found = sides.found()
    assert {d["class_code"] for d in found.differences} == {"UNEXPLAINED"}
    assert found.verdicts[("A", MAY_FIRST)] == "unexplained"


def test_what_is_no_money_on_a_line_is_never_told_as_money(sides):
    sides.line("A1")["charge_to"] = date(2024, 5, 31)
    code, words = told(sides.found(), "A", "bill_line")["charge_to"]
    assert code == "UNEXPLAINED"
    assert words.startswith("old 49.00 and tax 4.34, as new: the amounts agree")


def test_a_bill_may_be_taxed_as_a_whole():
    sides = Sides(tax_scope="bill")
    for bill in sides.bills:
        bill["tax_minor"] = bill["net_minor"] * 88_750 // 1_000_000
        bill["total_minor"] = bill["net_minor"] + bill["tax_minor"]
    line, bill = sides.line("A1"), sides.bill("A")
    line["net_minor"], bill["net_minor"] = 4_500, 9_400
    bill["tax_minor"], bill["total_minor"] = 834, 10_234
    sides.bill("E")["tax_minor"] += 1
    sides.bill("E")["total_minor"] += 1
    found = sides.found()
    assert found.classes("bill") == {"A": {"PRICE_VERSION"}, "E": {"UNEXPLAINED"}}
    assert len(found.of("bill")) == 5


def test_accounts_of_another_wave_are_left_alone(sides):
    other = {"account_key": "in another wave", "bill_key": "B9"}
    sides.lines.append(sides.line("A1") | other)
    sides.bills.append(sides.bill("A") | other)
    found = sides.found()
    assert found.differences == []
    assert found.verdict_rows == len(CURRENCIES)
