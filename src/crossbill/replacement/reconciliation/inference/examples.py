"""Examples that tell policies apart which the data does not: small bills, tried by the engine.

All examples are billed under all policies at once; the first that costs something else is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pyarrow as pa

from crossbill.core.money import format_minor, format_nanos, minor_digits, nanos_per_minor
from crossbill.core.period import Period, month_period
from crossbill.core.policy import FURTHER_DIGITS, Policy
from crossbill.engine.billing_datasets import BILLED_ACCOUNT, CYCLE_PERIODS, LISTED_PRICE, TAX
from crossbill.engine.datasets import POLICY, PRODUCT
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow, sum_int64
from crossbill.platform.billing.bills import bill_population

LONG_AGO = date(1990, 1, 1)
USUAL_PRICES = (4990, 1005, 1001)  # in minor units; halves of the last two end between two of them
TAKEN_OFF = (500_000, 333_333, 750_000)  # discounts, millionths
SEVERAL = 7  # units
MOST_PRICE = 400  # of the examples of tax: every price up to it is tried
LISTED = "EXAMPLE"
ACCOUNT = {
    "customer_key": "", "status": "active", "tax_code": "", "disputed": False,
}  # fmt: skip
RATE = {
    "tax_code": "", "tax_category": "standard", "tax_name": "tax", "valid_from": LONG_AGO,
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A bill of one or two equal products for one period, in words and as facts."""

    words: str
    period: Period
    price_minor: int
    products: int = 1
    start: date = LONG_AGO
    end: date | None = None
    discount_ppm: int = 0
    quantity: int = 1
    fine_nanos: int = 0  # of the price, beside its minor units
    new_price_minor: int | None = None  # that holds from the start of the period


@dataclass(frozen=True)
class Money:
    """The currency of the examples, and the rate of the tax on them."""

    currency: str
    rate_ppm: int

    @property
    def scale(self) -> int:
        """Nanos of a minor unit."""
        return nanos_per_minor(minor_digits(self.currency))

    def text(self, minor: int) -> str:
        """An amount as decimal text."""
        return format_minor(minor, minor_digits(self.currency))


@dataclass(frozen=True)
class Told:
    """An example, and its net and total under two policies."""

    example: Example
    money: Money
    chosen: tuple[int, int]
    other: tuple[int, int]

    def sentence(self, chosen: str, other: str) -> str:
        """What it costs, or how it is taxed, under the one and the other rules."""
        month = f"{self.example.period.from_date:%Y-%m}"
        costs, does = [self.chosen[0], self.other[0]], f"costs {{}} in {month}"
        if costs[0] == costs[1]:
            costs = [total - net for net, total in (self.chosen, self.other)]
            does = f"bears {{}} of tax at {_percent(self.money.rate_ppm)}"
        one, two = (self.money.text(cost) for cost in costs)
        return f"{self.example.words} {does.format(one)} under {chosen} and {two} under {other}"


def telling_examples(
    chosen: Policy, others: Sequence[Policy], *, first: date, money: Money
) -> list[Told | None]:
    """For each of the other policies the first example that tells it from the chosen one.

    Periods are the calendar months from ``first`` on, and a February.
    """
    tried = list(_examples(first, money))
    costs = _costs(tried, [chosen, *others], money)
    found = []
    for number in range(1, len(others) + 1):
        differing = (n for n in range(len(tried)) if costs[n, number] != costs[n, 0])
        n = next(differing, None)
        found.append(None if n is None else Told(tried[n], money, costs[n, 0], costs[n, number]))
    return found


def _examples(first: date, money: Money) -> Iterator[Example]:
    """What is tried, from the plainest to the rarest."""
    months = _months(first)
    for price in USUAL_PRICES:
        for month in months:
            yield from _parts(month, price, money)
    for price in USUAL_PRICES:
        for share in TAKEN_OFF:
            yield Example(
                f"A product of {money.text(price)} a month, {_percent(share)} taken off,",
                months[0], price, discount_ppm=share,
            )  # fmt: skip
    old, new = USUAL_PRICES[:2]
    yield Example(
        f"A product that began before its price went from {money.text(old)} "
        f"to {money.text(new)}",
        months[0], old, new_price_minor=new, start=months[0].from_date - timedelta(days=40),
    )  # fmt: skip
    yield from _finer_parts(months[0], money)
    yield from _finer_prices(months[0], money)
    for products, named in ((1, "A bill of a product"), (2, "A bill of two products")):
        for price in range(1, MOST_PRICE):
            each = " each" if products > 1 else ""
            words = f"{named} of {money.text(price)}{each} a month"
            yield Example(words, months[0], price, products)


def _months(first: date) -> list[Period]:
    """The first month, the one after it, and a February."""
    found = [month_period(first.year, first.month)]
    after = found[0].to_date
    found.append(month_period(after.year, after.month))
    return list(dict.fromkeys([*found, month_period(first.year, 2)]))


def _parts(month: Period, price: int, money: Money) -> Iterator[Example]:
    """A product that starts, or ends, on each of the month's days."""
    named = f"A product of {money.text(price)} a month"
    middle = month.days // 2
    days = sorted(range(1, month.days), key=lambda day: (abs(day - middle), day))
    for day in days:
        on = month.from_date + timedelta(days=day)
        yield Example(f"{named} that starts on {on}", month, price, start=on)
        yield Example(f"{named} whose first day no longer charged is {on}", month, price, end=on)


def _finer_parts(month: Period, money: Money) -> Iterator[Example]:
    """Parts of several units, and parts of which something is taken off."""
    for price in USUAL_PRICES:
        for start in (month.from_date + timedelta(days=day) for day in range(1, month.days)):
            named = f"of {money.text(price)} a month that starts on {start}"
            several = f"A product of {SEVERAL} units {named}"
            yield Example(several, month, price, start=start, quantity=SEVERAL)
            for share in TAKEN_OFF:
                less = f"A product {named}, {_percent(share)} taken off,"
                yield Example(less, month, price, start=start, discount_ppm=share)


def _finer_prices(month: Period, money: Money) -> Iterator[Example]:
    """Prices that end below a half, which a few digits more would make one."""
    for digits in FURTHER_DIGITS[1:]:
        fine = money.scale // 2 - money.scale // 2 // 10**digits
        price = format_nanos(money.scale + fine)
        yield Example(f"A product of {price} a month", month, 1, fine_nanos=fine)


def _percent(ppm: int) -> str:
    return f"{format_minor(ppm, 4).rstrip('0').rstrip('.')} %"


def _costs(
    tried: Sequence[Example], policies: Sequence[Policy], money: Money
) -> dict[tuple[int, int], tuple[int, int]]:
    """Net and total of each example under each policy, by their numbers."""
    tables = _tables(tried, policies, money)
    with connect() as backend, refusing_overflow():
        held = {name: ibis.memtable(rows) for name, rows in tables.items()}
        bills = bill_population(backend, held)["bill"]
        sums = bills.group_by("account_key").aggregate(
            net_minor=sum_int64(bills.net_minor), total_minor=sum_int64(bills.total_minor)
        )
        rows = backend.to_pyarrow(sums).to_pylist()
    found = dict.fromkeys(((n, p) for n in range(len(tried)) for p in range(len(policies))), (0, 0))
    for row in rows:
        example, policy = (int(part) for part in row["account_key"].split("|"))
        found[example, policy] = (row["net_minor"], row["total_minor"])
    return found


def _tables(
    tried: Sequence[Example], policies: Sequence[Policy], money: Money
) -> Mapping[str, pa.Table]:
    """Each example as an account of its own under each policy; each month is a bill cycle."""
    months = list(dict.fromkeys(example.period for example in tried))
    pairs = [(n, p) for n in range(len(tried)) for p in range(len(policies))]
    return {
        "account": pa.Table.from_pylist(
            [
                ACCOUNT
                | {
                    "account_key": _key(n, p), "currency": money.currency, "policy_code": str(p),
                    "bill_cycle_day": months.index(tried[n].period) + 1,
                }
                for n, p in pairs
            ],
            BILLED_ACCOUNT.arrow,
        ),
        "product": pa.Table.from_pylist(
            [row for n, p in pairs for row in _products(tried[n], _key(n, p), money.scale)],
            PRODUCT.arrow,
        ),
        "price": pa.Table.from_pylist(
            [row for example in tried for row in _versions(example, money)],
            LISTED_PRICE.arrow,
        ),
        "tax_rate": pa.Table.from_pylist([RATE | {"rate_ppm": money.rate_ppm}], TAX.arrow),
        "policy": pa.Table.from_pylist(
            [policy.as_row() | {"policy_code": str(p)} for p, policy in enumerate(policies)],
            POLICY.arrow,
        ),
        "periods": pa.Table.from_pylist(
            [
                {"period_from": month.from_date, "period_to": month.to_date,
                 "bill_cycle_day": number, "anchor_day": 1}
                for number, month in enumerate(months, 1)
            ],
            CYCLE_PERIODS.arrow,
        ),
    }  # fmt: skip


def _key(example: int, policy: int) -> str:
    return f"{example}|{policy}"


def _products(example: Example, key: str, scale: int) -> Iterator[dict[str, Any]]:
    listed = example.new_price_minor is not None
    own = example.price_minor * scale + example.fine_nanos
    for number in range(example.products):
        yield {
            "product_key": f"{key}|{number}", "account_key": key, "offering_code": LISTED,
            "quantity": example.quantity, "start_date": example.start, "end_date": example.end,
            "price_override_nanos": None if listed else own,
            "discount_ppm": example.discount_ppm,
        }  # fmt: skip


def _versions(example: Example, money: Money) -> Iterator[dict[str, Any]]:
    """The two versions of a price that changes when the period begins."""
    if example.new_price_minor is None:
        return
    change = example.period.from_date
    for minor, since, until in (
        (example.price_minor, LONG_AGO, change), (example.new_price_minor, change, None),
    ):  # fmt: skip
        yield {
            "offering_code": LISTED, "price_version": str(since), "valid_from": since,
            "valid_to": until, "currency": money.currency, "amount_nanos": minor * money.scale,
        }  # fmt: skip
