"""Sharing an amount so that the shares add up to it exactly: the largest remainders round up.

What is to be shared and the weights are at least 0; sharing nothing, or by no weight, gives 0.
"""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers


def largest_remainder(  # noqa: PLR0913 - what is shared, and by which columns
    rows: ir.Table, *, amount: str, weight: str, whole: str, group: list[str], order: list[str]
) -> ir.Table:
    """Adds ``share``: the part of ``amount`` by ``weight`` of ``whole``, both alike in a group.

    ``whole`` is the sum of the group's weights, at least ``amount``. Each share is cut down, and
    what is missing goes to the largest remainders, one each; of equals to the first in ``order``.
    """
    total = ibis.greatest(rows[whole], 1)
    # The part of a product of two amounts below the divisor, without the product itself.
    share = integers.mul_div(rows[amount], rows[weight], total)
    rest = integers.mul_mod(rows[amount], rows[weight], total)
    cut = rows.mutate(cut_share=share, rest=rest)
    return filled_up(cut, amount=amount, rests=["rest"], group=group, order=order).drop("rest")


def filled_up(
    rows: ir.Table, *, amount: str, rests: list[str], group: list[str], order: list[str]
) -> ir.Table:
    """Makes ``share`` of ``cut_share``: what is missing up to a group's ``amount`` goes one each to
    those with the largest ``rests``, of equals to the first in ``order``.
    """
    largest = [ibis.desc(rows[name]) for name in rests]
    by_rest = ibis.window(group_by=group, order_by=[*largest, *(rows[name] for name in order)])
    missing = rows[amount] - integers.sum_int64(rows.cut_share, over=ibis.window(group_by=group))
    more = (ibis.row_number().over(by_rest) < missing).cast("int64")
    return rows.mutate(share=rows.cut_share + more).drop("cut_share")
