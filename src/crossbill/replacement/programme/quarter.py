"""The calendar quarter that a report is about."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from crossbill.core.refusal import Refusal

_WRITTEN = re.compile(r"([0-9]{4})Q([1-4])", re.ASCII)


class QuarterUnreadable(Refusal):
    """The quarter is not written as a year and a quarter. Write it as 2024Q2."""

    code = "QUARTER_UNREADABLE"


@dataclass(frozen=True, order=True)
class Quarter:
    """Three calendar months, half-open ``[from_date, to_date)``."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2024Q2``."""
        found = _WRITTEN.fullmatch(text)
        if found is None or not date.min.year < int(found[1]) < date.max.year:
            raise QuarterUnreadable(
                "Not a quarter", field="quarter", value=text[:40], cure="write it as 2024Q2"
            )
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """The quarter that holds the day."""
        return cls(day.year, (day.month + 2) // 3)

    @property
    def from_date(self) -> date:
        """Its first day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def to_date(self) -> date:
        """The first day after it."""
        return self.next.from_date

    @property
    def next(self) -> Self:
        """The quarter that follows."""
        if self.number == 4:
            return type(self)(self.year + 1, 1)
        return type(self)(self.year, self.number + 1)

    def as_of(self, today: date) -> date:
        """The day of a report made today: today, or the last day where the quarter is over."""
        return min(today, self.to_date - timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        return self.from_date <= day < self.to_date

    def __str__(self) -> str:
        return f"{self.year:04}Q{self.number}"
