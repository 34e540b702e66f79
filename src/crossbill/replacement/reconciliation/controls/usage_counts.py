"""Every usage record of the wave is rated or suspended, in number and in quantity."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Usage in against rated and suspended
compares: records and quantity (seconds, bytes, messages) of each usage type of the extract, with
  what was rated and what was suspended
entity: usage
level: group
needs: [new_usage, rated_usage]
uses: [suspended_usage]
tolerance: 0
owner: billing
blocking: true
"""
RETAIL = "retail"


def measure(t: Tables) -> ir.Table:
    """One row a usage type and figure."""
    taken, rated = t["new_usage"], t["rated_usage"]
    ended = [rated.filter(rated.leg == RETAIL).select("usage_type", "quantity")]
    if "suspended_usage" in t:
        suspended = t["suspended_usage"]
        lost = taken.semi_join(suspended, taken.usage_key == suspended.record_key)
        ended.append(lost.select("usage_type", "quantity"))
    return compared(_counted(taken), [side for rows in ended for side in _counted(rows)])


def _counted(rows: ir.Table) -> list[ir.Table]:
    units = ibis.literal("base units of ") + rows.usage_type
    return [
        figures(rows, [rows.usage_type, ibis.literal("records")], "records"),
        figures(rows, [rows.usage_type, ibis.literal("quantity")], units, rows.quantity),
    ]
