"""What a located event is, as one number: to keep one costs half of what two small ones cost.

``WHOLE`` within one band and step, ``SEVERAL`` in more of them; from ``FAULTY`` on it cannot be
rated, and the rest is the number of its reason.
"""

import ibis
import ibis.expr.types as ir

from crossbill.platform.usage.reasons import NUMBERS

WHOLE, SEVERAL, FAULTY = range(3)


def state_of(fault: ir.IntegerColumn, several: ir.BooleanColumn) -> ir.IntegerValue:
    """The state of events with a ``fault``, the number of its reason, or none."""
    sound = ibis.ifelse(several, SEVERAL, WHOLE).cast("int64")
    return ibis.ifelse(fault.isnull(), sound, fault.cast("int64") + FAULTY)


def reason_in(state: int) -> str | None:
    """The code of the reason for which an event in such a state cannot be rated, or none."""
    return NUMBERS[state - FAULTY] if state >= FAULTY else None
