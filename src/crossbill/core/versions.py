"""Versions in time: from when to when each of several holds, on half-open days."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FIRST_YEAR = 1900  # nothing that is billed is older, and local time then was not whole minutes

Given = tuple[date | None, date | None]


@dataclass(frozen=True, order=True)
class Window:
    """The days on which a version holds: from the first up to, not including, the second."""

    from_date: date
    to_date: date

    def __contains__(self, day: date) -> bool:
        return self.from_date <= day < self.to_date

    @property
    def edges(self) -> set[date]:
        """The days on which it begins and ends, where it does."""
        return {self.from_date, self.to_date} - {date.min, date.max}

    def clipped(self, other: "Window") -> "Window":
        """The days that are in both; empty where none are."""
        return Window(max(self.from_date, other.from_date), min(self.to_date, other.to_date))


@dataclass(frozen=True)
class Misfit:
    """A version that does not fit the one before: its number, what is wrong, and the days."""

    number: int
    what: str
    from_date: date
    to_date: date
    is_gap: bool = False

    @property
    def days(self) -> str:
        """The days in words."""
        first = "the beginning" if self.from_date == date.min else str(self.from_date)
        return f"{first} to {'all time' if self.to_date == date.max else self.to_date}"


ALWAYS = Window(date.min, date.max)


def windows(given: Sequence[Given]) -> list[Window]:
    """The window of each version; one without an end ends where the next one begins."""
    starts = sorted({start or date.min for start, _ in given})
    following = dict(zip(starts, [*starts[1:], date.max], strict=True))
    return [Window(start or date.min, end or following[start or date.min]) for start, end in given]


def misfits(given: Sequence[Given]) -> list[Misfit]:
    """What is wrong with versions that are to follow each other: never valid, overlaps, gaps."""
    numbered = sorted((window, number) for number, window in enumerate(windows(given)))
    found = [
        Misfit(number, "The version is never valid", window.from_date, window.to_date)
        for window, number in numbered
        if window.to_date <= window.from_date
    ]
    for (before, _), (after, number) in pairwise(numbered):
        if after.from_date < before.to_date:
            found.append(Misfit(number, "Two versions overlap", after.from_date, before.to_date))
        elif after.from_date > before.to_date:
            found.append(
                Misfit(number, "No version is valid", before.to_date, after.from_date, is_gap=True)
            )
    return found


def read_day(text: str) -> date:
    """A date as it is written, 2024-01-31; raises ValueError for anything else."""
    day = date.fromisoformat(text if DAY.fullmatch(text) else "")
    if day.year < FIRST_YEAR:
        raise ValueError(f"before {FIRST_YEAR}")
    return day
