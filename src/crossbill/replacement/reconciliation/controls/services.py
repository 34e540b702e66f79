"""Each account holds the same services in the same number on the day of the extract."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Active services of each account
compares: units of each offering that an account holds on the as-of date
entity: product
level: account
needs: [old_product, new_product, terms]
tolerance: 0
owner: migration
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row an account and offering."""
    return compared([_held(t, "old_product")], [_held(t, "new_product")])


def _held(t: Tables, name: str) -> ir.Table:
    """Products that are charged on the as-of date; one that ends on it is charged no longer."""
    rows = t[name].cross_join(t["terms"])
    held = rows.filter(
        (rows.start_date <= rows.as_of_date)
        & (rows.end_date.isnull() | (rows.end_date > rows.as_of_date))
    )
    return figures(held, [held.account_key, held.offering_code], "units", held.quantity)
