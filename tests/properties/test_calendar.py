"""Four years, day by day: what starts on any day, by any bill day, costs what plain days say."""

from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from oracle.tables import ACCOUNT, ENGINE, OLD_POLICY, PRICE, PRODUCT, TAX_RATE, table

from crossbill.core.period import DayCount
from crossbill.platform.billing.bills import bill_population

FIRST, LAST = date(2021, 1, 1), date(2024, 12, 31)  # with a leap day
ANCHORS = range(1, 32)
PRICE_MINOR = 1_000_003  # a price that no number of days divides
NANOS_PER_MINOR = 10**7
# Day 0 is the first of January 2021. Two months more on both sides.
LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
DAYS = (LAST - FIRST).days + 1


def month_lengths():
    """The length of each month from November 2020 on."""
    years = [[*LENGTHS] for _ in range(5)]
    years[3][1] = 29
    return [30, 31] + [length for year in years for length in year]


def cycle_starts(anchor):
    """The day on which each period of the bill day begins, counted from the first of January."""
    starts, first = [], -61
    for length in month_lengths():
        starts.append(first + min(anchor, length) - 1)
        first += length
    return starts


def thirty_days():
    """For each day its number where every month has 30 days."""
    numbers = {}
    day = -61
    for month, length in enumerate(month_lengths()):
        for of_month in range(1, length + 1):
            numbers[day] = 30 * month + min(of_month, 30)
            day += 1
    return numbers


def length_of_stay(start):
    """How many days a product that starts on this day is held: from 1 to 45, all of them."""
    return start * 7 % 45 + 1


def plain_charge(start, end, period, day_count, numbers):
    """Half up, of the days from start to end within the period, all counted from January 2021."""
    first, last = max(start, period[0]), min(end, period[1])
    if (first, last) == period:
        return PRICE_MINOR
    parts, of_parts = last - first, period[1] - period[0]
    if day_count == "thirty_360":
        parts, of_parts = numbers[last] - numbers[first], numbers[period[1]] - numbers[period[0]]
    if day_count == "actual_365":
        parts, of_parts = parts * 12, 365
    if parts == 0:
        return None
    return (2 * PRICE_MINOR * parts + of_parts) // (2 * of_parts)


def plain_charges(day_count):
    """(bill day, start, period's first day): minor units."""
    numbers = thirty_days()
    found = {}
    for anchor in ANCHORS:
        starts = cycle_starts(anchor)
        here = 0
        for start in range(DAYS):
            while starts[here + 1] <= start:
                here += 1
            end, place = start + length_of_stay(start), here
            while starts[place] < end:
                period = starts[place], starts[place + 1]
                amount = plain_charge(start, end, period, day_count, numbers)
                if amount is not None:
                    found[anchor, start, period[0]] = amount
                place += 1
    return found


def on(day):
    return FIRST + timedelta(days=day)


def periods(anchor):
    starts = [on(day) for day in cycle_starts(anchor)]
    for first, end in pairwise(starts):
        yield {"period_from": first, "period_to": end, "bill_cycle_day": anchor}


def carrier(day_count):
    """An account for each bill day, with a product for each day of four years."""
    products = [
        PRODUCT
        | {
            "product_key": f"{anchor} {start}",
            "account_key": str(anchor),
            "start_date": on(start),
            "end_date": on(start + length_of_stay(start)),
        }
        for anchor in ANCHORS
        for start in range(DAYS)
    ]
    policy = OLD_POLICY | {"day_count": day_count, "rounding_mode": "half_up"}
    price = PRICE | {"amount_nanos": PRICE_MINOR * NANOS_PER_MINOR}
    accounts = [ACCOUNT | {"account_key": str(n), "bill_cycle_day": n} for n in ANCHORS]
    rows = {"product": products, "policy": [policy], "price": [price], "tax_rate": [TAX_RATE]}
    rows |= {"account": accounts, "periods": [row for n in ANCHORS for row in periods(n)]}
    return {name: table(name, listed) for name, listed in (rows | {"customer": []}).items()}


def engine_charges(day_count):
    """The same by the engine: one run over all of them."""
    lines = bill_population(ENGINE, carrier(day_count))["bill_line"]
    found = ENGINE.to_pyarrow(lines.select("product_key", "period_from", "net_minor"))
    days = found["period_from"].cast(pa.int32()).to_pylist()
    zero = (FIRST - date(1970, 1, 1)).days
    keys = (key.split() for key in found["product_key"].to_pylist())
    amounts = found["net_minor"].to_pylist()
    charges = {
        (int(anchor), int(start), day - zero): amount
        for (anchor, start), day, amount in zip(keys, days, amounts, strict=True)
    }
    assert len(charges) == len(amounts)
    return charges


@pytest.mark.parametrize("day_count", [str(day_count) for day_count in DayCount])
def test_every_day_of_four_years_by_every_bill_day(day_count):
    plain, billed = plain_charges(day_count), engine_charges(day_count)
    assert len(plain) > DAYS * len(ANCHORS)
    differing = [key for key in plain.keys() | billed.keys() if plain.get(key) != billed.get(key)]
    assert differing == []
