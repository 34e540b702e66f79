"""Vectors of kind charge: each semantics is a price model, with adjustments where it has any."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import isqrt

from metering import Line, Priced

from vectors.answers import (
    NANOS,
    ROUNDING,
    Figures,
    Question,
    Semantics,
    Uncovered,
    amount_text,
    by_pricing,
    digits_of,
    fraction,
    optional,
    pick,
    text,
)

LARGEST_SQUARE = 2**62


def _line(vector: dict, model: str, terms: dict, *, unit: int = 1, **facts: object) -> Line:
    """A line with what all vectors may have: commitments, earlier lines, how to compare."""
    values, compare = vector["input"], vector.get("compare") or {}
    rounding = {}
    if compare and "expected_exact" not in vector:
        rounding["rounding_mode"] = str(ROUNDING[compare["round"]])
        rounding["rounding_digits"] = int(compare["round_places"])
    return Line(
        **{
            "key": vector["id"],
            "model": model,
            "terms": terms if unit == 1 else {"unit": unit, **terms},
            "earlier_quantity": _earlier(values, unit),
            "earlier_nanos": int(fraction(values.get("previous_billed") or 0) * NANOS),
            "last_line": values.get("last_line", True),
            "adjustments": _adjustments(values),
            **rounding,
            **facts,
        }
    )


def _earlier(values: dict, unit: int) -> int | None:
    """What earlier lines billed; a line is the first unless the vector says otherwise."""
    before = int(fraction(values.get("pre_qty") or 0) * unit)
    first = values.get("first_line", "pre_qty" not in values)
    return None if first and not before else before


def _adjustments(values: dict) -> list[dict]:
    """Discount, then the most, then the least."""
    known = {"discount_pct": ("discount", "percent")} | {
        name: (name, "amount") for name in ("maximum", "minimum")
    }
    return [
        {adjustment: {field: str(values[name])}}
        for name, (adjustment, field) in known.items()
        if values.get(name) is not None
    ]


def _only(lines: Sequence[Priced]) -> Figures:
    """One line answers the vector; what adjustments take off is told as well."""
    (line,) = lines
    taken = {name: text(Fraction(-nanos, NANOS)) for name, nanos in line.steps}
    figures = {"amount": amount_text(line)}
    names = {"discount_pct_amount": "discount", "discount_max_amount": "maximum"}
    return figures | {name: taken.get(step, "0") for name, step in names.items()}


def _unit(*values: object) -> int:
    return 10 ** digits_of(*values)


def _base(value: object, unit: int) -> int:
    scaled = fraction(value) * unit
    assert scaled.denominator == 1, "the unit was chosen by the digits"
    return scaled.numerator


def per_unit(vector: dict) -> Question:
    """Units times price, or times a multiplier."""
    values = vector["input"]
    quantity = pick(values, "units", "qty")
    unit = _unit(quantity, values.get("pre_qty") or 0)
    terms = {"price": str(pick(values, "unit_amount", "multiplier"))}
    line = _line(vector, "per_unit", terms, unit=unit, quantity=_base(quantity, unit))
    return Question([line], _only)


def package(vector: dict) -> Question:
    """Packages that are begun."""
    values = vector["input"]
    quantity, before = pick(values, "units", "qty"), values.get("pre_qty") or 0
    size = pick(values, "package_size", "size")
    free = values.get("free_units") or values.get("free") or 0
    unit = _unit(quantity, before, size, free)
    terms = {"price": str(pick(values, "amount", "price")), "size": str(size), "free": str(free)}
    line = _line(vector, "package", terms, unit=unit, quantity=_base(quantity, unit))
    return Question([line], _only)


# Tiers


def _tiers(vector: dict, quantity: Fraction, price: str = "price") -> list[dict]:
    """Ranges or tiers as tiers of our terms; the last goes on without end."""
    values = vector["input"]
    if "ranges" in values:
        _refuse_odd_ranges(values, quantity)
        names, given = ("to", "per_unit" if price == "price" else "rate_pct"), values["ranges"]
    else:
        names, given = ("up_to", "unit"), values["tiers"]
    end = given[-1][names[0]]
    if end is not None and quantity > fraction(end):
        raise Uncovered("the peer leaves what lies above the last tier without a price")
    tiers = [
        {
            "up_to": str(tier[names[0]]),
            price: str(tier.get(names[1]) or 0),
            "flat": str(tier.get("flat") or 0),
        }
        for tier in given
    ]
    del tiers[-1]["up_to"]
    return tiers


def _refuse_odd_ranges(values: dict, quantity: Fraction) -> None:
    """A range that begins where no range should is counted in a way of the peer's own."""
    step = 0 if values.get("adjacent") else 1
    for before, after in pairwise(values["ranges"]):
        odd = fraction(after["from"]) != fraction(before["to"]) + step
        if odd and quantity > fraction(before["to"]):
            raise Uncovered("ranges that overlap or leave a gap: the peer counts units twice")


def tiered(model: str, price: str = "price") -> Semantics:
    """Models of tiers: graduated, volume, graduated_percentage."""

    def ask(vector: dict) -> Question:
        values = vector["input"]
        quantity, before = pick(values, "units", "qty"), values.get("pre_qty") or 0
        selecting = values.get("select_units")
        selecting = quantity if selecting is None else selecting
        highest = max(fraction(quantity) + fraction(before), fraction(selecting))
        tiers = _tiers(vector, highest, price)
        unit = _unit(quantity, before, selecting, *(tier.get("up_to", 0) for tier in tiers))
        line = _line(
            vector, model, {"tiers": tiers}, unit=unit,
            quantity=_base(quantity, unit), selecting_quantity=_base(selecting, unit),
        )  # fmt: skip
        return Question([line], _only)

    return by_pricing(ask)


def prorated(vector: dict) -> Question:
    """Events of full and prorated units; an event is split as finely as 64 bits allow."""
    values = vector["input"]
    full, parts = values["full_units"], values["prorated_units"]
    held = [fraction(units) for units in full]
    peak = max((sum(held[: n + 1]) for n in range(len(held))), default=Fraction(0))
    tiers = _tiers(vector, Fraction(peak))
    largest = max((abs(units) for units in held), default=Fraction(1)) + 1
    finest = len(str(isqrt(LARGEST_SQUARE) // int(largest))) - 1
    unit = 10 ** max(min(finest, 9), digits_of(*full, *parts))
    line = _line(
        vector, "graduated_prorated", {"tiers": tiers}, unit=unit,
        quantity=sum(_base(units, unit) for units in parts),
        events=[_base(units, unit) for units in parts],
        selecting_events=[_base(units, unit) for units in full],
    )  # fmt: skip
    return Question([line], _only)


def _blocks(values: dict, units: object, given: Sequence[dict]) -> tuple[dict, int]:
    """The terms of block tiers, and the quantity."""
    quantity = fraction(units)
    top = values["policy"] == "TOP_TIER"
    sizes = [int(tier["max"]) * fraction(tier["size"]) for tier in given]
    ended = all(int(tier["max"]) != -1 for tier in given)
    if ended and not top and quantity > sum(sizes):
        raise Uncovered("the peer leaves what lies above the last tier without a price")
    if any(int(tier["max"]) == -1 for tier in given[:-1]):
        raise Uncovered("a tier without end before the last")
    unit = _unit(units, *(tier["size"] for tier in given))
    tiers = [
        {"size": str(tier["size"]), "price": str(tier["price"]), "blocks": int(tier["max"])}
        for tier in given
    ]
    del tiers[-1]["blocks"]
    terms = {"unit": unit, "tiers": tiers, "charged": "top_tier" if top else "all_tiers"}
    return terms, _base(units, unit)


def blocks(vector: dict) -> Question:
    """Blocks of one kind of unit."""
    values = vector["input"]
    terms, quantity = _blocks(values, values["units"], values["tiers"])
    return Question([_line(vector, "blocks", terms, quantity=quantity)], _only)


def blocks_of_several_units(vector: dict) -> Question:
    """Blocks of several kinds of units: a line each."""
    values = vector["input"]
    lines = []
    for name, units in values["units"].items():
        terms, quantity = _blocks(values, units, values["tiers"][name])
        key = f"{vector['id']} {name}"
        lines.append(_line(vector, "blocks", terms, quantity=quantity, key=key))
    return Question(lines, _added)


def _added(lines: Sequence[Priced]) -> Figures:
    return {"amount": text(sum((fraction(amount_text(line)) for line in lines), Fraction(0)))}


# Percentages and prices that events carry


def percentage(vector: dict) -> Question:
    """A share of all, with free events and units; the running totals tell the first events."""
    values = vector["input"]
    totals = values.get("running_total") or []
    free = optional(values.get("free_units"))
    unit = _unit(values["units"], *totals, values.get("free_units") or 0)
    reached = [0, *(_base(total, unit) for total in totals)]
    events = [after - before for before, after in pairwise(reached)]
    quantity = _base(values["units"], unit)
    if events:
        further = max(int(values["count"]) - len(events), 0)
        events += [quantity - reached[-1], *[0] * further][:further]
    terms = _share(values) | _free(values, free)
    line = _line(
        vector, "percentage", terms, unit=unit, quantity=quantity, events=events,
        event_count=int(values["count"]),
    )  # fmt: skip
    return Question([line], _only)


def percentage_per_event(vector: dict) -> Question:
    """A share of each event between two limits."""
    values = vector["input"]
    free = optional(values.get("free_units"))
    unit = _unit(*values["events"], values.get("free_units") or 0)
    events = [_base(event, unit) for event in values["events"]]
    limits = {"minimum": values.get("mn"), "maximum": values.get("mx")}
    terms = _share(values) | _free(values, free)
    terms |= {name: str(limit) for name, limit in limits.items() if limit is not None}
    line = _line(
        vector, "percentage_per_event", terms, unit=unit, quantity=sum(events), events=events
    )
    return Question([line], _only)


def _share(values: dict) -> dict:
    return {"percent": str(values["rate_pct"]), "fixed": str(values.get("fixed") or 0)}


def _free(values: dict, units: Fraction | None) -> dict:
    events = optional(values.get("free_events"))
    free = {"free_events": None if events is None else int(events)}
    return free | {"free_units": None if units is None else text(units)}


def event_price(vector: dict) -> Question:
    """The price that events carry; without units there are no events."""
    values = vector["input"]
    cents = next((values[name] for name in values if name.endswith("cents")), None)
    if cents is None:
        total = fraction(pick(values, "amount", "total", "price", "total_amount", "value"))
    else:
        total = fraction(cents) / 100
    used = fraction(values.get("units", 1)) != 0
    unit = _unit(text(total))
    events = [_base(text(total), unit)] if used else []
    line = _line(vector, "event_price", {"unit": unit}, events=events)
    return Question([line], _only)


SEMANTICS: dict[str, Semantics] = {
    "standard": by_pricing(per_unit),
    "standard_commit": by_pricing(per_unit),
    "standard_discount_commit": by_pricing(per_unit),
    "multiplier": by_pricing(per_unit),
    "multiplier_max": by_pricing(per_unit),
    "package": by_pricing(package),
    "package_delta": by_pricing(package),
    "graduated_ranges": tiered("graduated"),
    "graduated_upto": tiered("graduated"),
    "graduated_upto_delta": tiered("graduated"),
    "volume_ranges": tiered("volume"),
    "volume_upto": tiered("volume"),
    "graduated_percentage": tiered("graduated_percentage", "percent"),
    "graduated_prorated": by_pricing(prorated),
    "tier_blocks": by_pricing(blocks),
    "tier_blocks_two_units": by_pricing(blocks_of_several_units),
    "percentage": by_pricing(percentage),
    "percentage_minmax": by_pricing(percentage_per_event),
    "passthrough": by_pricing(event_price),
}
