"""What usage cost when it was rated is what stands on the shadow bill, account by account."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Value of rated usage against what is charged for it
compares: the sum of the rated records of each account and bill period with the charges for usage
entity: usage
level: account
needs: [usage_total, charge]
tolerance: 0
owner: billing
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row an account and period, before rounding."""
    rated, charged = t["usage_total"], t["charge"]
    charged = charged.filter(charged.category == "usage")
    return compared(
        [figures(rated, [rated.account_key, rated.period_from], _nanos(rated), rated.amount_nanos)],
        [
            figures(
                charged,
                [charged.account_key, charged.period_from],
                _nanos(charged),
                charged.price_nanos * charged.sign,
            )
        ],
    )


def _nanos(rows: ir.Table) -> ir.Value:
    return ibis.literal("nanos ") + rows.currency
