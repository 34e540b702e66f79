"""SENTINEL: one side holds a value that is declared to mean "not set"."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.compare import BLANK, SENTINEL, UNREADABLE

CODE = "SENTINEL"
PRECEDENCE = 30


def explain(differences: ibis.Table) -> ibis.Table:
    """A declared sentinel or declared blank on a side, unless the other side cannot be read."""
    d = differences
    not_set = d.left_state.isin([BLANK, SENTINEL]) | d.right_state.isin([BLANK, SENTINEL])
    read = (d.left_state != UNREADABLE) & (d.right_state != UNREADABLE)
    left, right = (_words(d, side) for side in ("left", "right"))
    return explained(d, not_set & read, left + ibis.literal(", ") + right)


def _words(d: ibis.Table, side: str) -> ir.Value:
    """What stands on a side, in words."""
    shown = ibis.literal(f"{side} '") + d[f"{side}_value"].fill_null("") + ibis.literal("'")
    return ibis.cases(
        (d[f"{side}_state"] == BLANK, shown + ibis.literal(" is blank, declared as not set")),
        (d[f"{side}_state"] == SENTINEL, shown + ibis.literal(" is declared as not set")),
        else_=shown,
    )
