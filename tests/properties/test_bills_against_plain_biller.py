"""Any carrier, any policy: every amount equals the plain biller's to the minor unit."""

from datetime import date, timedelta

from calculation import load, result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.plain_biller import bill_account
from oracle.tables import ACCOUNT, PRODUCT, stated

from crossbill.core.money import minor_digits
from crossbill.core.period import DayCount, month_period
from crossbill.core.policy import PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode

EARLIEST = date(2023, 12, 1)
CURRENCIES = ("USD", "JPY", "KWD", "CLF")
OFFERINGS = ("FIBRE", "LINE", "TV")
TAX_CODES = ("NY01", "CA01", "EX00")
ACCOUNTS, PRODUCTS = 5, 30
MODES = st.sampled_from([str(mode) for mode in RoundingMode])
# Days cluster around month ends and leap days, where counting goes wrong.
EDGE_DAYS = [date(2024, m, d) for m in range(1, 5) for d in (1, 2, 15, 28, 29)] + [
    date(2024, 1, 30),
    date(2024, 1, 31),
    date(2024, 3, 30),
    date(2024, 3, 31),
    date(2023, 12, 31),
]
DAYS = st.sampled_from(EDGE_DAYS) | st.integers(0, 180).map(lambda n: EARLIEST + timedelta(days=n))
CENTS = st.integers(0, 10**5).map(lambda cents: cents * 10**7)
PRICES = CENTS | st.integers(0, 10**6) | st.integers(0, 10**13)
PPM = st.integers(0, 1_000_000) | st.sampled_from([100_000, 250_000, 333_333])


def mostly(usual, *rare):
    """A strategy that is the usual one nine times of ten."""
    return st.integers(0, 9).flatmap(lambda n: usual if n else st.sampled_from(rare))


policies = st.fixed_dictionaries(
    {
        "day_count": st.sampled_from([str(d) for d in DayCount]),
        "end_day_counts": st.booleans(),
        "rounding_mode": MODES,
        "rounding_scope": st.just("line"),
        "rounding_digits": st.just(0),
        "discount_base": st.just("rounded"),
        "price_by": st.sampled_from([str(p) for p in PriceBy]),
        "tax_scope": st.sampled_from([TaxScope.LINE.value, TaxScope.BILL.value]),
        "tax_rounding_mode": MODES,
    }
)
accounts = st.fixed_dictionaries(
    {
        "currency": st.sampled_from(CURRENCIES),
        "tax_code": mostly(st.sampled_from(TAX_CODES), "XX99"),
        "policy_code": mostly(st.sampled_from("012"), "9"),
    }
)
products = st.fixed_dictionaries(
    {
        "account_key": st.sampled_from([str(n) for n in range(ACCOUNTS)]),
        "offering": mostly(st.sampled_from(OFFERINGS), "GONE"),
        "quantity": st.integers(0, 40),
        "start_date": st.just(EARLIEST) | DAYS,
        "end_date": st.none() | DAYS,
        "price_override_nanos": st.none() | PRICES,
        "discount_ppm": st.none() | PPM,
        "discount_end_date": st.none() | DAYS,
    }
)
periods = st.builds(
    month_period, st.just(2024), st.integers(1, 3), st.sampled_from([1, 15, 28, 29, 30, 31])
).map(lambda period: (period.from_date, period.to_date))


@st.composite
def successive(draw, amounts, name):
    """Two versions, one after the other; now and then with a gap or an overlap between them."""
    split = draw(DAYS)
    until = draw(mostly(st.just(split), split - timedelta(days=9), split + timedelta(days=9)))
    first = {"valid_from": date(2019, 1, 1), "valid_to": until, name: draw(amounts)}
    return [first, {"valid_from": split, "valid_to": None, name: draw(amounts)}]


@st.composite
def worlds(draw):
    """A carrier with five accounts, of which a few lack a policy, a price or a tax rate."""
    keyed = _keyed(draw(st.lists(accounts, min_size=ACCOUNTS, max_size=ACCOUNTS)), "account_key")
    held = _keyed(draw(st.lists(products, min_size=PRODUCTS, max_size=PRODUCTS)), "product_key")
    currency = {account["account_key"]: account["currency"] for account in keyed}
    offered = [(offering, c) for offering in OFFERINGS for c in currency.values()]
    return {
        "policy": _keyed(draw(st.lists(policies, min_size=3, max_size=3)), "policy_code"),
        "price": [
            {
                "offering_code": f"{offering}-{sold_in}",
                "price_version": "v",
                "currency": draw(mostly(st.just(sold_in), "EUR")),
                **version,
            }
            for offering, sold_in in sorted(set(offered))
            for version in draw(successive(PRICES, "amount_nanos"))
        ],
        "tax_rate": [
            {"tax_code": tax_code, **version}
            for tax_code in TAX_CODES
            for version in draw(successive(st.integers(0, 300_000), "rate_ppm"))
        ],
        "account": [ACCOUNT | account for account in keyed],
        "product": [_sold(product, currency) for product in held],
    }


def _sold(product, currency):
    """The product as the offering in its account's currency."""
    rest = {name: value for name, value in product.items() if name != "offering"}
    code = f"{product['offering']}-{currency[product['account_key']]}"
    return PRODUCT | rest | {"offering_code": code}


def _keyed(rows, key):
    return [row | {key: str(position)} for position, row in enumerate(rows)]


def _plain(world, period):
    """The same carrier by the plain biller, account by account."""
    policy = {p["policy_code"]: p for p in world["policy"]}
    for account in world["account"]:
        held = [p for p in world["product"] if p["account_key"] == account["account_key"]]
        bill = bill_account(
            account,
            held,
            world["price"],
            world["tax_rate"],
            policy=policy.get(account["policy_code"]),
            period=period,
            digits=minor_digits(account["currency"]),
        )
        yield account["account_key"], bill


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(), period=periods)
def test_every_amount_equals_the_plain_biller(world, period):
    load(stated((period,), **world))
    plain = dict(_plain(world, period))
    lines = {
        (r["account_key"], r["product_key"], r["category"]): (r["net_minor"], r["tax_minor"])
        for r in result("bill_line")
    }
    assert lines == {
        (account, *key): amounts for account, b in plain.items() for key, amounts in b.lines.items()
    }
    bills = {
        r["account_key"]: (r["net_minor"], r["tax_minor"], r["total_minor"]) for r in result("bill")
    }
    assert bills == {a: (b.net, b.tax, b.net + b.tax) for a, b in plain.items() if b.lines}
    suspended = {r["product_key"] for r in result("unresolved")}
    assert suspended == {key for b in plain.values() for key in b.suspended}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(), chosen=st.lists(periods, min_size=1, max_size=3, unique=True))
def test_every_product_and_period_ends_in_one_place(world, chosen):
    load(stated(tuple(chosen), **world))
    (row,) = result("proof")
    assert row["rows_in"] == len(world["product"]) * len(chosen)
    assert row["balanced"], row
