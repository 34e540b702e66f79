"""Which days of which price a bill charges: the intervals that fall due in its period.

A price pays for an interval: a month, a quarter, a year. Intervals begin on an anchor day, which a
shorter month pulls to its last day and the next one lets go again (31, 28, 31). In advance, what
begins within the bill period is due; in arrears, what ends within it. Where the books say how far a
price was charged already, all that begins later is due, and days charged beyond a product's end
are given back.
"""

from collections.abc import Iterable
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossbill.core.period import anchored
from crossbill.engine import integers
from crossbill.engine.billing_datasets import BOUNDARY
from crossbill.platform.product.catalogue_format import LONGEST_MONTHS, STANDARD

RECURRING, ONE_TIME, TERMINATION = "recurring", "one_time", "termination"
ADVANCE, ARREARS, AT_START, AT_END = "advance", "arrears", "start", "end"
BY_CYCLE, BY_START, BY_CALENDAR = "cycle", "start", "calendar"
FOREVER = "9999-12-31"
_SHIFT = 12_000  # intervals; keeps a difference of months positive, where truncating is flooring


def boundaries(days: Iterable[date]) -> pa.Table:
    """The dataset ``boundary`` for all intervals that can touch these days."""
    months = [12 * day.year + day.month - 1 for day in days]
    wide = 2 * LONGEST_MONTHS
    rows = [
        {"anchor_day": anchor, "month": month, "day": anchored(month // 12, month % 12 + 1, anchor)}
        for month in range(min(months) - wide, max(months) + wide)
        for anchor in range(1, 32)
    ]
    return pa.Table.from_pylist(rows, BOUNDARY.arrow)


def due(held: ir.Table, component: ir.Table, charged: ir.Table, boundary: ir.Table) -> ir.Table:
    """Reads products with their bill period, and the tables of those names.

    ``held`` has product_key, offering_code, start_date, end_date, contract_end_date, quantity,
    period_from, period_to and ``anchor_day`` (of the bill cycle). Adds, once for each part that is
    due: category, price_code, interval_from, interval_to, interval_months, prorated, charge_from,
    charge_to, sign, tax_category and tax_inclusive. The quantity of a termination fee is multiplied
    by the months that it is due for.
    """
    rows = _with_charged(_with_component(held, component), charged)
    parts = _part(_with_interval(_relevant(rows), boundary))
    wanted = parts.filter(parts.charge_from < parts.charge_to, _is_due(parts))
    fee = wanted.kind == TERMINATION
    return wanted.mutate(
        category=ibis.ifelse(wanted.kind == RECURRING, RECURRING, ONE_TIME),
        quantity=ibis.ifelse(fee, wanted.quantity * _fees(wanted), wanted.quantity),
        interval_months=wanted.months,
    )


def _with_component(held: ir.Table, component: ir.Table) -> ir.Table:
    """The prices of each offering; one that states none has one monthly price of its own code."""
    rows = held.left_join(component, "offering_code").drop("offering_code_right")
    return rows.mutate(
        price_code=rows.price_code.coalesce(rows.offering_code),
        kind=rows.kind.fill_null(RECURRING),
        timing=rows.timing.fill_null(ARREARS),
        months=rows.months.fill_null(1),
        alignment=rows.alignment.fill_null(BY_CYCLE),
        prorated=rows.prorated.fill_null(True),
        tax_category=rows.tax_category.fill_null(STANDARD),
        tax_inclusive=rows.tax_inclusive.fill_null(False),
    )


def _with_charged(rows: ir.Table, charged: ir.Table) -> ir.Table:
    """Up to where a bill has charged already; empty where none says so."""
    keys = ["product_key", "price_code"]
    through = charged.group_by(*keys).aggregate(
        charged_through=charged.charged_through.max(), charged_nanos=charged.charged_nanos.max()
    )
    found = rows.left_join(through, keys).drop(*(f"{key}_right" for key in keys))
    return found.mutate(ends=found.end_date.fill_null(ibis.date(FOREVER)))


def _relevant(rows: ir.Table) -> ir.Table:
    """What is held on a day of the period, or was charged beyond its end; it was held at all."""
    held = (rows.start_date < rows.period_to) & (rows.ends > rows.period_from)
    never = rows.ends <= rows.start_date
    return rows.filter((held & ~never) | rows.charged_through.notnull())


def _with_interval(rows: ir.Table, boundary: ir.Table) -> ir.Table:
    """The rows once for each interval that may be due; a one-time charge has a day of its own."""
    known = rows.charged_through
    since = ibis.ifelse(
        known.isnull(), rows.period_from, ibis.least(known, rows.period_from, rows.ends)
    )
    until = ibis.greatest(known.fill_null(rows.period_to), rows.period_to)
    windowed = rows.mutate(
        anchor=_anchor(rows),
        base=ibis.ifelse(rows.alignment == BY_CALENDAR, 0, _month(rows.start_date)),
        since=_month(ibis.greatest(since, rows.start_date)),
        until=_month(until),
        once=rows.kind != RECURRING,
    )
    first = _interval_of(windowed, windowed.since) - 1
    last = _interval_of(windowed, windowed.until) + 1
    last = ibis.ifelse(windowed.once, first + 1, last)
    numbered = windowed.mutate(number=ibis.range(first, last).unnest().cast("int64"))
    begins = numbered.base + numbered.number * numbered.months
    dated = numbered.mutate(begins=begins, follows=begins + numbered.months)
    return _bounded(_bounded(dated, boundary, "begins", "from_day"), boundary, "follows", "to_day")


def _anchor(rows: ir.Table) -> ir.IntegerValue:
    """The day of the month on which intervals begin; those of the calendar on the first."""
    return ibis.cases(
        (rows.alignment == BY_START, rows.start_date.day()),
        (rows.alignment == BY_CALENDAR, 1),
        else_=rows.anchor_day,
    ).cast("int64")


def _bounded(rows: ir.Table, boundary: ir.Table, month: str, name: str) -> ir.Table:
    days = boundary.select(
        day_anchor=boundary.anchor_day, day_month=boundary.month, **{name: boundary.day}
    )
    on = [rows.anchor == days.day_anchor, rows[month] == days.day_month]
    return rows.left_join(days, on).drop("day_anchor", "day_month")


def _month(day: ir.DateValue) -> ir.IntegerValue:
    return (day.year() * 12 + day.month() - 1).cast("int64")


def _interval_of(rows: ir.Table, month: ir.IntegerValue) -> ir.IntegerValue:
    """Which interval begins in this month or is the last to begin before it, counted from base."""
    return integers.quotient(month - rows.base + _SHIFT * rows.months, rows.months) - _SHIFT


def _part(rows: ir.Table) -> ir.Table:
    """The days of each interval that are charged, or given back."""
    known, recurring = rows.charged_through, rows.kind == RECURRING
    back = recurring & (known > rows.ends).fill_null(False)
    once_on = ibis.ifelse(rows.timing == AT_START, rows.start_date, _last_day(rows))
    interval_from = ibis.ifelse(recurring, rows.from_day, once_on)
    interval_to = ibis.ifelse(recurring, rows.to_day, _next_day(once_on))
    bounded = rows.mutate(interval_from=interval_from, interval_to=interval_to, back=back)
    begun = ibis.greatest(bounded.interval_from, bounded.start_date)
    since = ibis.ifelse(back, bounded.ends, known)
    return bounded.mutate(
        charge_from=ibis.greatest(begun, since.fill_null(bounded.start_date)),
        charge_to=ibis.least(bounded.interval_to, ibis.ifelse(back, known, bounded.ends)),
        sign=ibis.ifelse(back, -1, 1).cast("int64"),
    )


def _last_day(rows: ir.Table) -> ir.DateValue:
    return _date(rows.ends - ibis.interval(days=1))


def _next_day(day: ir.DateValue) -> ir.DateValue:
    return _date(day + ibis.interval(days=1))


def _date(day: ir.DateValue) -> ir.DateValue:
    """The engine makes an instant of a day and an interval, and Ibis takes it for a day."""
    return day.cast("timestamp").cast("date")


def _is_due(rows: ir.Table) -> ir.BooleanValue:
    """Whether this bill is the one that charges the part."""
    first, known = rows.charged_through.isnull(), rows.charged_through
    begins = (rows.charge_from < rows.period_to) & (~first | (rows.charge_from >= rows.period_from))
    over = (rows.charge_to <= rows.period_to) & (~first | (rows.charge_to > rows.period_from))
    regular = ibis.ifelse(rows.timing == ADVANCE, begins, over)
    whole = rows.charge_from == ibis.greatest(rows.interval_from, rows.start_date)
    back = (rows.ends < rows.period_to) & (rows.prorated | whole)
    on_day = (rows.interval_from >= rows.period_from) & (rows.interval_from < rows.period_to)
    early = (rows.contract_end_date > rows.ends).fill_null(False)
    once = on_day & known.isnull() & ((rows.kind != TERMINATION) | early)
    return ibis.cases((rows.kind != RECURRING, once), (rows.back, back), else_=regular)


def _fees(rows: ir.Table) -> ir.IntegerValue:
    """For how many times its months the fee is due: those of the contract that are left, begun."""
    until, ends = rows.contract_end_date, rows.ends
    begun = ibis.ifelse(until.day() > ends.day(), 1, 0)
    left = _month(until) - _month(ends) + begun
    return integers.ceil_div(left.fill_null(0), rows.months)
