"""Looking values up by a key that should stand once, and telling where it does not."""

from collections.abc import Sequence

import ibis.expr.types as ir


def looked_up(
    rows: ir.Table, source: ir.Table, keys: Sequence[str], values: Sequence[str], count: str
) -> ir.Table:
    """Adds the values of the one source row with these keys, and how many such rows there are.

    The source is grouped first, so that a doubled key is counted and never doubles a charge.
    """
    grouped = source.group_by(*keys).aggregate(
        **{count: source.count()}, **{name: source[name].arbitrary() for name in values}
    )
    return rows.left_join(grouped, list(keys)).drop(*(f"{key}_right" for key in keys))
