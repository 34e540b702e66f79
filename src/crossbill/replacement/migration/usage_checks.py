"""Entry checks of usage: what is no sound record, and what came in before."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.migration.checks import Check, Tables

HIGHEST_USAGE = 10**12  # base units of one event
FIRST_USAGE = "2000-01-01"
NUMBER = r"^[0-9]{1,15}$"  # as long as ITU-T E.164 allows

# Files of usage are delivered again and again: a second record of a key is a copy, not a fault.
COPIES_COME = ("usage",)


def with_copies(tables: Tables) -> ir.Table:
    """Usage with ``copies_before``: how many of its key came in before; and whose it is."""
    usage = tables["usage"]
    came = [usage.received_at.fill_null(usage.started_at), usage.source_file, usage.source_line]
    order = ibis.window(group_by="usage_key", order_by=came)
    product = tables["product"]
    owners = product.group_by(service_key="product_key").aggregate(
        account_key=product.account_key.min()
    )
    owned = usage.mutate(copies_before=ibis.row_number().over(order), twins=ibis.literal(1))
    return owned.left_join(owners, "service_key").drop("service_key_right")


def copies(marked: ir.Table) -> ir.Table:
    """The copies in the shape of SUSPENDED; they are nobody's fault, so they name no account."""
    again = marked.filter(marked.is_copy)
    none = ibis.null("string")
    return again.select(
        file=again.source_file,
        line=again.source_line,
        record_key=again.usage_key,
        account_key=none,
        stage=ibis.literal("validate"),
        code=ibis.literal("DUPLICATE_ROW"),
        class_code=ibis.literal("DUPLICATE"),
        field=ibis.literal("usage_key"),
        value=again.usage_key,
        message=ibis.literal("An earlier record has this key and was taken"),
    )


def usage_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """What must not be in a usage record; whether it can be priced is for the rating to say."""
    return [
        Check(
            "SERVICE_UNKNOWN",
            "MISSING_PRODUCT",
            "service_key",
            "No product of the extract is used by this service; add the product",
            table.account_key.isnull(),
        ),
        Check(
            "QUANTITY_NEGATIVE",
            "SENTINEL",
            "quantity",
            "Less than nothing was used; ask the switch for the record again",
            table.quantity < 0,
        ),
        Check(
            "USAGE_ABSURD",
            "SENTINEL",
            "quantity",
            f"More than {HIGHEST_USAGE:,} units were used; look for a wrong unit or a counter",
            table.quantity > HIGHEST_USAGE,
        ),
        Check(
            "START_TOO_EARLY",
            "SENTINEL",
            "started_at",
            "The start is before the year 2000; mend the switch's clock",
            table.started_at < ibis.timestamp(FIRST_USAGE),
        ),
        _number("DESTINATION_UNREADABLE", table.destination),
        _number("NETWORK_UNREADABLE", table.network),
        Check(
            "RECEIVED_BEFORE_START",
            "SOURCE_DEFECT",
            "received_at",
            "The record was received before it began; see which clock is wrong",
            (table.received_at < table.started_at).fill_null(False),
        ),
    ]


def _number(code: str, number: ir.StringColumn) -> Check:
    """What is looked up in a deck is an international number of digits alone."""
    fails = (~number.re_search(NUMBER)).fill_null(False)
    name = number.get_name()
    message = f"The {name} is no number of 1 to 15 digits; see how the mapping makes it"
    return Check(code, "FORMAT", name, message, fails)
