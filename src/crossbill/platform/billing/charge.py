"""The amounts of charges, each computed from its own row alone, by the policy on that row.

Nothing is looked up here, so a "what if" (another day count, another price version) is the same
verb on changed rows. What the rows hold is gathered by ``resolve``.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.period import DayCount
from crossbill.core.policy import TaxScope
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE

PPM = 1_000_000


def charge(charge_input: ir.Table) -> ir.Table:
    """Reads ``charge_input``; writes ``charge``: the same rows with their share and amounts."""
    shared = _with_share(_with_days(charge_input))
    return _with_tax(_with_discount(_with_gross(shared))).select(*CHARGE.ibis)


def _with_days(rows: ir.Table) -> ir.Table:
    """Adds active_days and period_days, counted by the policy.

    A charge that ends before the period does loses its last day where the end day does not count.
    """
    ends_early = rows.charge_to < rows.period_to
    day_before = (rows.charge_to - ibis.interval(days=1)).cast("date")
    counted_to = ibis.ifelse(ends_early & ~rows.end_day_counts, day_before, rows.charge_to)
    days = _days(rows.charge_from, counted_to, rows.day_count)
    return rows.mutate(
        active_days=ibis.greatest(days, 0),
        period_days=_days(rows.period_from, rows.period_to, rows.day_count),
    )


def _with_share(rows: ir.Table) -> ir.Table:
    """Adds numerator and denominator; a full period is 1/1, however long the month."""
    full = (rows.charge_from <= rows.period_from) & (rows.charge_to >= rows.period_to)
    by_year = rows.day_count == DayCount.ACTUAL_365.value
    return rows.mutate(
        numerator=ibis.cases(
            (full, 1), (by_year, rows.active_days * 12), else_=rows.active_days
        ).cast("int64"),
        denominator=ibis.cases((full, 1), (by_year, 365), else_=rows.period_days).cast("int64"),
    )


def _with_gross(rows: ir.Table) -> ir.Table:
    """Adds the charge before discount and tax: price x quantity x share, rounded once."""
    scaled = rows.mutate(
        monthly_nanos=rows.price_nanos * rows.quantity,
        parts=rows.denominator * integers.nanos_per_minor(rows.minor_digits),
    )
    monthly, share = scaled.monthly_nanos, scaled.numerator
    return scaled.mutate(
        gross_nanos=integers.mul_div(monthly, share, scaled.denominator),
        gross_minor=integers.mul_div_rounded(monthly, share, scaled.parts, scaled.rounding_mode),
    )


def _with_discount(rows: ir.Table) -> ir.Table:
    """Adds what the discount takes off the rounded charge."""
    taken = integers.mul_div_rounded(rows.gross_minor, rows.discount_ppm, PPM, rows.rounding_mode)
    return rows.mutate(discount_minor=-taken)


def _with_tax(rows: ir.Table) -> ir.Table:
    """Adds the tax of each line where the policy taxes lines; a bill's tax is the bill's."""
    by_line = rows.tax_scope == TaxScope.LINE.value

    def tax(net: ir.IntegerValue) -> ir.IntegerValue:
        amount = integers.mul_div_rounded(net, rows.tax_ppm, PPM, rows.tax_rounding_mode)
        return ibis.ifelse(by_line, amount, 0)

    return rows.mutate(
        gross_tax_minor=tax(rows.gross_minor), discount_tax_minor=tax(rows.discount_minor)
    )


def _days(start: ir.DateValue, end: ir.DateValue, day_count: ir.StringValue) -> ir.IntegerValue:
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
