"""Exact integer division and rounding as Ibis expressions: the only place where money is divided.

All values are int64. ``//`` and ``/`` of Ibis become floating-point divisions, so division is the
engine's own integer function ``divide``, which truncates toward zero; rounding adds the step by
sign. What does not fit into int64, a divisor below one and an unknown rounding mode are errors of
the engine, never a wrapped, empty or truncated amount; ``refusing_overflow`` words them for people.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from ibis.expr.builders import WindowBuilder

from crossbill.core.money import NANO_DIGITS
from crossbill.core.policy import FURTHER_DIGITS
from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode

INT64 = "int64"
TOTAL = "decimal(38, 0)"
LARGEST_POWER = 10**18
# More different divisors than a common multiple is looked for; it would hardly fit into int64.
MOST_DIVISORS = 24
LARGEST_PRIME = 2**63 - 25
ZERO = ibis.literal(0, INT64)
# The modes that ask what lies beyond the digit that decides, or whether the one before it is odd.
EXACTLY = (RoundingMode.HALF_EVEN.value, RoundingMode.UP.value)


class AmountOverflow(Refusal):
    """An amount does not fit into 64 bits. Look for an absurd price, quantity or rate."""

    code = "AMOUNT_OVERFLOW"


@ibis.udf.scalar.builtin(name="divide")  # type: ignore[untyped-decorator]
def _divide(numerator: int, denominator: int) -> int:  # type: ignore[empty-body]
    """The engine's integer division, truncating toward zero."""


@ibis.udf.scalar.builtin(name="lcm")  # type: ignore[untyped-decorator]
def _lcm(one: int, other: int) -> int:  # type: ignore[empty-body]
    """The engine's least common multiple; one that does not fit is an error."""


@ibis.udf.scalar.builtin(name="error")  # type: ignore[untyped-decorator]
def stop(message: str) -> int:  # type: ignore[empty-body]
    """Stop the query with a message, for what can only be a bug or a corrupt input."""


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us(instant: dt.timestamp) -> int:  # type: ignore[empty-body]
    """The engine's count of microseconds since 1970."""


@ibis.udf.scalar.builtin(name="make_timestamp")  # type: ignore[untyped-decorator]
def _make_timestamp(microseconds: int) -> dt.timestamp:
    """The engine's instant so many microseconds after 1970."""


@ibis.udf.agg.builtin(name="sum")  # type: ignore[untyped-decorator]
def _sum(value: int) -> dt.Decimal(38, 0):  # type: ignore[valid-type] # Ibis reads it
    """The engine's sum of integers, which is wider than they are."""


def instant(seconds: ir.IntegerValue) -> ir.TimestampValue:
    """The instant in UTC so many seconds after 1970."""
    return _make_timestamp(seconds * 1_000_000)


def epoch_seconds(instant: ir.TimestampValue) -> ir.IntegerValue:
    """Whole seconds since 1970, in UTC; a fraction of a second is dropped."""
    return quotient(_epoch_us(instant), 1_000_000)


def div_trunc(numerator: ir.IntegerValue, denominator: ir.IntegerValue | int) -> ir.IntegerValue:
    """``numerator / denominator`` truncated toward zero; the denominator must be positive."""
    return _divide(_int64(numerator), positive(denominator))


def div_rounded(
    numerator: ir.IntegerValue, denominator: ir.IntegerValue | int, mode: ir.StringValue | str
) -> ir.IntegerValue:
    """``numerator / denominator`` rounded by the mode, a column or one of ``RoundingMode``."""
    a, b = _int64(numerator), _int64(denominator)
    quotient, rest = div_trunc(a, b), a % b
    return quotient + _step(quotient, rest, b, mode)


def mul_div(
    a: ir.IntegerValue, b: ir.IntegerValue | int, c: ir.IntegerValue | int
) -> ir.IntegerValue:
    """``a * b / c`` truncated toward zero, exact although ``a * b`` may pass int64.

    Needs ``(c - 1) * b`` within int64; where it is not, the engine reports an overflow.
    """
    whole, part, divisor = _split(a, b, c)
    return whole + div_trunc(part, divisor)


def mul_mod(
    a: ir.IntegerValue, b: ir.IntegerValue | int, c: ir.IntegerValue | int
) -> ir.IntegerValue:
    """What ``mul_div`` leaves: the rest of ``a * b`` by ``c``, exact under its condition."""
    _, part, divisor = _split(a, b, c)
    return part % divisor


def mul_div_rounded(
    a: ir.IntegerValue,
    b: ir.IntegerValue | int,
    c: ir.IntegerValue | int,
    mode: ir.StringValue | str,
) -> ir.IntegerValue:
    """``a * b / c`` rounded once by the mode, exact under the condition of ``mul_div``."""
    whole, part, divisor = _split(a, b, c)
    quotient = whole + div_trunc(part, divisor)
    return quotient + _step(quotient, part % divisor, divisor, mode)


def quotient(numerator: ir.IntegerValue, divisor: ir.IntegerValue | int) -> ir.IntegerValue:
    """``numerator / divisor`` truncated, for a divisor that is known to be positive.

    Checking a divisor costs more than dividing by it. ``positive`` checks one where it comes from,
    so that millions of divisions by it need not.
    """
    return _divide(_int64(numerator), _int64(divisor))


def div_floor(numerator: ir.IntegerValue, divisor: ir.IntegerValue) -> ir.IntegerValue:
    """``numerator / divisor`` rounded down, for a divisor that is known to be positive."""
    return quotient(numerator, divisor) - (numerator % divisor < 0).cast(INT64)


def common_multiple(divisors: ir.ArrayValue) -> ir.IntegerValue:
    """The least common multiple of up to ``MOST_DIVISORS`` positive numbers, each there once.

    One that does not fit into int64 is an overflow, and so are more numbers than that.
    """
    found = ibis.ifelse(divisors.length() > MOST_DIVISORS, LARGEST_PRIME, 1).cast(INT64)
    for place in range(MOST_DIVISORS):
        found = _lcm(found, divisors[place].fill_null(1))
    return found


def ceil_div(numerator: ir.IntegerValue, divisor: ir.IntegerValue | int) -> ir.IntegerValue:
    """``numerator / divisor`` rounded up; numerator at least 0, divisor known to be positive."""
    return quotient(_int64(numerator) + _int64(divisor) - 1, divisor)


class Rounding(NamedTuple):
    """How ``whole + part / parts`` is rounded, as numbers that no longer ask for the mode.

    What is left over beyond the last digit that is kept, ``lead``, and one more where ``sticky`` or
    ``odd`` say so, are rounded up together where they reach ``bound``.
    """

    scale: ir.IntegerValue  # the last digit that is kept is worth so much, a power of ten
    bound: ir.IntegerValue  # what is left over is less than that
    lead: ir.IntegerValue
    fine: ir.IntegerValue  # 1 where a part is left over, 0 where it lies beyond what is left over
    sticky: ir.IntegerValue  # 1 where such a part counts
    odd: ir.IntegerValue  # 1 where it counts that the digit that is kept is odd


def rounding(scale: ir.IntegerValue, parts: ir.IntegerValue, mode: ir.StringValue) -> Rounding:
    """How amounts are rounded to a multiple of ``scale``, a power of ten up to 10**18.

    Below a scale of 10 or more, what is left of one nano only tells a tie from what lies just
    beyond it. Millions of amounts that are rounded alike need this once.
    """
    fine = (scale == 1).cast(INT64)
    bound = ibis.ifelse(scale == 1, _int64(parts), _int64(scale))
    unknown = stop(ibis.literal("unknown rounding mode: ") + mode.fill_null("none"))
    lead = mode.cases(
        (RoundingMode.HALF_UP.value, quotient(bound, 2)),
        (RoundingMode.HALF_EVEN.value, quotient(bound - 1, 2)),
        (RoundingMode.UP.value, bound - 1),
        (RoundingMode.DOWN.value, _int64(0)),
        else_=unknown,
    )
    beyond = mode.isin(EXACTLY).cast(INT64)
    ties = (mode == RoundingMode.HALF_EVEN.value).cast(INT64)
    return Rounding(
        _int64(scale), bound, lead, fine, sticky=beyond * (1 - fine), odd=ties * (1 - bound % 2)
    )


def rounded(
    whole: ir.IntegerValue,
    part: ir.IntegerValue,
    how: Rounding,
    *,
    parts: bool = True,
    exactly: bool = True,
) -> ir.IntegerValue:
    """The multiple of the scale that an amount is rounded to.

    Needs ``whole`` at least 0 and ``0 <= part < parts < 2**62``; ``exactly`` unless no mode is one
    of ``EXACTLY``, and ``parts`` unless this is so and all scales are 10 or more.
    """
    if not parts:  # ``bound`` is the scale then
        return quotient(whole + how.lead, how.scale) * how.scale
    kept = quotient(whole, how.scale)
    left = whole - kept * how.scale + part * how.fine + how.lead
    if exactly:
        left += ibis.greatest((part > 0).cast(INT64) * how.sticky, (kept & 1) * how.odd)
    grows = left >= how.bound
    return (kept + grows.cast(INT64)) * how.scale


def round_parts(
    whole: ir.IntegerValue,
    part: ir.IntegerValue,
    parts: ir.IntegerValue,
    scale: ir.IntegerValue,
    mode: ir.StringValue,
) -> ir.IntegerValue:
    """``whole + part / parts`` rounded once, under the conditions of ``rounded``."""
    return rounded(whole, part, rounding(scale, parts, mode))


def where(condition: ir.BooleanValue, value: ir.IntegerValue) -> ir.IntegerValue:
    """The value where the condition holds, 0 elsewhere."""
    return ibis.ifelse(condition, value, ZERO)


def larger(one: ir.IntegerValue, other: ir.IntegerValue) -> ir.IntegerValue:
    """The larger of two that are both there: a choice takes a third of what ``greatest`` takes."""
    return ibis.ifelse(one > other, one, other)


def sum_int64(values: ir.IntegerValue, over: WindowBuilder | None = None) -> ir.IntegerValue:
    """The sum as int64; the engine adds in 128 bits and reports a sum that does not fit.

    Ibis takes the sum of int64 for an int64 and drops a cast to it, and the 128-bit integer of
    DuckDB becomes a double in Parquet. So the sum is declared as wider, and the cast stays.
    ``over`` is the window of a running sum.
    """
    summed = _sum(_int64(values))
    return (summed if over is None else summed.over(over)).cast(INT64)


def total(values: ir.IntegerValue) -> ir.DecimalScalar:
    """The sum over a population, exact to 38 digits."""
    return _int64(values).sum().cast(TOTAL)


@contextmanager
def refusing_overflow() -> Iterator[None]:
    """Word the engine's overflow for people; wrap the execution of whatever calculates money."""
    try:
        yield
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        raise AmountOverflow(
            str(error).splitlines()[0],
            cure="look for an absurd price, quantity or rate in the input",
        ) from error


def _split(
    a: ir.IntegerValue, b: ir.IntegerValue | int, c: ir.IntegerValue | int
) -> tuple[ir.IntegerValue, ir.IntegerValue, ir.IntegerValue]:
    """``a * b / c`` as (whole, part, c) with whole + part / c; both have the sign of ``a * b``."""
    amount, factor, divisor = _int64(a), _int64(b), _int64(c)
    return div_trunc(amount, divisor) * factor, (amount % divisor) * factor, divisor


def _step(
    quotient: ir.IntegerValue,
    rest: ir.IntegerValue,
    divisor: ir.IntegerValue,
    mode: ir.StringValue | str,
) -> ir.IntegerValue:
    """What rounding adds to a truncated quotient: 0, or 1 with the sign of the rest.

    The magnitude grows where the rest reaches the divisor less the mode's lead. The lead of a half
    is the divisor's half, of which a tie beside an even quotient falls one short. Nothing is
    doubled or added up, which could pass int64.
    """
    leads = {
        RoundingMode.DOWN: ibis.literal(0, INT64),
        RoundingMode.UP: divisor - 1,
        RoundingMode.HALF_UP: _divide(divisor, 2),
        RoundingMode.HALF_EVEN: _divide(divisor - 1 + (quotient % 2).abs(), 2),
    }
    if isinstance(mode, str):
        lead = leads[RoundingMode(mode)]
    else:
        unknown = stop(ibis.literal("unknown rounding mode: ") + mode.fill_null("none"))
        lead = ibis.cases(*((mode == m.value, v) for m, v in leads.items()), else_=unknown)
    return ibis.ifelse(rest.abs() >= divisor - lead, rest.sign().cast(INT64), 0)


def _int64(value: ir.IntegerValue | int) -> ir.IntegerValue:
    """The value as int64, so that a narrow literal does not overflow early."""
    if isinstance(value, int):
        return ibis.literal(value, INT64)
    return value.cast(INT64)


def positive(divisor: ir.IntegerValue | int) -> ir.IntegerValue:
    """The divisor, or an error of the engine where it is below one."""
    if isinstance(divisor, int):
        assert divisor > 0, "a divisor is positive: signs belong to the numerator"
        return _int64(divisor)
    message = ibis.literal("a divisor must be positive, not ") + divisor.cast("string")
    return ibis.ifelse(divisor > 0, divisor, stop(message.fill_null("a divisor is empty")))


def nanos_per_minor(digits: ir.IntegerValue) -> ir.IntegerValue:
    """How many nanos a minor unit with so many digits is; an error where there is no such unit."""
    known = [(digits == d, ibis.literal(10 ** (NANO_DIGITS - d), INT64)) for d in range(5)]
    message = ibis.literal("no currency has so many minor digits: ")
    return ibis.cases(*known, else_=stop(message + digits.cast("string").fill_null("none")))


def power_of_ten(digits: ir.IntegerValue) -> ir.IntegerValue:
    """Ten to the power of a policy's further digits; an error where no policy has so many.

    It is the quotient of two powers that only fit into int64, since the engine takes a small
    literal for an int32, whatever Ibis holds it for.
    """
    known = [(digits == d, ibis.literal(LARGEST_POWER // 10**d, INT64)) for d in FURTHER_DIGITS]
    message = ibis.literal("no policy keeps so many digits: ")
    found = ibis.cases(*known, else_=stop(message + digits.cast("string").fill_null("none")))
    return quotient(ibis.literal(LARGEST_POWER, INT64), found)
