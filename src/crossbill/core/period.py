"""Half-open periods of days, and the share of a month's price that a charged part of one costs."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Self

from crossbill.core.refusal import Refusal


class DayCount(StrEnum):
    """How the days of a partial charge are counted."""

    ACTUAL_ACTUAL = "actual_actual"  # calendar days over the calendar days of the bill period
    THIRTY_360 = "thirty_360"  # every month has 30 days, the 31st is the 30th
    ACTUAL_365 = "actual_365"  # calendar days at twelve monthly prices over 365 days


class PeriodBackwards(Refusal):
    """The period does not end after it starts. Give a first day and a later day that is outside."""

    code = "PERIOD_BACKWARDS"


@dataclass(frozen=True, order=True)
class Period:
    """The days from ``from_date`` up to, not including, ``to_date``."""

    from_date: date
    to_date: date

    def __post_init__(self) -> None:
        if self.from_date >= self.to_date:
            raise PeriodBackwards(
                "a period must end after it starts",
                value=f"{self.from_date} to {self.to_date}",
                cure="the second date is the first day outside the period",
            )

    @property
    def days(self) -> int:
        """Calendar days."""
        return (self.to_date - self.from_date).days

    def __contains__(self, day: date) -> bool:
        return self.from_date <= day < self.to_date

    def covers(self, other: Self) -> bool:
        """Whether every day of the other is in this one."""
        return self.from_date <= other.from_date and other.to_date <= self.to_date

    def overlap(self, other: Self) -> Self | None:
        """The days in both, or None."""
        first, last = max(self.from_date, other.from_date), min(self.to_date, other.to_date)
        return type(self)(first, last) if first < last else None


def anchored(year: int, month: int, anchor_day: int) -> date:
    """The anchor's day in a month, or the month's last where it is shorter (31, 30, 28, 31)."""
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))


def month_period(year: int, month: int, anchor_day: int = 1) -> Period:
    """The bill period that starts in this month, for a bill cycle on the anchor day."""
    next_year, next_month = (year + 1, 1) if month == 12 else (year, month + 1)
    starts = anchored(year, month, anchor_day)
    return Period(starts, anchored(next_year, next_month, anchor_day))


def months(first_year: int, first_month: int, count: int, anchor_day: int = 1) -> list[Period]:
    """So many bill periods one after the other, without gaps."""
    ordinals = range(first_year * 12 + first_month - 1, first_year * 12 + first_month - 1 + count)
    return [month_period(n // 12, n % 12 + 1, anchor_day) for n in ordinals]


def counted_days(from_date: date, to_date: date, day_count: DayCount) -> int:
    """Days from one date up to another by the day count."""
    if day_count is DayCount.THIRTY_360:
        return _thirty_360(to_date) - _thirty_360(from_date)
    return (to_date - from_date).days


def _thirty_360(day: date) -> int:
    """The day's number where all months have 30 days."""
    return 360 * day.year + 30 * day.month + min(day.day, 30)


def fraction(
    charge: Period, bill: Period, day_count: DayCount, *, end_day_counts: bool
) -> tuple[int, int]:
    """The share of a monthly price due for the charged part of a bill period, as a fraction.

    A charge of the full period is 1/1, however long the month. A charge that ends before the bill
    period does loses its last day where the policy says that the end day does not count.
    """
    if charge.covers(bill):
        return 1, 1
    free_days = 0 if end_day_counts or charge.to_date >= bill.to_date else 1
    counted_to = charge.to_date - timedelta(days=free_days)
    days = max(counted_days(charge.from_date, counted_to, day_count), 0)
    if day_count is DayCount.ACTUAL_365:
        return 12 * days, 365
    return days, counted_days(bill.from_date, bill.to_date, day_count)
