"""Any terms, discounts, promises, taxes and credits: every amount equals the plain bill's."""

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import ibis
import pyarrow as pa
from calculation import load, result
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle.plain_bill import Biller, in_month, intervals, part_of
from oracle.tables import ACCOUNT, CUSTOMER, PRICE, PRODUCT, rows_of, stated

from crossbill.core.money import minor_digits
from crossbill.core.period import DayCount
from crossbill.core.policy import FURTHER_DIGITS, ChargeRounding, DiscountBase, PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode
from crossbill.platform.billing.shares import largest_remainder

ACCOUNTS = 20
MOST_DISCOUNTS = 3
CURRENCIES = ("USD", "JPY", "KWD")
CATEGORIES = ("recurring", "one_time", "usage")
SEGMENTS = ("business", "consumer", "")
REGIONS = ("north", "south", None)
TAXES = {"ONE": ("vat",), "TWO": ("vat", "city"), "THREE": ("vat", "city", "levy")}
# Days cluster around month ends and leap days, where counting goes wrong.
EDGES = [
    date(year, month, day) + timedelta(days=shift)
    for year in (2023, 2024, 2025)
    for month in range(1, 13)
    for day in (1, 15)
    for shift in (-2, -1, 0, 1)
]
# Examples are many accounts and none is simpler than another, so a failure is not shrunk; it
# names its account.
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
SEEDS = st.integers(0, 2**32)
MONTHS = st.integers(12 * 2023 + 6, 12 * 2024 + 11)


class Dice(Random):
    """What a random carrier is thrown with; most of its days lie about a month."""

    def __init__(self, seed, month):
        super().__init__(seed)
        self.near = [day for day in EDGES if abs(12 * day.year + day.month - 1 - month) < 3]

    def mostly(self, usual, *rare):
        """The usual one seven times of ten."""
        return usual if self.random() < 0.7 else self.choice(rare)

    def flag(self):
        return self.random() < 0.5

    def day(self):
        return self.choice(self.near if self.random() < 0.8 else EDGES)

    def amount(self, most):
        return self.choice([0, 1, self.randint(0, 200), self.randint(0, most)])

    def ppm(self):
        return self.choice([0, 100_000, 333_333, 1_000_000, self.randint(0, 1_000_000)])

    def validity(self):
        """Mostly for ever."""
        since = self.mostly(date(2019, 1, 1), self.day())
        return {"valid_from": since, "valid_to": self.mostly(None, self.day())}


RULES = {
    "day_count": DayCount, "rounding_mode": RoundingMode, "rounding_scope": ChargeRounding,
    "discount_base": DiscountBase, "price_by": PriceBy, "tax_scope": TaxScope,
    "tax_rounding_mode": RoundingMode,
}  # fmt: skip


def policy(dice, **fixed):
    rules = {name: str(dice.choice(list(kind))) for name, kind in RULES.items()}
    rules |= {"end_day_counts": dice.flag(), "rounding_digits": dice.choice(FURTHER_DIGITS)}
    return {"policy_code": "0"} | rules | fixed


def terms(dice, offering, price_code, **fixed):
    """A price of an offering, of any kind."""
    kind = dice.choice(["recurring", "recurring", "one_time", "termination"])
    timings = ("advance", "arrears") if kind == "recurring" else ("start", "end")
    return {
        "offering_code": offering,
        "price_code": price_code,
        "kind": kind,
        "timing": "end" if kind == "termination" else dice.choice(timings),
        "months": dice.choice([1, 1, 1, 2, 3, 6, 12]),
        "alignment": dice.choice(["cycle", "start", "calendar"]),
        "prorated": dice.mostly(True, False),
        "tax_category": dice.mostly("standard", "reduced"),
        "tax_inclusive": dice.mostly(False, True),
    } | fixed


def held(dice, key, account, offering, **fixed):
    """A product with any days."""
    return (
        PRODUCT
        | {
            "product_key": key,
            "account_key": account,
            "offering_code": offering,
            "quantity": dice.mostly(1, 0, 2, 7),
            "start_date": dice.mostly(dice.day(), date(2020, 2, 29), date(2019, 12, 31)),
            "end_date": dice.mostly(None, dice.day()),
            "contract_end_date": dice.choice([None, dice.day(), date(2025, 12, 31)]),
            "price_override_nanos": dice.mostly(None, dice.amount(10**12)),
            "discount_ppm": dice.mostly(None, dice.ppm()),
            "discount_end_date": dice.mostly(None, dice.day()),
        }
        | fixed
    )


def versions(dice, code, currency):
    """Two versions of a price, one after the other."""
    split = dice.day()
    for since, until in ((date(2015, 1, 1), split), (split, None)):
        days = {"valid_from": since, "valid_to": until, "currency": currency}
        amount = dice.choice([dice.amount(10**5) * 10**7, dice.amount(5 * 10**12)])
        yield PRICE | days | {"offering_code": code, "amount_nanos": amount}


def prices(dice, code, currency, account, segment):
    """What a price costs everybody, or only the account; beside that, some others."""
    general, whom = list(versions(dice, code, currency)), {}
    if dice.random() < 0.1:
        whom = dict([dice.choice([("segment", segment or None), ("region", account["region"])])])
    if any(whom.values()):
        return [row | whom for row in general]
    pairs = [(s or None, r) for s in SEGMENTS for r in REGIONS if s or r]
    for pair in dice.sample(pairs, dice.mostly(0, 1, 3, len(pairs))):
        listed = dict(zip(("segment", "region"), pair, strict=True))
        rows = [row | listed for row in versions(dice, code, currency)]
        general += dice.choice([rows, rows[:1], rows[1:]])
    return general


def discount(dice, account, position, product):
    only = dice.mostly(
        {},
        {"product_key": product["product_key"]},
        {"offering_code": product["offering_code"]},
        {"category": dice.choice(CATEGORIES)},
    )
    return {
        "discount_key": f"D{account}-{position}",
        "account_key": account,
        "position": position,
        "product_key": None,
        "offering_code": None,
        "category": None,
        "kind": dice.choice(["percentage", "amount"]),
        "rate_ppm": dice.ppm(),
        "amount_minor": dice.amount(30_000),
        "spend_minor": dice.mostly(None, dice.amount(10_000)),
        "most_minor": dice.mostly(None, dice.amount(10_000)),
        "left_minor": dice.mostly(None, dice.amount(10_000)),
        **dice.validity(),
        **only,
    }


def promise(dice, account, number, product):
    return {
        "commitment_key": f"M{account}-{number}",
        "account_key": account,
        "product_key": dice.mostly(None, product["product_key"]),
        "category": dice.mostly(None, *CATEGORIES),
        "amount_minor": dice.amount(60_000),
        "prorated": dice.flag(),
        "tax_category": dice.mostly("standard", "reduced"),
        **dice.validity(),
    }


def exemption(dice, account):
    name = dice.choice([None, "vat", "city"])
    return {"account_key": account, "tax_name": name, "reason": "certificate", **dice.validity()}


def used(dice, product, period):
    return {
        "account_key": product["account_key"],
        "product_key": product["product_key"],
        "offering_code": product["offering_code"],
        "period_from": period[0],
        "period_to": period[1],
        "events": dice.randint(1, 9),
        "amount_nanos": dice.amount(10**11),
    }


def customer(seed, key, month):
    """The rows of one account, drawn from its seed, and its period."""
    dice, rows = Dice(seed, month), defaultdict(list)
    currency, cycle = dice.choice(CURRENCIES), dice.randint(1, 31)
    account = {"account_key": key, "currency": currency, "policy_code": key}
    account |= {"bill_cycle_day": cycle, "tax_code": dice.choice(list(TAXES))}
    account |= {"customer_key": f"C{key}", "region": dice.choice(REGIONS)}
    segment = dice.choice(SEGMENTS)
    rows["customer"] = [CUSTOMER | {"customer_key": f"C{key}", "segment": segment}]
    rows["account"] = [ACCOUNT | account]
    rows["policy"] = [policy(dice, policy_code=key)]
    period = in_month(month, cycle), in_month(month + 1, cycle)
    for number in range(dice.randint(1, 4)):
        offering = f"{key}-{number}"
        product = held(dice, f"P{offering}", key, offering)
        rows["product"].append(product)
        priced = [terms(dice, offering, f"{offering}-{n}") for n in range(dice.randint(0, 3))]
        rows["component"] += priced
        parts = [row["price_code"] for row in priced if row["kind"] == "recurring"]
        if parts[1:] and product["price_override_nanos"] is not None:
            product["price_override_code"] = dice.choice(parts)
        for code in [row["price_code"] for row in priced] or [offering]:
            rows["price"] += prices(dice, code, currency, account, segment)
            if dice.random() < 0.3:
                through = {"price_code": code, "charged_through": dice.day()}
                rows["charged"].append({"product_key": product["product_key"]} | through)
        if dice.random() < 0.3:
            rows["usage_total"].append(used(dice, product, period) | {"currency": currency})
            rows["component"] += [terms(dice, offering, "usage", kind="usage")] * dice.flag()
    several = MOST_DISCOUNTS if key == "0" else dice.randint(0, MOST_DISCOUNTS)
    places = dice.sample(range(9), several)
    rows["discount"] = [discount(dice, key, n, dice.choice(rows["product"])) for n in places]
    promises = range(1 if key == "0" else dice.randint(0, 2))
    rows["commitment"] = [promise(dice, key, n, dice.choice(rows["product"])) for n in promises]
    rows["exemption"] = [exemption(dice, key) for _ in range(dice.choice([0, 0, 1, 2]))]
    rows["credit"] = [
        {"credit_key": f"{key}-{n}", "account_key": key, "position": n, "left_minor": left}
        for n in dice.sample(range(9), 1 if key == "0" else dice.randint(0, 3))
        for left in [dice.amount(20_000)]
    ]
    return rows, period


def rates(dice):
    """Each tax of each jurisdiction and category, in two versions."""
    for code, names in TAXES.items():
        for name in names:
            for category in ("standard", "reduced"):
                split = dice.day()
                key = {"tax_code": code, "tax_name": name, "tax_category": category}
                for since, until in ((date(2015, 1, 1), split), (split, None)):
                    rate = dice.choice([0, 70_000, dice.randint(0, 300_000)])
                    yield key | {"valid_from": since, "valid_to": until, "rate_ppm": rate}


def cycled(period, cycle):
    return {"period_from": period[0], "period_to": period[1], "bill_cycle_day": cycle}


def world(seed, month):
    """A carrier of accounts on all bill days, and each account's own rows and period."""
    dice = Dice(seed, month)
    own = {str(n): customer(dice.random(), str(n), month) for n in range(ACCOUNTS)}
    rows = {name: [] for name in ("commitment", "charged", "exemption", "credit", "usage_total")}
    rows |= {"tax_rate": list(rates(dice)), "discount": [], "component": []}
    rows |= {name: [] for name in ("account", "customer", "policy", "product", "price")}
    for mine, _ in own.values():
        for name in mine:
            rows[name] = rows[name] + mine[name]
    periods = {mine["account"][0]["bill_cycle_day"]: period for mine, period in own.values()}
    every = {"periods": [cycled(period, cycle) for cycle, period in periods.items()]}
    return stated(**rows) | every, {
        key: (mine | {"tax_rate": rows["tax_rate"]}, period) for key, (mine, period) in own.items()
    }


def of_account(rows, key, *columns):
    """The rows of one account, each cut to some columns, in order; no product is written empty."""
    return sorted(
        tuple("" if row[column] is None else row[column] for column in columns)
        for row in rows
        if row["account_key"] == key
    )


def engine_bill(key):
    """What the engine bills an account, in the words of the plain bill."""
    lines = of_account(
        result("bill_line"), key, "product_key", "category", "price_code", "charge_from",
        "charge_to", "sign", "net_minor", "tax_minor",
    )  # fmt: skip
    bills = [bill for bill in result("bill") if bill["account_key"] == key]
    keys = {bill["bill_key"] for bill in bills}
    taxes = {
        (tax["tax_name"], tax["rate_ppm"]): (tax["taxable_minor"], tax["tax_minor"])
        for tax in result("bill_tax")
        if tax["bill_key"] in keys
    }
    spent = {
        row["credit_key"]: (row["used_minor"], row["left_minor"])
        for row in result("credit_use")
        if row["bill_key"] in keys
    }
    totals = [tuple(b[f"{n}_minor"] for n in ("net", "tax", "total", "due")) for b in bills]
    return {"lines": lines, "taxes": taxes, "credits": spent, "totals": totals}


def plain_bill(rows, period):
    """The same by the plain bill."""
    (account,) = rows["account"]
    found = Biller(rows, period, minor_digits(account["currency"])).bill(account)
    lines = sorted((*line.key, line.net, line.tax) for line in found.lines)
    totals = [(found.net, found.tax, found.total, found.due)] if lines else []
    return {"lines": lines, "taxes": found.taxes, "credits": found.credits, "totals": totals}


@FEW
@given(seed=SEEDS, month=MONTHS)
def test_every_amount_equals_the_plain_bill(seed, month):
    rows, accounts = world(seed, month)
    load(rows)
    assert result("unresolved") == []
    for key, (mine, period) in accounts.items():
        assert engine_bill(key) == plain_bill(mine, period), (period, dict(mine))


# Rules that need no second calculation

JANUARY = 12 * 2023
EXACT = {"end_day_counts": True, "price_by": "start_time", "rounding_scope": "line"}
ADDITIVE = ("actual_actual", "thirty_360")  # the parts of an interval add up to all of it


def exact_world(seed, count):
    """Accounts, each with one product of one price, under a policy whose shares add up."""
    dice = Dice(seed, JANUARY + 6)
    day_count = dice.choice(ADDITIVE)
    rules = policy(dice, **EXACT, rounding_digits=0, day_count=day_count)
    rows = {"policy": [rules], "product": [], "price": []}
    rows |= {"component": [], "account": [], "charged": []}
    for number in range(count):
        key = str(number)
        account = {"account_key": key, "policy_code": "0", "bill_cycle_day": dice.randint(1, 31)}
        rows["account"].append(ACCOUNT | account)
        plain = {"quantity": dice.randint(1, 3), "end_date": None, "price_override_nanos": None}
        plain |= {"start_date": dice.choice(EDGES[:24]), "discount_ppm": None}
        rows["product"].append(held(dice, f"P{key}", key, key, **plain))
        price = {"offering_code": key, "amount_nanos": dice.randint(1, 10**12)}
        rows["price"].append(PRICE | {"valid_from": date(2015, 1, 1)} | price)
        always = {"kind": "recurring", "prorated": True, "tax_inclusive": False}
        always |= {"timing": dice.choice(["advance", "arrears"]), "tax_category": "standard"}
        rows["component"].append(terms(dice, key, key, **always))
    return dice, rows


def periods_of(rows, months):
    cycles = {account["bill_cycle_day"] for account in rows["account"]}
    return [
        cycled((in_month(month, cycle), in_month(month + 1, cycle)), cycle)
        for month in months
        for cycle in cycles
    ]


def cost(product, component, cycle, until, rows):
    """What all days of the product up to ``until`` cost, unrounded, in minor units."""
    (rules,) = rows["policy"]
    (price,) = [p for p in rows["price"] if p["offering_code"] == component["price_code"]]
    start, total = product["start_date"], Fraction(0)
    for interval in intervals(start, until, cycle, component):
        days = max(start, interval[0]), min(until, interval[1])
        if days[0] < days[1]:
            share, times = part_of(interval, days, component, rules)
            total += share * times
    return total * price["amount_nanos"] * product["quantity"] / 10**7


def charged_after(through, charges):
    """Up to where each price is charged after a bill; days given back were not charged."""
    for row in charges:
        if row["sign"] > 0:
            key = row["product_key"]
            through[key] = max(through[key], row["charge_to"])
    for row in charges:
        if row["sign"] < 0:
            key = row["product_key"]
            through[key] = min(through[key], row["charge_from"])


def end_some(dice, rows, month):
    """Ends that come to light late, at once, or ahead of time."""
    for product in rows["product"]:
        if product["end_date"] is None and dice.random() < 0.08:
            ends = in_month(month, 1) + timedelta(days=dice.choice([-40, -1, 0, 1, 20, 50]))
            product["end_date"] = max(ends, product["start_date"])


@settings(FEW, max_examples=2)
@given(seed=SEEDS)
def test_months_one_after_the_other_charge_what_the_joined_time_costs(seed):
    dice, rows = exact_world(seed, 40)
    through = {p["product_key"]: p["start_date"] for p in rows["product"]}
    charges = []
    for month in range(JANUARY - 1, JANUARY + 15):
        end_some(dice, rows, month)
        charged = [
            {"product_key": key, "price_code": key[1:], "charged_through": day}
            for key, day in through.items()
        ]
        load(stated(**rows | {"charged": charged}) | {"periods": periods_of(rows, [month])})
        charged_after(through, result("charge"))
        charges += result("charge")
    assert {row["sign"] for row in charges} == {1, -1}
    for product, component, account in zip(
        rows["product"], rows["component"], rows["account"], strict=True
    ):
        key, cycle = product["product_key"], account["bill_cycle_day"]
        mine = [row["gross_minor"] for row in charges if row["product_key"] == key]
        if (product["end_date"] or date(2100, 1, 1)) < in_month(JANUARY + 15, cycle):
            assert through[key] == product["end_date"], (product, component, cycle)
        exact = cost(product, component, cycle, through[key], rows)
        assert abs(sum(mine) - exact) <= len(mine), (product, component, cycle)


@settings(FEW, max_examples=5)
@given(seed=SEEDS)
def test_a_change_within_a_period_bills_what_no_change_bills(seed):
    """One product ends and one of the same price starts on that day, up to a unit for each part."""
    dice, rows = exact_world(seed, 30)
    for component in rows["component"]:
        # By the bill day, longer intervals count from the start, so that a change moves them.
        longer = {"alignment": "calendar", "months": dice.choice([1, 3, 12])}
        component.update(dice.choice([longer, {"alignment": "cycle", "months": 1}]))
    unchanged, changed = rows["product"], []
    for product in unchanged:
        on = product["start_date"] + timedelta(days=dice.randint(0, 200))
        changed.append(product | {"end_date": on})
        changed.append(product | {"product_key": product["product_key"] + "+", "start_date": on})
    found = []
    for products in (unchanged, changed):
        periods = {"periods": periods_of(rows, range(JANUARY - 1, JANUARY + 15))}
        load(stated(**rows | {"product": products}) | periods)
        found.append(result("bill_line"))
    for account in rows["account"]:
        before, after = (
            [row["net_minor"] for row in lines if row["account_key"] == account["account_key"]]
            for lines in found
        )
        assert abs(sum(before) - sum(after)) <= len(before) + len(after), account


@settings(FEW, max_examples=3)
@given(seed=SEEDS, month=MONTHS)
def test_what_starts_and_ends_on_one_day_bills_nothing(seed, month):
    rows, _ = world(seed, month)
    products = [p | {"end_date": p["start_date"]} for p in rows["product"]]
    load(rows | {"product": products, "charged": [], "usage_total": [], "commitment": []})
    assert result("bill_line") == []


@settings(FEW, max_examples=10)
@given(
    groups=st.lists(
        st.tuples(
            st.lists(st.integers(0, 10**6) | st.integers(0, 10**9), min_size=1, max_size=9),
            st.integers(0, 1_000_000),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_shares_add_up_exactly_and_none_is_a_unit_off(groups):
    rows = [
        {
            "bill": n,
            "line": k,
            "weight": w,
            "whole": sum(weights),
            "off": sum(weights) * ppm // 10**6,
        }
        for n, (weights, ppm) in enumerate(groups)
        for k, w in enumerate(weights)
    ]
    table = ibis.memtable(pa.Table.from_pylist(rows))
    terms = {"amount": "off", "weight": "weight", "whole": "whole"}
    found = rows_of(largest_remainder(table, **terms, group=["bill"], order=["line"]))
    sums = defaultdict(int)
    for row in found:
        sums[row["bill"]] += row["share"]
        exact = Fraction(row["off"] * row["weight"], max(row["whole"], 1))
        assert abs(row["share"] - exact) < 1, row
        assert row["share"] <= row["weight"], row
    assert sums == {row["bill"]: row["off"] for row in rows}
