"""Exact money, local time and the price of a quantity, for the plain rater."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

NANOS = 10**9
ALWAYS, NEVER = date(1, 1, 1), date(9999, 12, 31)


# Money


def whole(value: Fraction, mode: str) -> int:
    """The value as a whole number."""
    size = abs(value)
    kept = floor(size)
    rest = size - kept
    half = Fraction(1, 2)
    grows = {
        "down": False,
        "up": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and kept % 2 == 1),
    }[mode]
    return (kept + grows) * (1 if value >= 0 else -1)


def rounded(nanos: Fraction, digits: int, mode: str) -> int:
    """Nanos to so many digits after the point of the major unit."""
    grain = 10 ** (9 - digits)
    return whole(nanos / grain, mode) * grain


def nanos(text: str) -> Fraction:
    """An amount of the catalogue in nanos."""
    return Fraction(str(text)) * NANOS


# Time


def day(value: date | str) -> date:
    """A date of the catalogue, which YAML may have read already."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def instant(local_day: date, zone: str) -> datetime:
    """The midnight with which a day begins somewhere, in UTC."""
    midnight = datetime(local_day.year, local_day.month, local_day.day, tzinfo=ZoneInfo(zone))
    return midnight.astimezone(UTC).replace(tzinfo=None)


def local(at: datetime, zone: str) -> datetime:
    """What the clock shows somewhere at an instant of UTC."""
    return at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))


def month(local_day: date) -> tuple[date, date]:
    """The first day of its month, and of the next."""
    first = local_day.replace(day=1)
    return first, first + timedelta(days=monthrange(first.year, first.month)[1])


def minutes(clock: str) -> int:
    """Minutes since midnight; 24:00 is a full day of them."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def begins(version: dict) -> date:
    """The first day of a version."""
    return day(version.get("valid_from") or ALWAYS)


def zones_of(rate: dict) -> list[str | None]:
    """The zones that a rate prices; none stands for any."""
    return rate.get("zones") or [rate.get("zone")]


def rule_holds(rule: dict, clock: datetime, holidays: set[date]) -> bool:
    """Whether a rule of a calendar is active when a clock shows this."""
    now = clock.hour * 60 + clock.minute
    holiday = clock.date() in holidays
    return (
        minutes(rule["from"]) <= now < minutes(rule.get("to", "24:00"))
        and clock.isoweekday() in rule.get("weekdays", range(1, 8))
        and clock.month in rule.get("months", range(1, 13))
        and clock.day in rule.get("monthdays", range(1, 32))
        and {"any": True, "holidays": holiday, "workdays": not holiday}[rule.get("on", "any")]
    )


# What a quantity costs


def billed_parts(step: dict, until: int | None, first: int, end: int) -> tuple[int, int]:
    """How many minimums (0 or 1) and how many increments a stretch takes of one step."""
    begins, minimum = step["from"], step.get("minimum", 0)
    first = max(first, begins)
    end = end if until is None else min(end, until)
    if first >= end:
        return 0, 0
    lowest = begins + minimum
    some_of_minimum = first < min(end, lowest)
    rest = max(end - max(first, lowest), 0)
    return int(some_of_minimum), ceil(Fraction(rest, step.get("increment", 1)))


def steps_of(rate: dict) -> list[tuple[dict, int | None]]:
    """The steps of a rate, each with the quantity at which the next begins."""
    steps = rate.get("steps") or [{**rate, "from": 0}]
    if rate.get("price") == "carried":
        steps = [{"from": 0, "price": "0"}]
    steps = sorted(({"from": 0, **step} for step in steps), key=lambda step: step["from"])
    ends = [step["from"] for step in steps[1:]]
    return list(zip(steps, [*ends, None], strict=True))


def cost(rate: dict, first: int, end: int, policy: dict) -> tuple[int, Fraction]:
    """What is billed of one stretch of one band, and its price in nanos."""
    quantity, amount = 0, Fraction(0)
    for step, until in steps_of(rate):
        minimum, increment = step.get("minimum", 0), step.get("increment", 1)
        each = nanos(step["price"]) / step.get("per", 1)
        counts = billed_parts(step, until, first, end)
        for count, size in zip(counts, (minimum, increment), strict=True):
            price = each * size
            if policy["rounding_scope"] == "increment":
                price = Fraction(rounded(price, policy["rounding_digits"], policy["rounding_mode"]))
            quantity += count * size
            amount += count * price
    return quantity, amount


def at_most(rate: dict, quantity: int, policy: dict) -> Fraction:
    """What a quantity might cost if its dearest step priced all of it, in nanos."""
    return max(
        (quantity + step.get("minimum", 0) + step.get("increment", 1)) * dearest(step, policy)
        for step, _ in steps_of(rate)
    )


def dearest(step: dict, policy: dict) -> Fraction:
    """The price of one, or its share of an increment's price that is rounded by itself."""
    exact = nanos(step["price"]) / step.get("per", 1)
    if policy["rounding_scope"] != "increment":
        return exact
    increment = step.get("increment", 1)
    digits, mode = policy["rounding_digits"], policy["rounding_mode"]
    return max(exact, Fraction(rounded(exact * increment, digits, mode), increment))


def final(exact: Fraction, policy: dict) -> int:
    """The amount of an event as its policy rounds it, in nanos."""
    digits = policy["rounding_digits"] if policy["rounding_scope"] == "event" else 9
    return rounded(exact, digits, policy["rounding_mode"])


def surcharge_nanos(surcharge: dict, amount: int) -> int:
    """What one surcharge adds to an event."""
    exact = amount * Fraction(str(surcharge["percent"])) / 100
    return rounded(exact, surcharge["rounding_digits"], surcharge["rounding_mode"])


def own_price(where: dict) -> dict:
    """The rate of a deck that prices each prefix."""
    return {
        "connect_fee": where.get("connect_fee") or "0",
        "included": int(where.get("included_seconds") or 0),
        "price": where["rate_per_minute"],
        "per": 60,
        "increment": int(where.get("increment_seconds") or 1),
    }
