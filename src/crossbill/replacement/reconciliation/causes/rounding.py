"""ROUNDING: the coarser amount is the finer one, rounded to the minor unit by a known mode."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import MINOR_DIGITS, nanos_per_minor
from crossbill.core.rounding import RoundingMode
from crossbill.engine.integers import div_rounded
from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.compare import VALUE

CODE = "ROUNDING"
PRECEDENCE = 60


def explain(differences: ibis.Table) -> ibis.Table:
    """Amounts of which exactly one has digits below the minor unit, and the other is it rounded."""
    d = differences
    read = (d.left_state == VALUE) & (d.right_state == VALUE) & (d.unit == "nanos")
    d = d.filter((read & d.digits.notnull()).fill_null(False))
    step = _step(d.digits)
    left_fine, right_fine = d.left_number % step != 0, d.right_number % step != 0
    fine = ibis.ifelse(left_fine, d.left_number, d.right_number)
    coarse = ibis.ifelse(left_fine, d.right_number, d.left_number)
    modes = _modes(fine, coarse, step)
    words = ibis.ifelse(left_fine, d.left_value, d.right_value) + ibis.literal(" rounded (")
    words = words + modes + ibis.literal(") is ")
    words = words + ibis.ifelse(left_fine, d.right_value, d.left_value)
    return explained(d, (left_fine != right_fine) & (modes != ""), words)


def _step(digits: ir.IntegerValue) -> ir.Value:
    """Nanos in one minor unit."""
    known = sorted(set(MINOR_DIGITS.values()))
    return ibis.cases(*((digits == n, ibis.literal(nanos_per_minor(n), "int64")) for n in known))


def _modes(fine: ir.Value, coarse: ir.Value, step: ir.Value) -> ir.Value:
    """The names of the rounding modes that turn the finer into the coarser, joined by commas."""
    names = []
    for mode in RoundingMode:
        # A product of whole steps and the step cannot pass int64: the amount itself is below it.
        fits = div_rounded(fine, step, mode) * step == coarse
        names.append(ibis.ifelse(fits, str(mode), ibis.null("string")))
    fitting = ibis.array(names).filter(lambda name: name.notnull())
    return fitting.join(", ")
