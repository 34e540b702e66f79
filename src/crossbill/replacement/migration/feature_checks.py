"""Entry checks of what services can do.

A feature of a service that has ended is a control's to find: nothing is charged for it, and the
account can be taken over.
"""

import ibis.expr.types as ir

from crossbill.replacement.migration.checks import Check, Tables, is_not_in, orphan


def feature_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """A feature is of a service that its account holds, and does not end before it starts."""
    product = tables["product"]
    held = product.account_key + "|" + product.product_key
    return [
        orphan(table, tables),
        Check(
            "PRODUCT_MISSING",
            "SOURCE_DEFECT",
            "product_key",
            "The feature is of a service that its account does not hold",
            is_not_in(table.account_key + "|" + table.product_key, held),
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "valid_to",
            "The feature ends before it starts",
            (table.valid_to < table.valid_from).fill_null(False),
        ),
    ]
