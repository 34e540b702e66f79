"""What a reader of a rate deck should look at: gaps, several prices in a zone, what changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.core.versions import ALWAYS
from crossbill.platform.rating.decks import DeckPrice, DeckRow

PPM = 1_000_000
ADDED, REMOVED, DEARER, CHEAPER, TERMS, RENAMED = KINDS = (
    "added", "removed", "dearer", "cheaper", "terms", "renamed",
)  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """Days on which a prefix that is listed before and after them is not."""

    prefix: str
    from_date: date
    to_date: date


@dataclass(frozen=True)
class Spread:
    """A zone whose prefixes do not all cost the same at one time."""

    zone: str
    prefixes: int
    prices: int
    lowest_nanos: int
    highest_nanos: int


@dataclass(frozen=True)
class Change:
    """What is different for a prefix; ``change_ppm`` is empty where there was no price before."""

    kind: str
    prefix: str
    zone: str
    old: DeckPrice | None
    new: DeckPrice | None
    change_ppm: int | None

    def exceeds(self, limit_ppm: int) -> bool:
        """Whether the price per minute moved by more than a share of the old one."""
        if self.kind not in (DEARER, CHEAPER) or self.old is None or self.new is None:
            return False
        moved = abs(self.new.price_nanos - self.old.price_nanos)
        return moved * PPM > limit_ppm * self.old.price_nanos


@dataclass(frozen=True)
class Difference:
    """Every prefix that differs between two decks, and how many do not."""

    changes: tuple[Change, ...]
    unchanged: int

    @property
    def counts(self) -> dict[str, int]:
        """How many prefixes differ in which way."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS}

    @property
    def largest_rise(self) -> Change | None:
        """The largest rise of a price, as a share of the old one."""
        rises = [each for each in self.changes if each.kind == DEARER and each.change_ppm]
        return max(rises, key=lambda each: each.change_ppm or 0, default=None)

    @property
    def largest_fall(self) -> Change | None:
        """The largest fall of a price, as a share of the old one."""
        falls = [each for each in self.changes if each.kind == CHEAPER]
        return min(falls, key=lambda each: each.change_ppm or 0, default=None)


def difference(old: Iterable[DeckRow], new: Iterable[DeckRow]) -> Difference:
    """What changes for each listed prefix; of several rows of one prefix the last one counts.

    What a number costs may also change by a longer prefix that comes or goes; the rows show those.
    """
    before, after = _latest(old), _latest(new)
    both = sorted(before.keys() & after.keys())
    changed = [_changed(before[prefix], after[prefix]) for prefix in both]
    found = [change for change in changed if change is not None]
    found += [_only(ADDED, after[prefix]) for prefix in after.keys() - before.keys()]
    found += [_only(REMOVED, before[prefix]) for prefix in before.keys() - after.keys()]
    ordered = sorted(found, key=lambda change: change.prefix)
    return Difference(tuple(ordered), changed.count(None))


def _latest(rows: Iterable[DeckRow]) -> Mapping[str, DeckRow]:
    return {row.prefix: row for row in sorted(rows, key=lambda row: (row.prefix, row.valid))}


def _only(kind: str, row: DeckRow) -> Change:
    old, new = (None, row.price) if kind == ADDED else (row.price, None)
    return Change(kind, row.prefix, row.zone, old, new, None)


def _changed(before: DeckRow, after: DeckRow) -> Change | None:
    old, new = before.price, after.price
    kind, moved = _kind(before, after), None
    if kind is None:
        return None
    if old and new and old.price_nanos:
        step = (new.price_nanos - old.price_nanos) * PPM
        moved = divide_rounded(step, old.price_nanos, RoundingMode.HALF_UP)
    return Change(kind, after.prefix, after.zone, old, new, moved)


def _kind(before: DeckRow, after: DeckRow) -> str | None:
    """The weightiest difference of two rows: the price, then other terms, then the zone's name."""
    old, new = before.price, after.price
    if old and new and old.price_nanos != new.price_nanos:
        return DEARER if new.price_nanos > old.price_nanos else CHEAPER
    if old != new:
        return TERMS
    return RENAMED if before.zone != after.zone else None


def jumps(rows: Sequence[DeckRow], limit_ppm: int) -> list[Change]:
    """Prices that move by more than a share from one row of a prefix to the next."""
    changes = [_changed(before, after) for before, after in _successive(rows)]
    return [each for each in changes if each is not None and each.exceeds(limit_ppm)]


def gaps(rows: Sequence[DeckRow]) -> list[Gap]:
    """The days on which a prefix is not listed, between days on which it is."""
    return [
        Gap(before.prefix, before.valid.to_date, after.valid.from_date)
        for before, after in _successive(rows)
        if before.valid.to_date < after.valid.from_date
    ]


def _successive(rows: Sequence[DeckRow]) -> list[tuple[DeckRow, DeckRow]]:
    """The rows of each prefix in pairs of one and the next, in order of time."""
    ordered = sorted(rows, key=lambda row: (row.prefix, row.valid))
    groups = groupby(ordered, key=lambda row: row.prefix)
    return [pair for _, group in groups for pair in pairwise(group)]


def spreads(rows: Sequence[DeckRow]) -> list[Spread]:
    """The zones with several prices per minute at one time, on the first day that they are so."""
    days = {day for window in {row.valid for row in rows} - {ALWAYS} for day in window.edges}
    found: dict[str, Spread] = {}
    for day in sorted({date.min} | days):
        by_zone: dict[str, list[int]] = {}
        for row in rows:
            if row.price is not None and day in row.valid:
                by_zone.setdefault(row.zone, []).append(row.price.price_nanos)
        for zone, prices in by_zone.items():
            if len(set(prices)) > 1 and zone not in found:
                numbers = len(prices), len(set(prices)), min(prices), max(prices)
                found[zone] = Spread(zone, *numbers)
    return sorted(found.values(), key=lambda spread: spread.zone)
