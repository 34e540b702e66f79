"""TOLERANCE: two numbers differ by no more than the comparison declares acceptable."""

import ibis

from crossbill.replacement.reconciliation.classify import explained

CODE = "TOLERANCE"
PRECEDENCE = 20


def explain(differences: ibis.Table) -> ibis.Table:
    """Differences within tolerance: accepted, but listed and summed."""
    d = differences
    both = ibis.literal("left ") + d.left_value + ibis.literal(", right ") + d.right_value
    return explained(d, d.within_tolerance, both + ibis.literal(" is within the tolerance"))
