"""Mediation: usage gets its types, a second delivery is a duplicate, what cannot be read waits."""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from crossbill.engine.rating_datasets import SUSPENDED_USAGE, USAGE
from crossbill.platform.usage import guide

STAMP = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:?\d\d)?)$"
WHOLE = r"^-?\d{1,18}$"
NUMBER = r"^[0-9]{1,15}$"  # as long as ITU-T E.164 allows


def typed(rows: ir.Table) -> ir.Table:
    """Reads rows of text from ``read_usage``; writes ``usage`` with ``code`` and ``field``.

    ``code`` says what cannot be read. An instant needs its offset: a local time is two instants on
    one night of the year.
    """
    checks = (
        ("KEY_MISSING", "usage_key", rows.usage_key.isnull()),
        ("SERVICE_MISSING", "service_key", rows.service_key.isnull()),
        ("USAGE_TYPE_MISSING", "usage_type", rows.usage_type.isnull()),
        ("START_UNREADABLE", "started_at", _instant(rows.started_at).isnull()),
        ("QUANTITY_UNREADABLE", "quantity", _whole(rows.quantity).isnull()),
        ("PRICE_UNREADABLE", "amount_nanos", _spoilt(rows.amount_nanos, _whole)),
        ("RECEIPT_UNREADABLE", "received_at", _spoilt(rows.received_at, _instant)),
        ("DESTINATION_UNREADABLE", "destination", _no_number(rows.destination)),
        ("NETWORK_UNREADABLE", "network", _no_number(rows.network)),
    )
    no_text = ibis.null("string")
    return rows.mutate(
        started_at=_instant(rows.started_at),
        received_at=_instant(rows.received_at),
        quantity=_whole(rows.quantity),
        amount_nanos=_whole(rows.amount_nanos),
        code=ibis.cases(*((wrong, code) for code, _, wrong in checks), else_=no_text),
        field=ibis.cases(*((wrong, field) for _, field, wrong in checks), else_=no_text),
        value=ibis.cases(*((wrong, rows[field]) for _, field, wrong in checks), else_=no_text),
    )


def accepted(typed: ir.Table) -> ir.Table:
    """Reads typed rows; writes those that can be rated: each key once, as it came first."""
    first = _in_order(typed)
    return first.filter(first.copy == 0).select(*USAGE.ibis)


def duplicates(typed: ir.Table) -> ir.Table:
    """Reads typed rows; writes the later deliveries of a key."""
    rows = _in_order(typed)
    return rows.filter(rows.copy > 0).select(*USAGE.ibis)


def unreadable(typed: ir.Table) -> ir.Table:
    """Reads typed rows; writes ``suspended_usage`` for those that cannot be read."""
    rows = typed.filter(typed.code.notnull())
    return rows.mutate(
        leg=ibis.literal(guide.RETAIL), usage_key=rows.usage_key.fill_null("")
    ).select(*SUSPENDED_USAGE.ibis)


def _in_order(typed: ir.Table) -> ir.Table:
    """The readable rows with ``copy``: how many of the same key came before."""
    rows = typed.filter(typed.code.isnull())
    order = [rows.received_at.fill_null(rows.started_at), rows.source_file, rows.source_line]
    same = ibis.window(group_by=rows.usage_key, order_by=order)
    return rows.mutate(copy=ibis.row_number().over(same))


def _instant(text: ir.StringValue) -> ir.TimestampValue:
    stamped = ibis.ifelse(text.re_search(STAMP), text, ibis.null("string"))
    return stamped.try_cast("timestamp('UTC')").cast("timestamp")


def _whole(text: ir.StringValue) -> ir.IntegerValue:
    return ibis.ifelse(text.re_search(WHOLE), text, ibis.null("string")).try_cast("int64")


def _no_number(text: ir.StringValue) -> ir.BooleanValue:
    return text.notnull() & ~text.re_search(NUMBER)


def _spoilt(text: ir.StringValue, read: Callable[[ir.StringValue], ir.Value]) -> ir.BooleanValue:
    return text.notnull() & read(text).isnull()
