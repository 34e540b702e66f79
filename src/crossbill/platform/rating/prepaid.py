"""What a money balance pays of a session: whole increments, as many as it is good for.

The same verb says how long a session may last before it starts (its quantity is what was asked for)
and what it has cost when it is over.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.rounding import RoundingMode
from crossbill.engine import integers
from crossbill.engine.prepaid_datasets import PREPAID_DEBIT


def debit(session: ir.Table) -> ir.Table:
    """Reads ``prepaid_session``; writes ``prepaid_debit``: quantity = paid + unpaid."""
    sized = session.mutate(
        wanted=integers.ceil_div(session.quantity, session.increment),
        left_nanos=ibis.greatest(session.balance_nanos - session.connect_fee_nanos, 0),
        increment_nanos=session.increment * session.price_nanos,
    )
    # A balance below the connect fee pays nothing, not even what is free after it.
    able = sized.balance_nanos >= sized.connect_fee_nanos
    priced = ibis.greatest(sized.increment_nanos, 1)
    affordable = integers.mul_div(sized.left_nanos, sized.unit, priced)
    unlimited = ibis.ifelse(sized.increment_nanos == 0, sized.wanted, affordable)
    counted = sized.mutate(increments=ibis.ifelse(able, ibis.least(sized.wanted, unlimited), 0))
    charged = counted.mutate(charged=counted.increments * counted.increment)
    cost = integers.mul_div_rounded(
        charged.charged, charged.price_nanos, charged.unit, RoundingMode.UP
    )
    fee = ibis.ifelse(charged.increments > 0, charged.connect_fee_nanos, 0)
    paid = charged.mutate(
        paid_quantity=ibis.least(charged.quantity, charged.charged), debit_nanos=cost + fee
    )
    return paid.mutate(
        unpaid_quantity=paid.quantity - paid.paid_quantity,
        balance_nanos=paid.balance_nanos - paid.debit_nanos,
    ).select(*PREPAID_DEBIT.ibis)
