"""Amendments: what an account is granted, or pays for, from a day on, planned before it is made.

Discounts, exemptions and payers hold for a whole bill period if they hold on its first day. So a
day in the middle of a period is felt on the next bill, and a bill that is over is never amended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

from crossbill.core.period import Period, month_period
from crossbill.core.refusal import Refusal

FURTHEST_DAYS = 400
CATEGORIES = ("recurring", "usage", "one_time")  # of charges, where not all are meant
PER_PERCENT = 10_000

Row = Mapping[str, Any]


class DayNotPossible(Refusal):
    """From that day no bill would be amended, or one that is over. Take the day that is named."""

    code: ClassVar[str] = "DAY_NOT_POSSIBLE"


@dataclass(frozen=True)
class Amendment:
    """Rows of one canonical table that end on a day, and others that begin on it.

    ``ends`` are the rows as they are before; ``before`` and ``after`` say both in words, for the
    history of the account.
    """

    table: str
    account_key: str
    effective_date: date
    ends: tuple[Row, ...]
    begins: tuple[Row, ...]
    before: str
    after: str


@dataclass(frozen=True)
class Billed:
    """How an account is billed, as far as it matters for what it is granted."""

    account_key: str
    currency: str
    bill_cycle_day: int
    closed: bool = False


def first_period(day: date, bill_cycle_day: int) -> Period:
    """The first bill period of a cycle that begins on a day or later."""
    span = month_period(day.year, day.month, bill_cycle_day)
    if span.from_date >= day:
        return span
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
    return month_period(year, month, bill_cycle_day)


def refuse_day(day: date, today: date, bill_cycle_day: int, field: str = "valid_from") -> None:
    """Refuse a day that would amend a bill that is over, or one that nobody can foresee."""
    furthest = today + timedelta(days=FURTHEST_DAYS)
    if day > furthest:
        what, cure = f"The day is more than {FURTHEST_DAYS} days ahead", f"take {furthest} at most"
        raise DayNotPossible(what, field=field, value=str(day), cure=cure)
    span = first_period(day, bill_cycle_day)
    if span.to_date > today:
        return
    over = _last_that_is_over(today, bill_cycle_day)
    what = f"The bill of {span.from_date} to {span.to_date} would change, and that period is over"
    cure = f"take {over.from_date + timedelta(days=1)} or a later day"
    raise DayNotPossible(what, field=field, value=str(day), cure=cure)


def _last_that_is_over(today: date, bill_cycle_day: int) -> Period:
    span = first_period(today - timedelta(days=70), bill_cycle_day)
    while (later := first_period(span.to_date, bill_cycle_day)).to_date <= today:
        span = later
    return span


def refuse_no_bill(begins: date, ends: date | None, bill_cycle_day: int) -> None:
    """Refuse days on which no bill period begins: nothing would ever come of them."""
    if ends is None:
        return
    if ends <= begins:
        what, cure = "It would end before it begins", f"take a day after {begins}"
        raise DayNotPossible(what, field="valid_to", value=str(ends), cure=cure)
    first = first_period(begins, bill_cycle_day).from_date
    if ends <= first:
        what = f"No bill period begins from {begins} on before {ends}"
        cure = f"take a day after {first}, the first day of the next period"
        raise DayNotPossible(what, field="valid_to", value=str(ends), cure=cure)


def span_words(valid_from: date, valid_to: date | None) -> str:
    """As in ``from 2026-12-01 to 2027-06-01``; the last day is the first that is not included."""
    return f"from {valid_from}" + (f" to {valid_to}" if valid_to else "")


def percent(ppm: int) -> str:
    """Millionths as ``12.5 %``."""
    whole, part = divmod(ppm, PER_PERCENT)
    return f"{whole}.{part:04}".rstrip("0").rstrip(".") + " %"
