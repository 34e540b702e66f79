"""ROUNDING: the coarser amount is the finer one, rounded to the minor unit by a known mode."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import MINOR_DIGITS, nanos_per_minor
from crossbill.core.rounding import RoundingMode
from crossbill.engine.integers import div_rounded
from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.compare import UNREADABLE, VALUE

CODE = "ROUNDING"
PRECEDENCE = 60
LONG = r"^([+-]?\d{1,9}\.\d{9})\d+$"  # an amount with more digits than nanos have


def explain(differences: ibis.Table) -> ibis.Table:
    """Amounts of which exactly one has digits below the minor unit, and the other is it rounded.

    The finer one may have more than nine decimals, which no amount has that can be read.
    """
    d = differences
    d = d.filter(((d.unit == "nanos") & d.digits.notnull()).fill_null(False))
    d = d.mutate(left_half=_half_nanos(d, "left"), right_half=_half_nanos(d, "right")).view()
    step = _step(d.digits)
    left_fine, right_fine = d.left_half % step != 0, d.right_half % step != 0
    fine = ibis.ifelse(left_fine, d.left_half, d.right_half)
    coarse = ibis.ifelse(left_fine, d.right_half, d.left_half)
    modes = _modes(fine, coarse, step)
    words = ibis.ifelse(left_fine, d.left_value, d.right_value) + ibis.literal(" rounded (")
    words = words + modes + ibis.literal(") is ")
    words = words + ibis.ifelse(left_fine, d.right_value, d.left_value)
    return explained(d, (left_fine != right_fine) & (modes != ""), words)


def _half_nanos(d: ibis.Table, side: str) -> ir.IntegerValue:
    """The amount in halves of a nano; one more where digits follow the ninth, as in a float's rest.

    Then it lies between the right two nanos, and every way of rounding sees it where it is.
    """
    text, state = d[f"{side}_value"].strip(), d[f"{side}_state"]
    long = (state == UNREADABLE) & text.re_search(LONG)
    cut = text.re_extract(LONG, 1).replace(".", "").replace("+", "").try_cast("int64")
    beyond = ibis.ifelse(text.startswith("-"), -1, 1)
    exact = ibis.ifelse(state == VALUE, d[f"{side}_number"] * 2, ibis.null("int64"))
    return ibis.ifelse(long.fill_null(False), cut * 2 + beyond, exact)


def _step(digits: ir.IntegerValue) -> ir.Value:
    """Half nanos in one minor unit."""
    known = sorted(set(MINOR_DIGITS.values()))
    steps = ((digits == n, ibis.literal(2 * nanos_per_minor(n), "int64")) for n in known)
    return ibis.cases(*steps)


def _modes(fine: ir.Value, coarse: ir.Value, step: ir.Value) -> ir.Value:
    """The names of the rounding modes that turn the finer into the coarser, joined by commas."""
    names = []
    for mode in RoundingMode:
        # A product of whole steps and the step cannot pass int64: the amount itself is below it.
        fits = div_rounded(fine, step, mode) * step == coarse
        names.append(ibis.ifelse(fits, str(mode), ibis.null("string")))
    fitting = ibis.array(names).filter(lambda name: name.notnull())
    return fitting.join(", ")
