"""Each bill bears the same tax on both sides, jurisdiction by jurisdiction."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures, minor
from crossbill.replacement.reconciliation.controls._entities import with_account

TERMS = """
title: Tax of each bill by jurisdiction
compares: tax of the old bills with tax of the shadow bills, by jurisdiction, account and period
entity: bill
level: account
needs: [old_bill, new_bill, old_account, new_account]
tolerance: 0
owner: tax
blocking: false
"""


def measure(t: Tables) -> ir.Table:
    """One row a jurisdiction, account and period."""
    return compared([_taxed(t, "old")], [_taxed(t, "new")])


def _taxed(t: Tables, side: str) -> ir.Table:
    rows = with_account(t[f"{side}_bill"], t[f"{side}_account"], "tax_code")
    key = [rows.of_tax_code, rows.account_key, rows.period_from]
    return figures(rows, key, minor(rows.currency), rows.tax_minor)
