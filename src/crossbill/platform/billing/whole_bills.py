"""Charges that are rounded together: their exact sum on a bill once, and each is a part of that.

What a charge costs exactly is so many nanos and a fraction of one. The fractions of a bill are
brought to their common denominator, so thirds of a price add up to the price.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import ChargeRounding
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE
from crossbill.platform.billing.charge import with_discount_of_line
from crossbill.platform.billing.shares import filled_up

# One account has one currency and one policy, so these are a bill and how its sum is rounded.
BILL = [
    "account_key", "period_from", "currency", "minor_digits", "rounding_mode", "rounding_digits",
]  # fmt: skip
ORDER = ["product_key", "category", "price_code", "charge_from", "sign"]


def rounded_together(charge: ir.Table) -> ir.Table:
    """Reads ``charge``; writes it with gross_minor and discount_minor of those of bill scope anew.

    Each is cut down to the minor unit, what is given back to the one below; what is missing up to
    the rounded sum goes to the largest remainders, one each; of equals to the first of ``ORDER``.
    """
    by_bill = charge.rounding_scope == ChargeRounding.BILL.value
    rows = _with_sum(_with_fractions(_with_exact(charge.filter(by_bill))))
    shares = filled_up(
        rows, amount="sum_minor", rests=["left_nanos", "fraction"], group=BILL, order=ORDER
    )
    printed = with_discount_of_line(shares.mutate(gross_minor=shares.share))
    return charge.filter(~by_bill).union(printed.select(*CHARGE.ibis))


def _with_exact(rows: ir.Table) -> ir.Table:
    """Adds what each costs exactly: ``nanos`` and ``rest`` / ``parts``, which is never below 0."""
    price, back = rows.price_nanos * rows.quantity, rows.sign < 0
    terms = (price, rows.numerator, rows.denominator)
    cut, rest = integers.mul_div(*terms), integers.mul_mod(*terms)
    broken = rest > 0
    return rows.mutate(
        nanos=ibis.ifelse(back, -cut - broken.cast("int64"), cut),
        rest=ibis.ifelse(back & broken, rows.denominator - rest, rest),
        parts=ibis.ifelse(broken, rows.denominator, 1),
    )


def _with_fractions(rows: ir.Table) -> ir.Table:
    """Adds the minor units and nanos of each, and its ``fraction`` in parts of the whole bill."""
    shared = rows.group_by(*BILL).aggregate(
        common=integers.common_multiple(rows.parts.collect(distinct=True))
    )
    found = rows.inner_join(shared, BILL)
    unit = integers.nanos_per_minor(found.minor_digits)
    cut = integers.div_floor(found.nanos, unit)
    return found.mutate(
        unit=unit,
        cut_share=cut,
        left_nanos=found.nanos - cut * unit,
        fraction=found.rest * integers.quotient(found.common, found.parts),
    )


def _with_sum(rows: ir.Table) -> ir.Table:
    """Adds ``sum_minor``: the sum of each bill, rounded by the policy, the same in all its rows."""
    bill = ibis.window(group_by=BILL)
    parts = integers.sum_int64(rows.fraction, over=bill)
    nanos = integers.sum_int64(rows.nanos, over=bill) + integers.quotient(parts, rows.common)
    summed = rows.mutate(nanos_sum=nanos, part_sum=parts % rows.common)
    # Rounding is by size: what lies below 0 is seen from there.
    below, broken = summed.nanos_sum < 0, summed.part_sum > 0
    size = summed.nanos_sum.abs() - (below & broken).cast("int64")
    part = ibis.ifelse(below & broken, summed.common - summed.part_sum, summed.part_sum)
    digit = integers.quotient(summed.unit, integers.power_of_ten(summed.rounding_digits))
    mode = summed.rounding_mode
    fine = integers.round_parts(size, part, summed.common, digit, mode)
    minor = integers.div_rounded(fine, summed.unit, mode)
    return summed.mutate(sum_minor=ibis.ifelse(below, -minor, minor))
