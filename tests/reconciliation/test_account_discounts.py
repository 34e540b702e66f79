"""Lines of discounts and promised minimums that differ: by themselves, or with their charges."""

from copy import deepcopy
from datetime import date
from fractions import Fraction

import pytest
from oracle.tables import ACCOUNT, MAY, PRICE, PRODUCT, TAX_RATE, stated
from reconciliation.two_sides import billed, bills_of, reconciled

DISCOUNT = {"kind": "percentage", "rate_ppm": 50_000, "valid_from": date(2020, 1, 1)}
AMOUNT = DISCOUNT | {"kind": "amount", "amount_minor": 700, "rate_ppm": None}

OF_2018 = PRICE | {
    "price_version": "v0",
    "amount_nanos": 40_000_000_000,
    "valid_from": date(2018, 1, 1),
    "valid_to": date(2019, 1, 1),
}
WITHIN = {
    "offering_code": "all-in", "price_code": "all-in", "kind": "recurring", "timing": "arrears",
    "months": 1, "alignment": "cycle", "prorated": True, "tax_category": "standard",
    "tax_inclusive": True,
}  # fmt: skip

PROMISE = {
    "prorated": True,
    "tax_category": "standard",
    "valid_from": date(2020, 1, 1),
}
PROMISED = {
    "promised": 10_000,
    "promised, taxed elsewhere": 10_000,
    "far more promised than used, taxed elsewhere": 100_000,
    "promised, and a cent off": 10_000,
}
TAXED_ELSEWHERE = ("tax", *(account for account in PROMISED if "elsewhere" in account))


def facts():
    """Accounts with two products of 49.90 and two discounts: 5 % of all, and 7.00 of the rest."""
    keys = (
        *("price", "within", "exempt", "wrong", "not billed", "not held", "tax", "equal"),
        *PROMISED,
    )
    return stated(
        (MAY,),
        account=[ACCOUNT | {"account_key": key} for key in keys],
        product=[
            PRODUCT
            | {"account_key": key, "product_key": f"{key} {n}"}
            | ({"offering_code": WITHIN["offering_code"]} if key == "within" else {})
            for key in keys
            for n in (1, 2)
        ],
        price=[
            price | offering
            for offering in ({}, {"offering_code": WITHIN["offering_code"]})
            for price in (PRICE, OF_2018)
        ],
        component=[WITHIN],
        tax_rate=[TAX_RATE, TAX_RATE | {"tax_code": "EX00", "rate_ppm": 0}],
        exemption=[
            {"account_key": "exempt", "tax_name": "tax", "valid_from": date(2024, 1, 1)}
            | {"reason": "certificate 7"}
        ],
        commitment=[
            PROMISE | {"account_key": key, "commitment_key": key, "amount_minor": amount}
            for key, amount in PROMISED.items()
        ],
        discount=[
            terms | {"account_key": key, "discount_key": f"{key}/{n}", "position": n}
            for key in keys
            for n, terms in ((1, DISCOUNT), (2, AMOUNT))
        ],
    )


class Sides:
    """The new bills, and old ones of which each account's differ in its own way."""

    def __init__(self):
        self.facts = facts()
        self.new = billed(self.facts)
        self.lines = deepcopy(self.new["bill_line"])
        self._charge_the_price_of_2018("price")
        self._charge_the_price_of_2018("exempt", taxed=False)
        self._charge_the_price_of_2018("within", within=True)
        self.line("wrong 2", "wrong/1")["net_minor"] -= 3
        self._charge_the_price_of_2018("promised")
        # 100.00 less 40.00 and 49.90, of which the discounts leave 78.41; new 100.00 less 87.81.
        self.missing("promised").update(net_minor=2_159, tax_minor=191)
        self.missing("promised, and a cent off")["net_minor"] += 1
        for line in self.lines:
            if line["account_key"] in TAXED_ELSEWHERE:
                line["tax_minor"] = 0
        self.lines = [line for line in self.lines if line["discount_key"] != "not billed/2"]
        self.new["bill_line"] = [
            line for line in self.new["bill_line"] if line["discount_key"] != "not held/2"
        ]
        self.facts["discount"] = [
            row for row in self.facts["discount"] if row["discount_key"] != "not held/2"
        ]

    def line(self, product, discount=None):
        place = (product, discount)
        (found,) = [x for x in self.lines if (x["product_key"], x["discount_key"]) == place]
        return found

    def missing(self, account):
        (found,) = [
            x for x in self.lines if (x["account_key"], x["category"]) == (account, "commitment")
        ]
        return found

    def _charge_the_price_of_2018(self, account, *, taxed=True, within=False):
        """Of 40.00 and 49.90, 5 % are 4.49, and the 7.00 of 85.41 are shared anew.

        Where the price contains its tax, 8.875 % are taken out of each amount.
        """
        amounts = {
            (1, None): (4_000, 355), (1, 1): (-200, -17), (2, 1): (-249, -22),
            (1, 2): (-311, -27), (2, 2): (-389, -34),
        }  # fmt: skip
        for (product, discount), (net, tax) in amounts.items():
            line = self.line(f"{account} {product}", discount and f"{account}/{discount}")
            line.update(net_minor=net, tax_minor=tax if taxed else 0)
            if within:
                left = int(Fraction(net * 100_000, 108_875))
                line.update(net_minor=left, tax_minor=net - left)


@pytest.fixture(scope="module")
def found():
    sides = Sides()
    old = {"bill_line": sides.lines, "bill": bills_of(sides.lines)}
    return reconciled(sides.facts, sides.new, old)


@pytest.mark.parametrize(
    ("account", "classes"),
    [
        ("price", {"PRICE_VERSION"}),
        ("within", {"PRICE_VERSION"}),
        ("exempt", {"PRICE_VERSION"}),
        ("wrong", {"UNEXPLAINED"}),
        ("not billed", {"DISCOUNT"}),
        ("not held", {"DISCOUNT"}),
        ("tax", {"TAX"}),
        ("equal", set()),
        ("promised", {"PRICE_VERSION"}),
        ("promised, taxed elsewhere", {"TAX"}),
        ("far more promised than used, taxed elsewhere", {"TAX"}),
        ("promised, and a cent off", {"UNEXPLAINED"}),
    ],
)
def test_each_line_of_a_discount_has_the_class_of_its_cause(found, account, classes):
    assert found.classes().get(account, set()) == classes


def test_a_discount_follows_from_the_charge_that_differs(found):
    told = {d["record_key"]: d["evidence"] for d in found.of("bill_line", "net_minor")}
    (key,) = [k for k in told if k.startswith("price|2024-05-01|price 2|discount|")]
    followed = told[key]
    assert followed == (
        "old -3.89 and tax -0.34; new -3.50 and tax -0.31: "
        "it is worked out on charges that differ: "
        "old 40.00 and tax 3.55: price version v0 at 40.00; "
        "new 49.90 and tax 4.42: price version v1 at 49.90"
    )


def test_a_discount_on_one_bill_alone_says_which(found):
    told = {d["account_key"]: d["evidence"] for d in found.of("bill_line", "*")}
    assert told["not billed"].endswith(
        "the discount not billed/2 of the account; the old bill does not give it"
    )
    assert told["not held"].endswith(
        "the discount not held/2 of the account; the new bill does not give it"
    )
