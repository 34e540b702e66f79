"""Any carrier, any policy: every amount equals the plain biller's to the minor unit."""

from datetime import date, timedelta

from calculation import load, result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.plain_biller import bill_account
from oracle.tables import ACCOUNT, stated

from crossbill.core.money import minor_digits
from crossbill.core.period import DayCount, month_period
from crossbill.core.policy import PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode

EARLIEST = date(2023, 12, 1)
MODES = st.sampled_from([str(m) for m in RoundingMode])
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD", "CLF"])
OFFERINGS = st.sampled_from(["FIBRE", "LINE", "TV"])
TAX_CODES = st.sampled_from(["NY01", "CA01", "EX00"])
# Days cluster around month ends and leap days, where counting goes wrong.
EDGE_DAYS = [date(2024, m, d) for m in range(1, 5) for d in (1, 2, 15, 28, 29)] + [
    date(2024, 1, 30),
    date(2024, 1, 31),
    date(2024, 3, 30),
    date(2024, 3, 31),
    date(2023, 12, 31),
]
DAYS = st.sampled_from(EDGE_DAYS) | st.integers(0, 180).map(lambda n: EARLIEST + timedelta(days=n))
PRICES = (
    st.integers(0, 10**6)
    | st.integers(0, 10**13)
    | st.integers(0, 10**5).map(lambda cents: cents * 10**7)
)
PPM = st.integers(0, 1_000_000) | st.sampled_from([100_000, 250_000, 333_333])

policies = st.fixed_dictionaries(
    {
        "day_count": st.sampled_from([str(d) for d in DayCount]),
        "end_day_counts": st.booleans(),
        "rounding_mode": MODES,
        "price_by": st.sampled_from([str(p) for p in PriceBy]),
        "tax_scope": st.sampled_from([str(s) for s in TaxScope]),
        "tax_rounding_mode": MODES,
    }
)
versions = st.fixed_dictionaries(
    {
        "offering_code": OFFERINGS,
        "valid_from": DAYS,
        "valid_to": st.none() | DAYS,
        "currency": st.just("USD") | CURRENCIES,
        "amount_nanos": PRICES,
    }
)
rates = st.fixed_dictionaries(
    {
        "tax_code": TAX_CODES,
        "valid_from": st.just(EARLIEST) | DAYS,
        "valid_to": st.none() | DAYS,
        "rate_ppm": st.integers(0, 300_000),
    }
)
accounts = st.fixed_dictionaries(
    {"currency": st.just("USD") | CURRENCIES, "tax_code": TAX_CODES, "policy": st.integers(0, 3)}
)
products = st.fixed_dictionaries(
    {
        "account": st.integers(0, 4),
        "offering_code": OFFERINGS,
        "quantity": st.integers(0, 40),
        "start_date": DAYS,
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
def worlds(draw):
    """A carrier with up to five accounts, of which some lack a policy, a price or a tax rate."""
    drawn = draw(st.lists(accounts, min_size=5, max_size=5))
    return {
        "policy": _keyed(draw(st.lists(policies, min_size=3, max_size=3)), "policy_code"),
        "price": [v | {"price_version": "v"} for v in draw(st.lists(versions, max_size=6))],
        "tax_rate": draw(st.lists(rates, max_size=4)),
        "account": [
            ACCOUNT | a | {"policy_code": str(a["policy"])} for a in _keyed(drawn, "account_key")
        ],
        "product": [
            p | {"account_key": str(p["account"])}
            for p in _keyed(draw(st.lists(products, min_size=1, max_size=40)), "product_key")
        ],
    }


def _keyed(rows, key):
    return [row | {key: str(position)} for position, row in enumerate(rows)]


def _load(world, chosen):
    """The world as engine tables, without the helper columns of its making."""
    rows = {
        name: [{k: v for k, v in row.items() if k not in ("policy", "account")} for row in made]
        for name, made in world.items()
    }
    load(stated(tuple(chosen), **rows))


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
    _load(world, [period])
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
    _load(world, chosen)
    (row,) = result("proof")
    assert row["rows_in"] == len(world["product"]) * len(chosen)
    assert row["balanced"], row
