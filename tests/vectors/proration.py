"""Vectors of kind proration: what share of a price some days cost.

A part of an interval is charged in advance where something was charged up to its first day; it is
given back where all was charged and the product ends. Intervals last months; a share of a period
of other lengths is asked of a prorated commitment, whose days are the bill period's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache

from crossbill.core.period import DayCount, Period, anchored
from crossbill.core.rounding import RoundingMode
from vectors.answers import ROUNDING, Figures, Semantics, Uncovered, fraction, pick
from vectors.billing import (
    CENTS,
    Account,
    Billed,
    Item,
    Question,
    by_billing,
    category_of,
    cents,
    whole,
)

DAY = timedelta(days=1)
RATIO_DIGITS = 9
FINEST_DIGITS = 8  # of an amount that is rounded later, where it fits into 64 bits
ONE = Fraction(1)
LONG_AS = (1, 2, 3, 4, 6, 12, 24, 36)  # months of intervals that may have a number of days
LARGE_DIGITS = 5  # before the point: what is longer leaves fewer after it
NO_INTERVAL = "no interval of months has so many days"
PERIOD_DAYS = ("period_days", "days_in_period")
ONE_TIME = (
    "new_cents", "one_time_cents", "amount_cents", "price_cents", "rate_cents", "unit_cents",
)  # fmt: skip


@dataclass(frozen=True)
class Interval:
    """Days that one price pays for, from a bill cycle day on."""

    days: Period
    months: int
    cycle_day: int

    def part(self, price: Fraction, days: Period | None, taxes: tuple[str, ...] = ()) -> Item:
        """What charges these days of the interval and no others."""
        begins, ends = (days.from_date, days.to_date) if days else (self.days.from_date,) * 2
        return Item(price, self._base, ends, begins, self.months, taxes=taxes)

    def given_back(self, price: Fraction, days: Period | None, taxes: tuple[str, ...] = ()) -> Item:
        """What was charged through these days and ended before them."""
        ends, through = (days.from_date, days.to_date) if days else (self.days.from_date,) * 2
        return Item(price, self._base, ends, through, self.months, taxes=taxes)

    @property
    def _base(self) -> date:
        """A day in the month from which intervals are counted; nothing is charged before."""
        return self.days.from_date.replace(day=1)


def day_of(value: object) -> date:
    """A date that a vector holds; a time of the day does not matter."""
    return date.fromisoformat(str(value)[:10])


def _period(first: date, end: date) -> Period | None:
    """The days from one up to another; none where they are the same."""
    if end < first:
        raise Uncovered("it ends before it begins")
    return Period(first, end) if first < end else None


def ahead(day: date, months: int) -> tuple[int, int]:
    """Year and month so many months after the day's."""
    ordinal = day.year * 12 + day.month - 1 + months
    return ordinal // 12, ordinal % 12 + 1


def _interval(days: Period) -> Interval | None:
    """The interval of these very days, if whole months from a bill cycle day have them."""
    first, end = days.from_date, days.to_date
    months = (end.year - first.year) * 12 + end.month - first.month
    for cycle_day in (first.day, end.day):
        bounds = (anchored(*ahead(first, n), cycle_day) for n in (0, months))
        if months > 0 and tuple(bounds) == (first, end):
            return Interval(days, months, cycle_day)
    return None


@cache
def _lengths() -> dict[int, Interval]:
    """An interval for each number of days that intervals have."""
    found: dict[int, Interval] = {}
    for months in LONG_AS:
        for begins in range(48):
            first = date(*ahead(date(2021, 1, 1), begins), 1)
            days = Period(first, date(*ahead(first, months), 1))
            found.setdefault(days.days, Interval(days, months, 1))
    return found


def _share(
    key: str,
    price: Fraction,
    days: Period | None,
    of: Period,
    *,
    taxes: tuple[str, ...] = (),
    back: bool = False,
    **terms: object,
) -> Account:
    """The bill for some days of a period, at the price of all of it; or what gives them back."""
    if days and not of.covers(days):
        raise Uncovered("days beyond the interval: the engine charges a further one for them")
    interval, period = _interval(of), (of.from_date, of.to_date)
    if interval:
        item = (interval.given_back if back else interval.part)(price, days, taxes)
        return Account(key, [item], period, cycle_day=interval.cycle_day, **terms)
    held = days or Period(of.to_date, of.to_date + DAY)
    promise = _promise(price, held, taxes, terms.get("digits", CENTS))
    return Account(key, period=period, commitment=promise, **terms)


def _promise(price: Fraction, days: Period, taxes: tuple[str, ...], digits: int) -> dict:
    """A commitment that holds on these days."""
    return {
        "amount_minor": whole(price * 10**digits, "part of a minor unit"),
        "valid_from": days.from_date,
        "valid_to": days.to_date,
        "tax_category": category_of(taxes),
    }


def _counted(length: object) -> Period:
    """A period of so many days: an interval where one has them."""
    days = int(whole(fraction(length), "part of a day"))
    if days <= 0:
        raise Uncovered("a period without a day")
    interval = _lengths().get(days)
    return interval.days if interval else Period(date(2024, 1, 1), date(2024, 1, 1) + days * DAY)


def _first_days(period: Period, count: object) -> Period | None:
    days = int(whole(fraction(count), "part of a day"))
    return _period(period.from_date, period.from_date + days * DAY)


def _last_days(period: Period, count: object) -> Period | None:
    days = int(whole(fraction(count), "part of a day"))
    return _period(period.to_date - days * DAY, period.to_date)


def _mode(vector: dict) -> str:
    return str(ROUNDING[(vector.get("compare") or {}).get("round", RoundingMode.HALF_UP)])


def total(*names: str) -> Callable[[Sequence[Billed]], Figures]:
    """The sum of a bill's lines, in major units."""

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        return dict.fromkeys(names, bill.figure(net_of(bill.bill_line)))

    return read


def _total_cents(*names: str) -> Callable[[Sequence[Billed]], Figures]:
    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        return dict.fromkeys(names, str(net_of(bill.bill_line)))

    return read


def net_of(lines: Sequence[dict]) -> int:
    """What lines charge together, in minor units."""
    return sum(line["net_minor"] for line in lines)


# Shares of a price


def actual_days(vector: dict) -> Question:
    """Days over the days of a period."""
    values = vector["input"]
    of = Period(day_of(values["period_start"]), day_of(values["period_end"]))
    days = _period(day_of(values["start"]), day_of(values["end"]))
    account = _share(vector["id"], ONE, days, of, digits=RATIO_DIGITS, mode=_mode(vector))
    return Question([account], total("ratio"))


def fixed_days(vector: dict) -> Question:
    """Days of a month that always has so many: all months have 30, or the months have them.

    ``ratio`` is the share of a month, ``days`` their number.
    """
    values = vector["input"]
    fixed = int(values["fixed_days"])
    days = _period(day_of(values["start"]), day_of(values["end"]))
    if days is None:
        raise Uncovered("not a day")
    rule = _rule_of(days, fixed)
    interval = _around(days)
    account = Account(
        vector["id"],
        [interval.part(ONE, days)],
        (days.from_date, days.to_date),
        interval.cycle_day,
        RATIO_DIGITS,
        day_count=rule,
    )

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        (row,) = bill.charge
        found = {"days": str(row["active_days"])}
        if row["denominator"] == fixed:
            found |= total("ratio")(bills)
        return found

    return Question([account], read)


def _rule_of(days: Period, fixed: int) -> DayCount:
    """The day count that counts months of so many days."""
    first, end = days.from_date, days.to_date
    same_month = (first.year, first.month) == (end.year, end.month)
    if fixed == 30:
        if 31 in (first.day, end.day):
            raise Uncovered("a 31st is a day for the peer, and the 30th in the engine's 30 days")
        return DayCount.THIRTY_360
    if same_month or (anchored(first.year, first.month, 31).day == fixed):
        return DayCount.ACTUAL_ACTUAL
    raise Uncovered(f"the engine counts the days that there are, or 30 a month; not {fixed}")


def _around(days: Period) -> Interval:
    """A month that has these days, and some beside them."""
    for cycle_day in range(1, 29):
        first = anchored(days.from_date.year, days.from_date.month, cycle_day)
        if first > days.from_date:
            first = anchored(*ahead(first, -1), cycle_day)
        month = Period(first, anchored(*ahead(first, 1), cycle_day))
        if month.covers(days) and month != days:
            return Interval(month, 1, cycle_day)
    raise Uncovered("more days than a month has: the engine charges several")


def day_rate(vector: dict) -> Question:
    """So many days of so many, of a plan's price."""
    values = vector["input"]
    of = _counted(values["days_in_period"])
    days = _first_days(of, values["days_billed"])
    price = cents(values["plan_amount_cents"])
    account = _share(vector["id"], price, days, of, mode=_mode(vector))
    return Question([account], _total_cents("amount_cents"))


def day_rate_of_dates(vector: dict) -> Question:
    """Dates of a period, the last of which counts."""
    values = vector["input"]
    of = Period(day_of(values["period_start"]), day_of(values["period_end_exclusive"]))
    days = _period(day_of(values["bill_from"]), day_of(values["bill_to_inclusive"]) + DAY)
    price = cents(values["plan_amount_cents"])
    account = _share(vector["id"], price, days, of, mode=_mode(vector))
    return Question([account], _total_cents("amount_cents"))


def taxed_part(
    price: str, days_of: Callable[[dict], tuple[Period, Period | None]], *, back: bool = False
) -> Semantics:
    """Part of a fee and its tax, each rounded; charged, or given back by a credit note.

    The tax is that of the exact part: both are asked with further digits, and then rounded.
    """

    def ask(vector: dict) -> Question:
        values = vector["input"]
        of, days = days_of(values)
        taxes = (str(values["tax_pct"]),)
        price_of_all = cents(values[price])
        digits = _finer(price_of_all)
        account = _share(
            vector["id"], price_of_all, days, of, taxes=taxes, back=back, digits=digits
        )
        return Question([account], exact)

    def exact(bills: Sequence[Billed]) -> Question:
        (bill,) = bills
        amounts = [abs(bill.of_bill(column)) for column in ("net_minor", "tax_minor")]
        return _each_rounded(bill.account, amounts, read)

    def read(bills: Sequence[Billed]) -> Figures:
        net, tax = (net_of(lines) for lines in bills[0].items())
        found = dict.fromkeys(("subtotal", "amount", "fee"), net) | {"tax": tax, "total": net + tax}
        return _with_cents(found)

    return by_billing(ask)


def _finer(price: Fraction) -> int:
    """With how many digits parts of this price are asked."""
    beyond = max(len(str(int(price))) - LARGE_DIGITS, 0)
    return max(FINEST_DIGITS - beyond, CENTS)


def _each_rounded(
    asked: Account, finer: Sequence[int], read: Callable[[Sequence[Billed]], Figures]
) -> Question:
    """A bill whose items cost these amounts, which have the digits of the account asked."""
    items = [Item(Fraction(amount, 10**asked.digits)) for amount in finer]
    return Question([Account(asked.key, items)], read)


def _with_cents(figures: dict[str, int]) -> Figures:
    """Amounts in cents, by the names that vectors have for them."""
    found = {name: str(amount) for name, amount in figures.items()}
    return found | {f"{name}_cents": amount for name, amount in found.items()}


def prorated_true_up(vector: dict) -> Question:
    """What usage lacks of the least for some days, and the tax of both, from exact amounts."""
    values = vector["input"]
    of = _counted(pick(values, *PERIOD_DAYS))
    days = _first_days(of, pick(values, "days", "days_billed", "billed_days", "active_days"))
    if days is None:
        raise Uncovered("not a day")
    used = pick(values, "usage_cents", "usage_amount_cents", "used_cents")
    used = used if isinstance(used, list) else [used]
    taxes = (str(values.get("tax_pct") or 0),)
    at_once = {"start": of.from_date, "kind": "one_time", "timing": "start", "taxes": taxes}
    least = cents(
        pick(values, "minimum_cents", "min_amount_cents", "min_cents", "minimum_amount_cents")
    )
    digits = _finer(max(least, *map(cents, used)))
    account = Account(
        vector["id"],
        [Item(cents(part), **at_once) for part in used],
        (of.from_date, of.to_date),
        digits=digits,
        commitment=_promise(least, days, taxes, digits),
    )

    def exact(bills: Sequence[Billed]) -> Question:
        (bill,) = bills
        usage = sum(net_of(lines) for lines in bill.items())
        amounts = [usage, bill.of_bill("net_minor") - usage, bill.of_bill("tax_minor")]
        return _each_rounded(account, amounts, _true_up)

    return Question([account], exact)


def _true_up(bills: Sequence[Billed]) -> Figures:
    usage, lacking, tax = (net_of(lines) for lines in bills[0].items())
    net = usage + lacking
    found = dict.fromkeys(("true_up", "amount", "true_up_amount"), lacking)
    found |= dict.fromkeys(("subtotal", "fees", "fees_amount"), net)
    return _with_cents(found | {"tax": tax, "taxes": tax, "total": net + tax})


def _billed_days(values: dict) -> tuple[Period, Period | None]:
    of = _counted(pick(values, *PERIOD_DAYS))
    return of, _first_days(of, values["days_billed"])


def _unused_days(values: dict) -> tuple[Period, Period | None]:
    of = _counted(pick(values, *PERIOD_DAYS))
    return of, _last_days(of, values["unused_days"])


def _as_long(period: Period) -> Interval:
    """The interval of these days, else another of as many."""
    interval = _interval(period) or _lengths().get(period.days)
    if interval is None:
        raise Uncovered(NO_INTERVAL)
    return interval


# Changes of a plan


def change(vector: dict) -> Question:
    """What is left of the old plan is given back and charged of the new one, if there are both."""
    values = vector["input"]
    in_cents = any(name.endswith("_cents") for name in values)
    plans = [values.get(f"{name}_cents" if in_cents else name) for name in ("old", "new")]
    if plans == [None, None]:
        raise Uncovered("neither an old plan nor a new one")
    prices = [cents(plan or 0) if in_cents else fraction(plan or 0) for plan in plans]
    period = _changed_period(values)
    left = _period(day_of(values["change"]), period.to_date)
    if left and not period.covers(left):
        raise Uncovered("the change is not in the period")
    interval = _as_long(period)
    days = _last_days(interval.days, left.days if left else 0)
    account = Account(
        vector["id"],
        [interval.given_back(prices[0], days), interval.part(prices[1], days)],
        (interval.days.from_date, interval.days.to_date),
        interval.cycle_day,
    )

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        credit, charge = (net_of(lines) for lines in bill.items())
        sums = {"credit": credit, "charge": charge, "net": bill.of_bill("net_minor")}
        if in_cents:
            return {f"{name}_cents": str(amount) for name, amount in sums.items()}
        return {name: bill.figure(amount) for name, amount in sums.items()}

    return Question([account], read)


def _changed_period(values: dict) -> Period:
    start = day_of(values["period_start"])
    if "period_end_inclusive" in values:
        return Period(start, day_of(values["period_end_inclusive"]) + DAY)
    return Period(start, day_of(values["period_end_exclusive"]))


def own_period(vector: dict) -> Question:
    """What was added is charged for the days that are left, of an interval of its own."""
    values = vector["input"]
    of = _counted(values["own_period_days"])
    days = _last_days(of, values["days_remaining"])
    account = _share(vector["id"], cents(values["new_cents"]), days, of)
    return Question([account], _total_cents("charge_cents", "net_cents"))


def one_time(vector: dict) -> Question:
    """A price that is due once is never a part of it."""
    values = vector["input"]
    price = cents(pick(values, *ONE_TIME)) * fraction(values.get("quantity") or 1)
    item = Item(price, start=date(2024, 4, 16), kind="one_time", timing="start")
    return Question([Account(vector["id"], [item])], _total_cents("charge_cents", "net_cents"))


SEMANTICS: dict[str, Semantics] = {
    "actual_days": by_billing(actual_days),
    "fixed_days_30": by_billing(fixed_days),
    "fixed_days_count": by_billing(fixed_days),
    "day_rate_cents": by_billing(day_rate),
    "day_rate_dates_inclusive_end": by_billing(day_rate_of_dates),
    "day_rate_plus_tax": taxed_part("plan_amount_cents", _billed_days),
    "change_half_open": by_billing(change),
    "change_inclusive_end": by_billing(change),
    "own_period": by_billing(own_period),
    "one_time_not_prorated": by_billing(one_time),
    "prorated_true_up": by_billing(prorated_true_up),
}
CREDITED = taxed_part("paid_fee_cents", _unused_days, back=True)
