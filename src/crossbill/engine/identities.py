"""Deterministic identities as Ibis expressions, equal to ``core.ids.identity`` value by value."""

from functools import reduce

import ibis.expr.types as ir

from crossbill.core.ids import VARIANT_FROM, VARIANT_TO


def identity(*columns: ir.StringValue) -> ir.StringValue:
    """The UUID of the columns' values as text; empty where one of them is."""
    digest = reduce(lambda text, part: text + part, map(_with_length, columns)).hexdigest("sha256")
    variant = digest.substr(16, 1).translate(VARIANT_FROM, VARIANT_TO)
    groups = (
        digest.substr(0, 8),
        digest.substr(8, 4),
        "8" + digest.substr(13, 3),
        variant + digest.substr(17, 3),
        digest.substr(20, 12),
    )
    return reduce(lambda text, group: text + "-" + group, groups)


def _with_length(column: ir.StringValue) -> ir.StringValue:
    return column.length().cast("string") + ":" + column
