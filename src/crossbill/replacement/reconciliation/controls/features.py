"""Each service that is held can do the same, and is barred from the same, as before: each once."""

import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Active features of each service
compares: each feature of a service that holds on the as-of date, once, with how often it was taken
  over of a service that is held on that day; 2 is a feature that stands there twice, 0 one that was
  lost or whose service has ended
entity: feature
level: account
needs: [old_feature, new_feature, new_product, terms]
tolerance: 0
owner: migration
blocking: true
"""
KEY = ("account_key", "product_key", "feature_code")


def measure(t: Tables) -> ir.Table:
    """One row an account, service and feature."""
    product = t["new_product"].rename(valid_from="start_date", valid_to="end_date")
    new = _holding(t, t["new_feature"]).semi_join(_holding(t, product), "product_key")
    old = _holding(t, t["old_feature"]).select(*KEY).distinct()
    return compared([_each(old)], [_each(new)])


def _holding(t: Tables, table: ir.Table) -> ir.Table:
    """What has begun by the as-of date and not ended."""
    rows = table.cross_join(t["terms"])
    begun = rows.valid_from <= rows.as_of_date
    return rows.filter(begun, rows.valid_to.isnull() | (rows.valid_to > rows.as_of_date))


def _each(rows: ir.Table) -> ir.Table:
    return figures(rows, [rows[name] for name in KEY], "features")
