"""A biller as plain as can be: one account at a time, exact fractions, days walked one by one."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import floor

ONE_DAY = timedelta(days=1)
FOREVER = date(9999, 12, 31)


@dataclass
class PlainBill:
    """What one account owes for one period, and the products that could not be charged."""

    lines: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    net: int = 0
    tax: int = 0


def rounded(value: Fraction, mode: str) -> int:
    """The value as a whole number."""
    size = abs(value)
    whole = floor(size)
    rest = size - whole
    half = Fraction(1, 2)
    grows = {
        "down": False,
        "up": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
    }[mode]
    return (whole + grows) * (1 if value >= 0 else -1)


def day_weight(day: date, day_count: str) -> int:
    """How many days this calendar day counts as."""
    if day_count != "thirty_360":
        return 1
    tomorrow = day + ONE_DAY
    if tomorrow.month != day.month:
        return 31 - min(day.day, 30)  # the month's last day fills the month up to 30
    return 0 if day.day == 30 else 1  # the 30th of a month with 31 days: both are the 30th


def counted(first: date, end: date, day_count: str) -> int:
    """The weight of all days from the first up to the end."""
    total = 0
    while first < end:
        total += day_weight(first, day_count)
        first += ONE_DAY
    return total


def share(start: date, end: date, period: tuple[date, date], policy: dict) -> Fraction:
    """Which part of the monthly price is due."""
    if start == period[0] and end == period[1]:
        return Fraction(1)
    if end < period[1] and not policy["end_day_counts"]:
        end -= ONE_DAY
    days = counted(start, end, policy["day_count"])
    if policy["day_count"] == "actual_365":
        return Fraction(days * 12, 365)
    return Fraction(days, counted(*period, policy["day_count"]))


def valid_on(day: date, versions: list[dict]) -> list[dict]:
    """The versions in force on the day."""
    return [v for v in versions if v["valid_from"] <= day < (v["valid_to"] or FOREVER)]


def price_of(product: dict, account: dict, prices: list[dict], day: date) -> int | None:
    """The monthly price per unit in nanos, or None where there is not exactly one."""
    if product["price_override_nanos"] is not None:
        return product["price_override_nanos"]
    ours = [p for p in prices if p["offering_code"] == product["offering_code"]]
    found = valid_on(day, ours)
    if len(found) != 1 or found[0]["currency"] != account["currency"]:
        return None
    return found[0]["amount_nanos"]


def bill_account(
    account: dict,
    products: list[dict],
    prices: list[dict],
    tax_rates: list[dict],
    *,
    policy: dict | None,
    period: tuple[date, date],
    digits: int,
) -> PlainBill:
    """The account's bill; ``lines`` is (product, category) -> (net, tax)."""
    bill = PlainBill()
    rates = valid_on(period[0], [r for r in tax_rates if r["tax_code"] == account["tax_code"]])
    untaxed = 0
    for product in products:
        start = max(product["start_date"], period[0])
        end = min(product["end_date"] or FOREVER, period[1])
        if start >= end:
            continue
        if policy is None or len(rates) != 1:
            bill.suspended.add(product["product_key"])
            continue
        by_start = policy["price_by"] == "start_time"
        price = price_of(product, account, prices, product["start_date"] if by_start else period[0])
        if price is None:
            bill.suspended.add(product["product_key"])
            continue
        due = share(start, end, period, policy)
        if due == 0:
            continue
        amounts = {"recurring": _gross(price * product["quantity"] * due, digits, policy)}
        amounts["discount"] = _discount(amounts["recurring"], product, period, policy)
        for category, net in amounts.items():
            if category == "discount" and net == 0:
                continue
            rate = Fraction(rates[0]["rate_ppm"], 1_000_000)
            tax = rounded(net * rate, policy["tax_rounding_mode"])
            if policy["tax_scope"] == "bill":
                untaxed, tax = untaxed + net, 0
            bill.lines[product["product_key"], category] = (net, tax)
            bill.net, bill.tax = bill.net + net, bill.tax + tax
    if untaxed:
        rate = Fraction(rates[0]["rate_ppm"], 1_000_000)
        bill.tax += rounded(untaxed * rate, policy["tax_rounding_mode"])
    return bill


def _gross(nanos: Fraction, digits: int, policy: dict) -> int:
    return rounded(nanos / 10 ** (9 - digits), policy["rounding_mode"])


def _discount(gross: int, product: dict, period: tuple[date, date], policy: dict) -> int:
    ends = product["discount_end_date"]
    if not product["discount_ppm"] or (ends is not None and ends <= period[0]):
        return 0
    return -rounded(Fraction(gross * product["discount_ppm"], 1_000_000), policy["rounding_mode"])
