"""Rows of one key as one row: invoice lines as the sum of each invoice, payments by customer."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.engine.integers import TOTAL
from crossbill.replacement.reconciliation.compare import (
    BLANK,
    EMPTY,
    SENTINEL,
    UNREADABLE,
    VALUE,
)
from crossbill.replacement.reconciliation.spec import FieldSpec
from crossbill.replacement.reconciliation.values import LARGEST, SCALES, decimal_text

# What stands in a combined cell is the first of these that stands in any of its rows.
WEIGHT = (UNREADABLE, SENTINEL, VALUE, BLANK, EMPTY)


def combined(
    rows: ibis.Table, key: Sequence[str], fields: Sequence[FieldSpec], side: str
) -> ibis.Table:
    """Typed rows (NAME, NAME__text, NAME__state) -> the same columns, one row a key.

    A row without a value adds nothing. One value that cannot be read, or a sum beyond 64 bits,
    makes the combined one unreadable, so that it is never taken for less than it is.
    """
    first: dict[str, ir.Value] = {}
    for field in fields:
        first |= _gathered(rows, field, getattr(field.combine, side))
    groups = rows.group_by(*key).aggregate(**first).view()
    columns: dict[str, ir.Value] = {name: groups[name] for name in key}
    for field in fields:
        columns |= _cell(groups, field, rows[field.name].type())
    return groups.select(**columns)


def _gathered(rows: ibis.Table, field: FieldSpec, how: str) -> dict[str, ir.Value]:
    """Of each key: the exact result, a text for it, the heaviest state, a text that is unread."""
    value, text, state = (rows[f"{field.name}{part}"] for part in ("", "__text", "__state"))
    held = ibis.cases(*((state == s, n) for n, s in enumerate(WEIGHT)), else_=len(WEIGHT))
    shown: ir.Value = ibis.literal(None, "string")
    if how == "count":
        result: ir.Value = rows.count()
    elif how == "sum":
        result = value.cast(TOTAL).sum()
    elif how == "least":
        result, shown = value.min(), text.argmin(value)
    else:
        result, shown = value.max(), text.argmax(value)
    unread = text.min(where=state == UNREADABLE)
    parts = {"": result, "__text": shown, "__held": held.min(), "__unread": unread}
    return {f"{field.name}{part}": found for part, found in parts.items()}


def _cell(groups: ibis.Table, field: FieldSpec, kind: ibis.DataType) -> dict[str, ir.Value]:
    """The three columns of a field."""
    parts = ("", "__text", "__held", "__unread")
    result, shown, held, unread = (groups[f"{field.name}{part}"] for part in parts)
    fits: ir.BooleanValue = ibis.literal(True)
    if result.type().is_numeric():
        fits = result.between(-LARGEST, LARGEST).fill_null(True)
        shown = ibis.coalesce(shown, decimal_text(result, SCALES[field.type]))
    readable = (held > 0) & fits
    states = ibis.cases(*((held == n, s) for n, s in enumerate(WEIGHT)), else_=EMPTY)
    return _columns(
        field,
        ibis.ifelse(readable, result, ibis.null(result.type())).cast(kind),
        ibis.ifelse(held > 0, shown, unread),
        ibis.ifelse(readable, states, UNREADABLE),
    )


def _columns(
    field: FieldSpec, value: ir.Value, text: ir.Value, state: ir.Value
) -> dict[str, ir.Value]:
    return {field.name: value, f"{field.name}__text": text, f"{field.name}__state": state}


def with_zeros(
    rows: ibis.Table, other: ibis.Table, key: Sequence[str], fields: Sequence[FieldSpec]
) -> ibis.Table:
    """The combined rows, and a zero for each key that only the other side has."""
    absent = other.select(*key).distinct().anti_join(rows, list(key))
    zeros: dict[str, ir.Value] = {name: absent[name] for name in key}
    for field in fields:
        zeros |= _columns(field, ibis.literal(0, "int64"), ibis.literal("0"), ibis.literal(VALUE))
    return rows.union(absent.select(**zeros).select(*rows.columns))
