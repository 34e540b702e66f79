"""Vectors of kind telecom: each is a plan of its own, whose one event the engine rates."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from rating_calculation import seconds

from crossbill.core.refusal import Refusal
from crossbill.platform.rating.calendars import Rule, RuleSpan, rule_spans
from vectors.answers import (
    CANNOT_BE_READ,
    NANOS,
    Answers,
    Figures,
    Semantics,
    Uncovered,
    digits_of,
    fraction,
    reason,
    text,
)
from vectors.carrier import Event, Outcome, outcomes
from vectors.prepaid import balance_debit, max_session
from vectors.rounding import method_of

UTC = ZoneInfo("UTC")
NOBODY = "none"  # the band of times in which no interval holds
SOME_DAY = datetime(2024, 1, 15, 12)
SUNDAY = 7


def by_rating(
    event_of: Callable[[dict], Event], figures: Callable[[Outcome], Figures]
) -> Semantics:
    """All vectors of one semantics in one catalogue; one that cannot be asked is told."""

    def answers(vectors: Sequence[dict]) -> Answers:
        found: Answers = {}
        events: list[Event] = []
        for vector in vectors:
            try:
                events.append(event_of(vector))
            except CANNOT_BE_READ as error:
                found[vector["id"]] = reason(error)
        for key, outcome in outcomes(events).items():
            try:
                found[key] = reason(outcome) if isinstance(outcome, Refusal) else figures(outcome)
            except Uncovered as why:
                found[key] = why
        return found

    return answers


# Calls


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    if at.microsecond:
        raise Uncovered("the engine counts whole seconds")
    return at


def _whole(value: object) -> int:
    number = fraction(value)
    if number.denominator != 1:
        raise Uncovered("the engine counts whole seconds")
    return number.numerator


def _second_of_day(value: str) -> int:
    hours, minutes, *rest = (int(part) for part in value.split(":"))
    return hours * 3600 + minutes * 60 + sum(rest)


def _rules(intervals: Sequence[dict]) -> list[Rule]:
    """The intervals as the rules of a calendar."""
    return [
        Rule(
            band=f"i{number}",
            from_s=_second_of_day(interval["start"]),
            weight=int(fraction(interval.get("weight") or 0)) + 1,
            **{name: frozenset(days) for name, days in _days(interval).items()},
        )
        for number, interval in enumerate(intervals)
    ]


def _days(interval: dict) -> dict[str, list[int]]:
    """The conditions that an interval has; an empty list means every day, as none does.

    A week may begin with Sunday as day 0.
    """
    names = ("weekdays", "months", "monthdays")
    found = {name: [int(n) for n in interval[name]] for name in names if interval.get(name)}
    if "weekdays" in found:
        found["weekdays"] = [day or SUNDAY for day in found["weekdays"]]
    return found


def _crossed(rules: Sequence[Rule], start: datetime, end: datetime) -> list[RuleSpan]:
    """The rules that hold from one instant up to another, or right at the first."""
    last = max(end, start + timedelta(seconds=1))
    return rule_spans(rules, UTC, seconds(start), seconds(last))


def _calendar(intervals: Sequence[dict]) -> list[dict]:
    """The intervals as they are written in a catalogue, and a band for all other times."""
    rules = [
        {
            "band": f"i{number}",
            "from": interval["start"],
            "weight": int(fraction(interval.get("weight") or 0)) + 1,
            **_days(interval),
        }
        for number, interval in enumerate(intervals)
    ]
    return [*rules, {"band": NOBODY, "weight": 0}]


def _rate(number: int, interval: dict, charges_connect_fee: bool) -> dict:
    """What an interval costs."""
    steps = [
        {
            "from": _whole(group.get("from") or 0),
            "price": str(group["rate"]),
            "per": _whole(group["unit"]),
            "increment": _whole(group["inc"]),
        }
        for group in interval["groups"]
    ]
    rate = {"band": f"i{number}", "steps": steps}
    if charges_connect_fee:
        rate["connect_fee"] = str(interval.get("connect_fee") or 0)
    strategy = interval.get("max_cost_strategy")
    if interval.get("max_cost") is not None and strategy == "*free":
        rate["max_cost"] = str(interval["max_cost"])
    return rate


def call(vector: dict) -> Event:
    """A call by time-of-day intervals; increments are whole seconds, so a begun one is a second."""
    values, intervals = vector["input"], vector["input"]["intervals"]
    start, duration = _instant(values["start"]), ceil(fraction(values["duration_s"]))
    rounding = {(interval.get("method"), interval.get("decimals")) for interval in intervals}
    if len(rounding) != 1:
        raise Uncovered("the intervals of the call round in different ways")
    ((method, decimals),) = rounding
    spans = _crossed(_rules(intervals), start, start + timedelta(seconds=duration))
    if any(span.rule is None for span in spans):
        raise Uncovered("no interval holds at some time of the call")
    charges = values.get("charge_connect_fee", True)
    rates = [_rate(number, each, charges) for number, each in enumerate(intervals)]
    return Event(
        key=vector["id"],
        started_at=start,
        quantity=duration,
        usage_type="seconds",
        rates=[*rates, {"band": NOBODY, "price": "0"}],
        calendar=_calendar(intervals),
        rounding_mode=method_of(method) if method else "half_up",
        rounding_digits=9 if decimals is None else int(decimals),
    )


def _cost(outcome: Outcome) -> Figures:
    if outcome.suspended is not None:
        raise Uncovered(f"the engine suspends it: {outcome.suspended['code']}")
    assert outcome.rated is not None, "an event is rated or suspended"
    return {"cost": text(Fraction(outcome.rated["amount_nanos"], NANOS))}


def units(vector: dict) -> Event:
    """Units that are no time: messages, or data."""
    values = vector["input"]
    usage, unit = values["usage"], values.get("unit") or 1
    increment = values.get("increment") or values.get("inc") or 1
    scale = 10 ** digits_of(usage, unit, increment)
    base = {
        name: int(fraction(value) * scale)
        for name, value in (("usage", usage), ("per", unit), ("increment", increment))
    }
    rate = {"price": str(values["rate"]), "per": base["per"], "increment": base["increment"]}
    if values.get("connect_fee"):
        rate["connect_fee"] = str(values["connect_fee"])
    return Event(key=vector["id"], started_at=SOME_DAY, quantity=base["usage"], rates=[rate])


# Destinations


def destination(vector: dict) -> Event:
    """A number and the prefixes of a deck."""
    values = vector["input"]
    prefixes = {prefix.lstrip("+"): str(zone) for prefix, zone in values["rates_by_prefix"].items()}
    if not prefixes:
        raise Uncovered("a deck without prefixes")
    return Event(
        key=vector["id"],
        started_at=SOME_DAY,
        quantity=1,
        rates=[{"price": "1"}],
        destination=str(values["destination"]).lstrip("+"),
        prefixes=prefixes,
    )


def _zone(outcome: Outcome) -> Figures:
    if outcome.rated is not None:
        return {"result": outcome.rated["zone"]}
    assert outcome.suspended is not None, "an event is rated or suspended"
    if outcome.suspended["code"] != "DESTINATION_UNKNOWN":
        raise Uncovered(f"the engine suspends it: {outcome.suspended['code']}")
    return {"result": "UNAUTHORIZED_DESTINATION"}


# Spans


def span_count(vectors: Sequence[dict]) -> Answers:
    """Into how many parts a call falls, and which interval holds in the first."""
    found: Answers = {}
    for vector in vectors:
        values = vector["input"]
        try:
            start, end = (_instant(values[name]) for name in ("start", "end"))
            spans = _crossed(_rules(values["intervals"]), start, end)
            if any(span.rule is None for span in spans):
                raise Uncovered("no interval holds at some time of the call")
            first = spans[0].rule
            assert first is not None, "looked at just before"
            found[vector["id"]] = {
                "spans": str(len(spans)),
                "winner_weight": str(first.weight - 1),
            }
        except CANNOT_BE_READ as error:
            found[vector["id"]] = reason(error)
    return found


SEMANTICS: dict[str, Semantics] = {
    "call_rating": by_rating(call, _cost),
    "unit_rating": by_rating(units, _cost),
    "longest_prefix": by_rating(destination, _zone),
    "span_count": span_count,
    "balance_debit": balance_debit,
    "max_session": max_session,
}
