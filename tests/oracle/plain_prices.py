"""Price models as plain as can be: one line at a time, fractions, bounds in order.

Terms are as people write them. Quantities are base units of which ``unit`` make one priced unit;
amounts are fractions of the currency.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

NANOS = 10**9


@dataclass(frozen=True)
class PlainUse:
    """What a period has used by the end of a line; each event is (prorated, full)."""

    quantity: int
    selecting: int
    event_count: int
    events: tuple[tuple[int, int], ...] = ()


def as_text(value: Fraction) -> str:
    """A fraction that ends as decimal text; one that does not, cut after thirty digits."""
    digits = 0
    while (value * 10**digits).denominator != 1 and digits < 30:
        digits += 1
    size = abs(floor(abs(value) * 10**digits))
    whole, rest = divmod(size, 10**digits)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{rest:0{digits}d}" if digits else f"{sign}{whole}"


def number(value: object, default: object = 0) -> Fraction:
    return Fraction(str(default if value is None else value))


def tiers_of(terms: dict) -> list[tuple[Fraction | None, dict]]:
    """Each tier with its end in units, None for the last."""
    ends = [tier.get("up_to") for tier in terms["tiers"]]
    return [
        (None if end is None else number(end), tier)
        for end, tier in zip(ends, terms["tiers"], strict=True)
    ]


def price_of(tier: dict) -> Fraction:
    """The price of a unit: stated, or a percentage of it."""
    return number(tier.get("price")) + number(tier.get("percent")) / 100


def per_unit(terms: dict, use: PlainUse) -> Fraction:
    return Fraction(use.quantity, terms.get("unit", 1)) * number(terms["price"])


def graduated(terms: dict, use: PlainUse) -> Fraction:
    units = Fraction(use.quantity, terms.get("unit", 1))
    if units < 0:
        return Fraction(0)
    total, begun = Fraction(0), Fraction(0)
    for position, (end, tier) in enumerate(tiers_of(terms)):
        if position == 0 or units > begun:
            reached = units if end is None else min(units, end)
            total += number(tier.get("flat")) + price_of(tier) * (reached - begun)
        begun = begun if end is None else end
    return total


def volume(terms: dict, use: PlainUse) -> Fraction:
    unit = terms.get("unit", 1)
    if use.selecting < 0:
        return Fraction(0)
    for end, tier in tiers_of(terms):
        if end is None or Fraction(use.selecting, unit) <= end:
            return number(tier.get("flat")) + price_of(tier) * Fraction(use.quantity, unit)
    raise AssertionError("the last tier has no end")


def package(terms: dict, use: PlainUse) -> Fraction:
    units = Fraction(use.quantity, terms.get("unit", 1)) - number(terms.get("free"))
    return ceil(max(units, 0) / number(terms["size"])) * number(terms["price"])


def blocks(terms: dict, use: PlainUse) -> Fraction:
    units = Fraction(use.quantity, terms.get("unit", 1))
    left, total = units, Fraction(0)
    for tier in terms["tiers"]:
        size, price = number(tier["size"]), number(tier["price"])
        room = None if tier.get("blocks") is None else tier["blocks"] * size
        fits = room is None or left <= room
        if fits and terms.get("charged") == "top_tier":
            return ceil(max(units, 0) / size) * price
        total += ceil(max(left if fits else room, 0) / size) * price
        if fits:
            return total
        left -= room
    raise AssertionError("the last tier has no end")


def percentage(terms: dict, use: PlainUse) -> Fraction:
    unit = terms.get("unit", 1)
    units, count = terms.get("free_units"), terms.get("free_events")
    free, free_count, used = Fraction(0), 0, Fraction(0)
    for position, (moved, _) in enumerate(use.events):
        if (units is None and count is None) or (count is not None and position >= count):
            break
        used += Fraction(moved, unit)
        free = used if units is None else min(used, number(units))
        free_count += units is None or used < number(units)
    if use.quantity == 0:
        return Fraction(0)
    charged = max(Fraction(use.quantity, unit) - free, 0) * number(terms["percent"]) / 100
    return charged + max(use.event_count - free_count, 0) * number(terms.get("fixed"))


def percentage_per_event(terms: dict, use: PlainUse) -> Fraction:
    unit, total = terms.get("unit", 1), Fraction(0)
    units_left = number(terms.get("free_units"))
    events_left = 0 if units_left else terms.get("free_events") or 0
    for moved, _ in use.events:
        units = Fraction(moved, unit)
        if units_left > units:
            units_left -= units
        elif events_left:
            events_left -= 1
        else:
            cost = (units - units_left) * number(terms["percent"]) / 100
            cost += number(terms.get("fixed"))
            units_left = Fraction(0)
            cost = max(cost, number(terms.get("minimum")))
            highest = terms.get("maximum")
            total += cost if highest is None else min(cost, number(highest))
    return total


def event_price(terms: dict, use: PlainUse) -> Fraction:
    carried = Fraction(sum(moved for moved, _ in use.events), terms.get("unit", NANOS))
    return carried * number(terms.get("multiplier"), 1)


def graduated_prorated(terms: dict, use: PlainUse) -> Fraction:
    unit = terms.get("unit", 1)
    tiers = [(None if e is None else int(e * unit), tier) for e, tier in tiers_of(terms)]
    total, held, peak = Fraction(0), 0, 0
    for moved, full in use.events:
        for tier, part in split(moved, held, held + full, tiers):
            total += Fraction(part, unit) * price_of(tier)
        held += full
        peak = max(peak, held)
    if held < 0:
        return Fraction(0)
    begins = [0, *(end for end, _ in tiers if end is not None)]
    entered = (tier for n, (_, tier) in enumerate(tiers) if n == 0 or peak > begins[n])
    return max(total, Fraction(0)) + sum(number(tier.get("flat")) for tier in entered)


def split(
    moved: int, before: int, after: int, tiers: Sequence[tuple[int | None, dict]]
) -> list[tuple[dict, int]]:
    """What an event charges in each tier on its way, cut at the edges in whole base units."""

    def tier_at(low: int, high: int) -> dict:
        """The tier of the units above ``low`` up to ``high``, which lie in one."""
        return next(tier for end, tier in tiers if end is None or high <= end or high <= 0)

    if before == after:
        return [(tier_at(before - 1, before), moved)]
    edges = [e for e, _ in tiers if e is not None and min(before, after) < e < max(before, after)]
    path = [before, *sorted(edges, reverse=after < before), after]
    way = abs(after - before)
    done, parts = 0, []
    for here, there in pairwise(path):
        size = abs(moved) * abs(there - before) // way
        by_there = size if moved >= 0 else -size
        parts.append((tier_at(min(here, there), max(here, there)), by_there - done))
        done = by_there
    return parts


MODELS: dict[str, Callable[[dict, PlainUse], Fraction]] = {
    "per_unit": per_unit,
    "graduated": graduated,
    "graduated_percentage": graduated,
    "volume": volume,
    "package": package,
    "blocks": blocks,
    "percentage": percentage,
    "percentage_per_event": percentage_per_event,
    "event_price": event_price,
    "graduated_prorated": graduated_prorated,
}


def plain_line(
    model: str,
    terms: dict,
    use: PlainUse,
    *,
    earlier: tuple[int, int] | None = None,
    adjustments: Sequence[dict] = (),
    earlier_nanos: int = 0,
    last_line: bool = True,
) -> Fraction:
    """The exact nanos of a line; ``earlier`` is the quantity and events of earlier lines."""
    amount = MODELS[model](terms, use)
    if earlier is not None:
        quantity, count = earlier
        before = replace(
            use, quantity=quantity, selecting=quantity, event_count=count, events=use.events[:count]
        )
        amount -= MODELS[model](terms, before)
    nanos = amount * NANOS
    for ((name, given),) in (adjustment.items() for adjustment in adjustments):
        limit = number(given.get("amount")) * NANOS - earlier_nanos
        if name == "discount":
            nanos *= 1 - number(given["percent"]) / 100
        elif name == "maximum":
            nanos = min(nanos, max(limit, 0))
        elif last_line:
            nanos = max(nanos, limit)
    return nanos


def rounded(nanos: Fraction, mode: str, digits: int) -> int:
    """The nanos rounded to digits after the point of the currency."""
    step = Fraction(10) ** (9 - digits)
    size = abs(nanos) / step
    whole, rest = floor(size), size - floor(size)
    half = Fraction(1, 2)
    grows = {
        "down": False,
        "up": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
    }[mode]
    return int((whole + grows) * step) * (1 if nanos >= 0 else -1)
