"""The amounts of charges, each computed from its own row alone, by the policy on that row.

Where a policy rounds the sum of a bill, a charge is here what it would be by itself, and
``whole_bills`` makes it a part of that sum.

Nothing is looked up here, so a "what if" (another day count, another price version) is the same
verb on changed rows. What the rows hold is gathered by ``resolve``.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.period import DayCount
from crossbill.core.policy import ChargeRounding, DiscountBase
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE

PPM = 1_000_000


def charge(charge_input: ir.Table) -> ir.Table:
    """Reads ``charge_input``; writes ``charge``: the same rows with their share and amounts."""
    return with_amounts(with_share(charge_input)).select(*CHARGE.ibis)


def with_share(rows: ir.Table) -> ir.Table:
    """Adds active_days, interval_days, and the share of the price that is due by the day rules."""
    return _with_parts(_with_days(rows))


def in_line(rows: ir.Table) -> ir.BooleanValue:
    """Whether nothing smaller than the whole charge is rounded."""
    return rows.rounding_scope.isin([ChargeRounding.LINE.value, ChargeRounding.BILL.value])


def with_amounts(rows: ir.Table) -> ir.Table:
    """Adds what the share costs, and what the discount takes off, by the rules of rounding."""
    return _with_discount(_with_gross(rows))


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


def _with_parts(rows: ir.Table) -> ir.Table:
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
    """Adds the charge before discount and tax: price x quantity x share, rounded by the policy.

    What the policy rounds first is price x ``priced_units`` x share, or a day's part of that; it
    counts ``fine_minor``, whole ones of the last digit that it keeps. The line is rounded from it.
    """
    rows = _with_first_rounding(rows)
    price, step = rows.price_nanos * rows.priced_units * rows.sign, _step_nanos(rows)
    parts = rows.denominator * step
    first = integers.mul_div_rounded(price, rows.priced_share, parts, rows.rounding_mode)
    fine = rows.mutate(fine_minor=first * rows.times)
    exact = integers.mul_div(price, rows.numerator, rows.denominator)
    by_bill = fine.rounding_scope == ChargeRounding.BILL.value
    once = by_bill | (in_line(fine) & (fine.finer == 1))
    return fine.mutate(
        gross_nanos=ibis.ifelse(once, exact, fine.fine_minor * step),
        gross_minor=ibis.ifelse(
            fine.finer == 1,
            fine.fine_minor,
            integers.div_rounded(fine.fine_minor, fine.finer, fine.rounding_mode),
        ),
    )


def _with_first_rounding(rows: ir.Table) -> ir.Table:
    """Adds what is rounded first: of how many units, of which share, and how often that is taken.

    A full interval costs its price and not that of its days.
    """
    by_day = (rows.rounding_scope == ChargeRounding.DAY.value) & (rows.denominator > 1)
    days = ibis.ifelse(by_day, ibis.greatest(rows.active_days, 1), 1)
    unknown = ibis.literal("unknown rounding scope: ") + rows.rounding_scope.fill_null("none")
    return rows.mutate(
        priced_units=rows.rounding_scope.cases(
            (ChargeRounding.LINE.value, rows.quantity),
            (ChargeRounding.BILL.value, rows.quantity),
            (ChargeRounding.UNIT.value, 1),
            (ChargeRounding.DAY.value, 1),
            else_=integers.stop(unknown),
        ),
        priced_share=integers.quotient(rows.numerator, days),
        times=days * ibis.ifelse(in_line(rows), 1, rows.quantity),
        finer=integers.power_of_ten(rows.rounding_digits),
    )


def _step_nanos(rows: ir.Table) -> ir.IntegerValue:
    """The nanos of the last digit that is kept by what is rounded first."""
    return integers.quotient(integers.nanos_per_minor(rows.minor_digits), rows.finer)


def with_discount_of_line(rows: ir.Table) -> ir.Table:
    """Takes the discount anew of ``gross_minor`` where it is a share of what the line says."""
    of_line = rows.discount_base == DiscountBase.ROUNDED.value
    taken = integers.mul_div_rounded(rows.gross_minor, rows.discount_ppm, PPM, rows.rounding_mode)
    return rows.mutate(discount_minor=ibis.ifelse(of_line, -taken, rows.discount_minor))


def _with_discount(rows: ir.Table) -> ir.Table:
    """Adds what the discount takes off the charge, as that is rounded or with all its digits."""
    unrounded = rows.discount_base == DiscountBase.UNROUNDED.value
    base = ibis.ifelse(unrounded, rows.fine_minor, rows.gross_minor)
    whole = ibis.ifelse(unrounded, rows.finer * PPM, PPM)
    taken = integers.mul_div_rounded(base, rows.discount_ppm, whole, rows.rounding_mode)
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
