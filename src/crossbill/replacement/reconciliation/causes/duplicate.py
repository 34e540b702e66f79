"""DUPLICATE: the key stands more than once on a side, so its rows cannot be paired."""

import ibis

from crossbill.replacement.reconciliation.classify import explained

CODE = "DUPLICATE"
PRECEDENCE = 10


def explain(differences: ibis.Table) -> ibis.Table:
    """Doubled keys, with how often they stand on each side."""
    d = differences
    text = ibis.literal("the key stands ") + d.left_value + ibis.literal(" times left and ")
    return explained(d, d.kind == "duplicate_key", text + d.right_value + ibis.literal(" right"))
