"""Exact amounts in tables: ``whole_nanos + part / parts``, rounded only at the end.

Every function takes rows and gives them back with these three columns set; a part has the sign of
the amount and is smaller than ``parts``. Each intermediate value becomes a column, so that the
query that a chain of them makes does not repeat itself.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import NANO_DIGITS
from crossbill.core.rounding import RoundingMode
from crossbill.engine import integers

FINEST, COARSEST = NANO_DIGITS, -NANO_DIGITS  # digits after the point that rounding can keep
COLUMNS = ("whole_nanos", "part", "parts")


def nanos(rows: ir.Table, amount: ir.IntegerValue | int) -> ir.Table:
    """An amount without a part."""
    whole = ibis.literal(amount, "int64") if isinstance(amount, int) else amount
    return rows.mutate(
        whole_nanos=whole, part=ibis.literal(0, "int64"), parts=ibis.literal(1, "int64")
    )


def priced(
    rows: ir.Table, quantity: ir.IntegerValue, price: ir.IntegerValue, unit: ir.IntegerValue
) -> ir.Table:
    """What a quantity costs at a price for so many of it; ``(unit - 1) * price`` fits int64."""
    units = integers.div_trunc(quantity, unit)
    return _carried(
        rows.mutate(whole_nanos=units * price, part=(quantity % unit) * price, parts=unit)
    )


def raised(rows: ir.Table, by: ir.IntegerValue) -> ir.Table:
    """The amount and so many whole nanos."""
    return _of_one_sign(rows.mutate(whole_nanos=rows.whole_nanos + by))


def less(rows: ir.Table, other: str) -> ir.Table:
    """The amount less the one in the columns with this prefix; unlike parts are multiplied."""
    whole, part, parts = (rows[f"{other}_{name}"] for name in COLUMNS)
    alike = rows.parts == parts
    difference = rows.mutate(
        whole_nanos=rows.whole_nanos - whole,
        part=ibis.ifelse(alike, rows.part - part, rows.part * parts - part * rows.parts),
        parts=ibis.ifelse(alike, rows.parts, rows.parts * parts),
    )
    return _of_one_sign(_carried(difference))


def share(rows: ir.Table, numerator: ir.IntegerValue, denominator: ir.IntegerValue) -> ir.Table:
    """So many parts of the amount, out of so many."""
    taken = rows.mutate(
        _times=integers.div_trunc(rows.whole_nanos, denominator) * numerator,
        _rest=(rows.whole_nanos % denominator) * numerator,
    )
    carried = taken.mutate(
        whole_nanos=taken._times + integers.div_trunc(taken._rest, denominator),
        part=(taken._rest % denominator) * taken.parts + taken.part * numerator,
        parts=taken.parts * denominator,
    )
    return _carried(carried.drop("_times", "_rest"))


def at_most(rows: ir.Table, limit: ir.IntegerValue) -> ir.Table:
    """The amount, or the limit where it passes it."""
    over = (rows.whole_nanos > limit) | ((rows.whole_nanos == limit) & (rows.part > 0))
    return _limited(rows, over, limit)


def at_least(rows: ir.Table, limit: ir.IntegerValue) -> ir.Table:
    """The amount, or the limit where it does not reach it."""
    under = (rows.whole_nanos < limit) | ((rows.whole_nanos == limit) & (rows.part < 0))
    return _limited(rows, under, limit)


def summed(amount: ir.Table, lines: ir.Table) -> ir.Table:
    """One amount for each row of ``lines``: the sum of its rows in ``amount``, 0 where none is.

    Reads line_key, whole_nanos, part and parts, which are alike for all rows of one line.
    """
    sums = amount.group_by("line_key").aggregate(
        whole_nanos=integers.sum_int64(amount.whole_nanos),
        part=integers.sum_int64(amount.part),
        parts=amount.parts.max(),
    )
    rows = lines.select("line_key").left_join(sums, "line_key")
    filled = {"whole_nanos": 0, "part": 0, "parts": 1}
    rows = rows.select(
        "line_key", **{name: rows[name].fill_null(value) for name, value in filled.items()}
    )
    return _of_one_sign(_carried(rows))


def with_rounded(rows: ir.Table, mode: ir.StringValue, digits: ir.IntegerValue) -> ir.Table:
    """Adds ``rounded_nanos``: the amount rounded once to digits after the point.

    Negative digits keep fewer than the whole; both signs are rounded alike, by size.
    """
    sized = rows.mutate(
        _whole=rows.whole_nanos.abs(),
        _part=rows.part.abs(),
        _scale=_scale(digits),
        _mode=_known(mode),
        _negative=(rows.whole_nanos < 0) | (rows.part < 0),
    )
    size = sized.mutate(
        _size=integers.round_parts(
            sized._whole, sized._part, sized.parts, sized._scale, sized._mode
        )
    )
    known = size.mutate(rounded_nanos=ibis.ifelse(size._negative, -size._size, size._size))
    return known.drop("_whole", "_part", "_scale", "_mode", "_negative", "_size")


def _limited(rows: ir.Table, passed: ir.BooleanValue, limit: ir.IntegerValue) -> ir.Table:
    """The limit where it is passed; parts stay, so that amounts of one line can be added up."""
    return rows.mutate(
        whole_nanos=ibis.ifelse(passed, limit, rows.whole_nanos),
        part=ibis.ifelse(passed, 0, rows.part),
    )


def _carried(rows: ir.Table) -> ir.Table:
    """The part made smaller than one nano."""
    return rows.mutate(
        whole_nanos=rows.whole_nanos + integers.div_trunc(rows.part, rows.parts),
        part=rows.part % rows.parts,
    )


def _of_one_sign(rows: ir.Table) -> ir.Table:
    """A nano moved between whole and part where their signs differ."""
    down = (rows.whole_nanos > 0) & (rows.part < 0)
    up = (rows.whole_nanos < 0) & (rows.part > 0)
    step = ibis.cases((down, -1), (up, 1), else_=0).cast("int64")
    moved = rows.mutate(_step=step)
    return moved.mutate(
        whole_nanos=moved.whole_nanos + moved._step, part=moved.part - moved._step * moved.parts
    ).drop("_step")


def _scale(digits: ir.IntegerValue) -> ir.IntegerValue:
    """How many nanos the last digit that is kept is worth."""
    message = ibis.literal("rounding keeps -9 to 9 digits, not ") + digits.cast("string")
    known = [
        (digits == d, ibis.literal(10 ** (FINEST - d), "int64"))
        for d in range(COARSEST, FINEST + 1)
    ]
    return ibis.cases(*known, else_=integers.stop(message.fill_null("none")))


def _known(mode: ir.StringValue) -> ir.StringValue:
    """The rounding mode, or an error where it is none: an unknown one must not pass for another."""
    message = ibis.literal("unknown rounding mode: ") + mode.fill_null("none")
    stopped = integers.stop(message).cast("string")
    return ibis.ifelse(mode.isin([str(m) for m in RoundingMode]).fill_null(False), mode, stopped)
