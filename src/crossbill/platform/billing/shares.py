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
    by_rest = ibis.window(
        group_by=group, order_by=[ibis.desc(cut.rest), *(cut[name] for name in order)]
    )
    place = ibis.row_number().over(by_rest)
    missing = cut[amount] - integers.sum_int64(cut.cut_share, over=ibis.window(group_by=group))
    more = (place < missing).cast("int64")
    return cut.mutate(share=cut.cut_share + more).drop("cut_share", "rest")
