"""The amounts of charges, each computed from its own row alone, by the policy on that row.

Nothing is looked up here, so a "what if" (another day count, another price version) is the same
verb on changed rows. What the rows hold is gathered by ``resolve``.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.period import DayCount
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE

PPM = 1_000_000


def charge(charge_input: ir.Table) -> ir.Table:
    """Reads ``charge_input``; writes ``charge``: the same rows with their share and amounts."""
    shared = _with_share(_with_days(charge_input))
    return _with_discount(_with_gross(shared)).select(*CHARGE.ibis)


def _with_days(rows: ir.Table) -> ir.Table:
    """Adds active_days and interval_days, counted by the policy.

    A charge that ends before its interval does loses its last day where the end day does not count.
    """
    ends_early = rows.charge_to < rows.interval_to
    day_before = (rows.charge_to - ibis.interval(days=1)).cast("date")
    counted_to = ibis.ifelse(ends_early & ~rows.end_day_counts, day_before, rows.charge_to)
    days = counted_days(rows.charge_from, counted_to, rows.day_count)
    return rows.mutate(
        active_days=ibis.greatest(days, 0),
        interval_days=counted_days(rows.interval_from, rows.interval_to, rows.day_count),
    )


def _with_share(rows: ir.Table) -> ir.Table:
    """Adds numerator and denominator; a full interval is 1/1, however long its months."""
    full = (rows.charge_from <= rows.interval_from) & (rows.charge_to >= rows.interval_to)
    whole = full | ~rows.prorated
    by_year = rows.day_count == DayCount.ACTUAL_365.value
    return rows.mutate(
        numerator=ibis.cases(
            (whole, 1), (by_year, rows.active_days * 12), else_=rows.active_days
        ).cast("int64"),
        denominator=ibis.cases(
            (whole, 1), (by_year, rows.interval_months * 365), else_=rows.interval_days
        ).cast("int64"),
    )


def _with_gross(rows: ir.Table) -> ir.Table:
    """Adds the charge before discount and tax: price x quantity x share, rounded once."""
    scaled = rows.mutate(
        full_nanos=rows.price_nanos * rows.quantity * rows.sign,
        parts=rows.denominator * integers.nanos_per_minor(rows.minor_digits),
    )
    full, share = scaled.full_nanos, scaled.numerator
    return scaled.mutate(
        gross_nanos=integers.mul_div(full, share, scaled.denominator),
        gross_minor=integers.mul_div_rounded(full, share, scaled.parts, scaled.rounding_mode),
    )


def _with_discount(rows: ir.Table) -> ir.Table:
    """Adds what the discount takes off the rounded charge."""
    taken = integers.mul_div_rounded(rows.gross_minor, rows.discount_ppm, PPM, rows.rounding_mode)
    return rows.mutate(discount_minor=-taken)


def counted_days(
    start: ir.DateValue, end: ir.DateValue, day_count: ir.StringValue
) -> ir.IntegerValue:
    """Days from one date up to another by the day count; an unknown one is an error."""
    thirty = _thirty_360(end) - _thirty_360(start)
    actual = end.delta(start, unit="day")
    message = ibis.literal("unknown day count: ") + day_count.fill_null("none")
    return ibis.cases(
        (day_count == DayCount.THIRTY_360.value, thirty),
        (day_count == DayCount.ACTUAL_ACTUAL.value, actual),
        (day_count == DayCount.ACTUAL_365.value, actual),
        else_=integers.stop(message),
    ).cast("int64")


def _thirty_360(day: ir.DateValue) -> ir.IntegerValue:
    """The day's number where all months have 30 days."""
    return day.year() * 360 + day.month() * 30 + ibis.least(day.day(), 30)
