"""Bands of the day: which rule of a calendar holds at each second of a local time."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crossbill.engine.local_time import regimes

DAY_S = 86_400
FIRST_DAY = date(1970, 1, 1)
ANY_DAY, HOLIDAYS, WORKDAYS = "any", "holidays", "workdays"


@dataclass(frozen=True)
class Rule:
    """When a band holds: from one second of some days up to, not including, another."""

    band: str
    from_s: int = 0
    to_s: int = DAY_S
    weekdays: frozenset[int] | None = None
    months: frozenset[int] | None = None
    monthdays: frozenset[int] | None = None
    on: str = ANY_DAY
    weight: int = 0

    def holds_on(self, day: date, is_holiday: bool) -> bool:
        """Whether the rule counts on a day; 1 is Monday."""
        return (
            (self.weekdays is None or day.isoweekday() in self.weekdays)
            and (self.months is None or day.month in self.months)
            and (self.monthdays is None or day.day in self.monthdays)
            and (self.on == ANY_DAY or is_holiday == (self.on == HOLIDAYS))
        )

    @property
    def rank(self) -> tuple[int, int]:
        """The heaviest rule wins, of several the one that begins latest."""
        return self.weight, self.from_s


@dataclass(frozen=True)
class RuleSpan:
    """Seconds since 1970 in UTC over which one rule wins, or none."""

    from_s: int
    to_s: int
    rule: Rule | None


@dataclass(frozen=True)
class BandSpan:
    """Seconds since 1970 in UTC over which one band holds, or none."""

    from_s: int
    to_s: int
    band: str | None


def band_spans(
    rules: Sequence[Rule], zone: ZoneInfo, from_s: int, to_s: int, holidays: Container[date] = ()
) -> list[BandSpan]:
    """The bands of a time in order, without gaps; two adjoining spans never have one band."""
    spans = rule_spans(rules, zone, from_s, to_s, holidays)
    by_band = groupby(spans, key=lambda span: span.rule.band if span.rule else None)
    return [BandSpan(*_ends(list(group)), band) for band, group in by_band]


def rule_spans(
    rules: Sequence[Rule], zone: ZoneInfo, from_s: int, to_s: int, holidays: Container[date] = ()
) -> list[RuleSpan]:
    """The winning rules of a time in order, without gaps, each for as long as it wins on end.

    A call from one second up to another crosses so many of these as there are.
    """
    plain = _plain_spans(tuple(rules), zone, from_s, to_s, holidays)
    by_rule = groupby(plain, key=lambda span: span.rule)
    return [RuleSpan(*_ends(list(group)), rule) for rule, group in by_rule]


def _ends(spans: Sequence[RuleSpan]) -> tuple[int, int]:
    return spans[0].from_s, spans[-1].to_s


def _plain_spans(
    rules: tuple[Rule, ...], zone: ZoneInfo, from_s: int, to_s: int, holidays: Container[date]
) -> Iterator[RuleSpan]:
    """Local days laid on absolute time, piece by piece of one offset from UTC."""
    for start, end, offset in _offsets(zone, from_s, to_s):
        for day_start in range((start + offset) // DAY_S * DAY_S, end + offset, DAY_S):
            day = FIRST_DAY + timedelta(days=day_start // DAY_S)
            active = tuple(rule for rule in rules if rule.holds_on(day, day in holidays))
            for first, last, rule in winners(active):
                low = max(day_start - offset + first, start)
                high = min(day_start - offset + last, end)
                if low < high:
                    yield RuleSpan(low, high, rule)


@lru_cache(maxsize=4096)
def winners(active: tuple[Rule, ...]) -> list[tuple[int, int, Rule | None]]:
    """A day from its first to its last second by the rules that count on it."""
    edges = {0, DAY_S} | {rule.from_s for rule in active} | {rule.to_s for rule in active}
    return [
        (first, last, max(_holding(active, first), key=lambda rule: rule.rank, default=None))
        for first, last in pairwise(sorted(edges))
    ]


def _holding(active: Iterable[Rule], second: int) -> list[Rule]:
    return [rule for rule in active if rule.from_s <= second < rule.to_s]


def _offsets(zone: ZoneInfo, from_s: int, to_s: int) -> Iterator[tuple[int, int, int]]:
    """A time in pieces of one offset from UTC: first second, first second after, the offset."""
    known = regimes(zone.key)
    assert known[0].from_s <= from_s <= to_s <= known[-1].to_s, "a time within 1970 to 2069"
    for regime in known:
        start, end = max(regime.from_s, from_s), min(regime.to_s, to_s)
        if start < end:
            yield start, end, regime.offset_s


def midnight_s(day: date, zone: ZoneInfo) -> int:
    """The first second of a local day."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    since = local.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY_S + since.seconds


def local_date(at_s: int, zone: ZoneInfo) -> date:
    """The local day of an instant."""
    return local_time(at_s, zone).date()


def local_time(at_s: int, zone: ZoneInfo) -> datetime:
    """An instant in local time."""
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone)


def is_zone(name: str) -> bool:
    """Whether a name is that of a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@dataclass(frozen=True)
class Undecided:
    """A local instant at which no rule holds, or several of one rank that name several bands."""

    day: date
    second: int
    bands: tuple[str, ...]


def first_undecided(
    rules: Sequence[Rule], days: Iterable[date], holidays: Container[date] = ()
) -> Undecided | None:
    """The first instant of some days for which the rules do not name exactly one band."""
    decided: set[tuple[Rule, ...]] = set()
    asks = any(rule.on != ANY_DAY for rule in rules)
    for day in days:
        active = tuple(rule for rule in rules if rule.holds_on(day, asks and day in holidays))
        if active not in decided:
            for first, _, winner in winners(active):
                tied = {r.band for r in _holding(active, first) if winner and r.rank == winner.rank}
                if len(tied) != 1:
                    return Undecided(day, first, tuple(sorted(tied)))
            decided.add(active)
    return None
