"""A jurisdiction has the taxes that the catalogue, or the table `tax_rate`, states for it."""

import ibis.expr.types as ir

VERSION = "as stated"


def taxes(asked: ir.Table, stated: ir.Table) -> ir.Table:
    """Reads ``tax_asked`` and ``tax_rate``; writes ``tax_rate``: the rows that are asked for."""
    return stated.semi_join(asked, ["tax_code", "tax_category"])
