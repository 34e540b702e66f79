"""Vectors of kind period, and of cycles: which intervals have begun by a day, or end on it.

Where the books say that nothing is charged yet, the bill of one day charges all that has begun.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from crossbill.core.period import Period, anchored
from vectors.answers import Figures, Semantics, Uncovered, text
from vectors.billing import Account, Billed, Item, Question, by_billing
from vectors.proration import DAY, ONE, RATIO_DIGITS, Interval, ahead, day_of, net_of, total

MONTHS = {
    "monthly": 1,
    "bimestrial": 2,
    "quarterly": 3,
    "triannual": 4,
    "biannual": 6,
    "semiannual": 6,
    "annual": 12,
    "yearly": 12,
    "sesquiennial": 18,
    "biennial": 24,
    "triennial": 36,
}


def _months(name: object) -> int:
    if str(name).lower() not in MONTHS:
        raise Uncovered("the engine's intervals last months: none of weeks or days")
    return MONTHS[str(name).lower()]


# Billing cycles in advance


def cycles(vector: dict) -> Question:
    """All that has begun by a day, in one bill; a cycle costs one."""
    values = vector["input"]
    account = _until(vector["id"], values, day_of(values["target"]), int(values["bill_cycle_day"]))
    return Question([account], _cycles_or_parts)


def _until(key: str, values: dict, target: date, cycle_day: int) -> Account:
    """The bill of a day for all that has begun from the start to then."""
    start, end = day_of(values["start"]), values.get("end")
    if end and day_of(end) < start:
        raise Uncovered("it ends before it begins")
    item = Item(
        ONE,
        start,
        day_of(end) if end else None,
        start,
        _months(values.get("billing_period") or values["period"]),
    )
    return Account(key, [item], (target, target + DAY), cycle_day=cycle_day, digits=RATIO_DIGITS)


def _cycles_or_parts(bills: Sequence[Billed]) -> Figures | Question:
    """The cycles, or what the parts are which the peer measures on another day of the month.

    The peer measures a part against a period from its bill date on, or back from it, in which a
    short month's last day is kept: from 28 February back to 28 January, where the engine's interval
    goes back to the 31st. So it is asked again with the 28th as bill cycle day.
    """
    (bill,) = bills
    apart = [row for row in bill.charge if _peers_interval(row).cycle_day != bill.account.cycle_day]
    cut = [row for row in apart if (row["numerator"], row["denominator"]) != (1, 1)]
    if not cut:
        return total("cycles")(bills)
    accounts = []
    for place, row in enumerate(cut):
        days, interval = Period(row["charge_from"], row["charge_to"]), _peers_interval(row)
        item = interval.part(ONE, days)
        asked = (days.from_date, days.from_date + DAY)
        key = f"{bill.account.key}/{place}"
        accounts.append(Account(key, [item], asked, interval.cycle_day, RATIO_DIGITS))
    cuts = {row["charge_from"] for row in cut}
    others = [line for line in bill.bill_line if line["charge_from"] not in cuts]

    def read(parts: Sequence[Billed]) -> Figures:
        return {"cycles": bill.figure(net_of([*others, *(n for p in parts for n in p.bill_line)]))}

    return Question(accounts, read)


def _peers_interval(row: dict) -> Interval:
    """What the peer measures a part against: back from the day it ends on, else on from its first.

    Where the product ends before its first bill date, that is the day of the end.
    """
    months = row["interval_months"]
    if row["charge_from"] > row["interval_from"]:
        end = row["charge_to"]
        first = anchored(*ahead(end, -months), end.day)
        return Interval(Period(first, end), months, end.day)
    first = row["interval_from"]
    end = anchored(*ahead(first, months), first.day)
    return Interval(Period(first, end), months, first.day)


def months_of_days(vector: dict) -> Question:
    """Each calendar month's days over the days that it has."""
    values = vector["input"]
    last = day_of(values["end_inclusive"])
    held = {"start": values["start"], "end": str(last + DAY), "period": "monthly"}
    return Question([_until(vector["id"], held, last, 1)], total("months"))


# Which days a period has


def _charged_days(row: dict) -> Figures:
    return {"start": str(row["charge_from"]), "end": str(row["charge_to"])}


def advance_period(vector: dict) -> Question:
    """What begins on the day of the invoice."""
    values = vector["input"]
    day = day_of(values["invoice_date"])
    held = {"start": values["invoice_date"], "period": values["period"]}
    account = _until(vector["id"], held, day, int(values["billing_day"]))
    return Question([account], _last_days_charged)


def arrear_period(vector: dict) -> Question:
    """What ends on the day of the invoice."""
    values = vector["input"]
    day, start = day_of(values["invoice_date"]), day_of(values["billing_start"])
    item = Item(ONE, start, months=_months(values["period"]), timing="arrears")
    account = Account(vector["id"], [item], (day - DAY, day), int(values["billing_day"]))
    return Question([account], _last_days_charged)


def find_period(vector: dict) -> Question:
    """What was the last to begin by a day; before the start it is what begins there."""
    values = vector["input"]
    day = max(day_of(values["target"]), day_of(values["start"]))
    account = _until(vector["id"], values, day, int(values["billing_day"]))
    return Question([account], _last_days_charged)


def _last_days_charged(bills: Sequence[Billed]) -> Figures:
    (bill,) = bills
    if not bill.charge:
        raise Uncovered("no interval begins or ends on the day")
    return _charged_days(bill.charge[-1])


def elapsed_cycles(vector: dict) -> Question:
    """How many begin after the start and by a day."""
    values = vector["input"]
    start = day_of(values["start"])
    account = _until(vector["id"], values, day_of(values["target"]), int(values["billing_day"]))

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        return {"cycles": text(Fraction(sum(row["charge_from"] > start for row in bill.charge)))}

    return Question([account], read)


CYCLES: dict[str, Semantics] = {
    "kb_in_advance_cycles": by_billing(cycles),
    "months_inclusive_per_calendar_month": by_billing(months_of_days),
}
PERIODS: dict[str, Semantics] = {
    "advance_period": by_billing(advance_period),
    "arrear_period": by_billing(arrear_period),
    "elapsed_cycles": by_billing(elapsed_cycles),
    "find_period": by_billing(find_period),
}
