"""The old system's days: its two billed months, its as-of time and how it writes dates."""

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import NamedTuple

AS_OF = "20240601020000"
NOT_SET = ("00000000", "99991231")  # the old system never agreed with itself which one means "none"
ONE_DAY = timedelta(days=1)
SECONDS_PER_DAY = 86_400


def months_between(first: date, after: date) -> int:
    """From one month to another, whatever their days."""
    return 12 * (after.year - first.year) + after.month - first.month


def month_after(first: date, months: int) -> date:
    """The first day of the month so many months later."""
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


class Period(NamedTuple):
    """A billed month, or the months that are paid at once, half-open."""

    first: date
    after: date

    @property
    def last(self) -> date:
        """The last day, as the old system writes the end of anything."""
        return self.after - ONE_DAY

    @property
    def length_days(self) -> int:
        """Days that it really has."""
        return (self.after - self.first).days

    @property
    def months(self) -> int:
        """How many months it is."""
        return months_between(self.first, self.after)


APRIL = Period(date(2024, 4, 1), date(2024, 5, 1))
MAY = Period(date(2024, 5, 1), date(2024, 6, 1))
PERIODS = (APRIL, MAY)


@cache
def day_text(day: date) -> str:
    """YYYYMMDD."""
    return f"{day.year:04}{day.month:02}{day.day:02}"


def random_day(rng: Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randrange((last - first).days + 1))


def random_stamp(rng: Random, day: date) -> str:
    """YYYYMMDDHHMMSS at some second of the day."""
    minutes, second = divmod(rng.randrange(SECONDS_PER_DAY), 60)
    hour, minute = divmod(minutes, 60)
    return f"{day_text(day)}{hour:02}{minute:02}{second:02}"
