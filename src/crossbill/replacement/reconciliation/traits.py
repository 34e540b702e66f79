"""What is known of accounts and their products, as attributes that a cause may have in common."""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

PRODUCT_TRAITS = ("offering_code", "source_code", "part_of_period")
# In this order, where two descriptions say the same: the first is what people speak of.
ACCOUNT_TRAITS = ("segment", "region", "city", "tax_code", "cycle", "status")


def account_traits(account: ir.Table, customer: ir.Table, known: ir.Table) -> ir.Table:
    """account_key, ACCOUNT_TRAITS and the columns of ``known``, which is keyed by account_key."""
    segments = customer.group_by("customer_key").aggregate(segment=customer.segment.min())
    rows = account.left_join(segments, "customer_key")
    further = [name for name in known.columns if name != "account_key"]
    plain = rows.select(
        "account_key", "region", "city", "tax_code", "status", "segment",
        cycle=rows.bill_cycle_day.cast("string"),
    ).distinct(on="account_key")  # fmt: skip
    joined = plain.left_join(known, "account_key")
    return joined.select("account_key", *ACCOUNT_TRAITS, *further)


def product_traits(
    old_product: ir.Table, new_product: ir.Table, differing_line: ir.Table, charge: ir.Table
) -> ir.Table:
    """product_key, account_key and PRODUCT_TRAITS of all that either side holds or bills.

    ``differing_line`` are the old lines of accounts that differ: a product that only they know is
    on no other bill.
    """
    names = ("product_key", "account_key", "offering_code", "source_code")
    held = old_product.select(*names)
    known = held.union(new_product.select(*names).anti_join(held, "product_key"))
    lines = differing_line.filter(differing_line.product_key.notnull())
    billed = lines.anti_join(known, "product_key")
    billed = billed.select(*names[:3], source_code=ibis.null("string")).distinct()
    rows = known.union(billed)
    parts = _in_part(charge)
    joined = rows.left_join(parts, "product_key")
    part = ibis.ifelse(joined.in_part.fill_null(False), "part", "whole")
    return joined.select(*names, part_of_period=part)


def _in_part(charge: ir.Table) -> ir.Table:
    """The products that were charged for part of an interval."""
    part = (charge.charge_from > charge.interval_from) | (charge.charge_to < charge.interval_to)
    return charge.filter(part).select("product_key").distinct().mutate(in_part=True)


def items(rows: ir.Table, names: Iterable[str], *keys: str) -> ir.Table:
    """Wide rows as one row an attribute that is set: the keys, ``attribute`` and ``value``."""
    parts = [
        rows.filter(rows[name].notnull()).select(
            *keys, attribute=ibis.literal(name), value=rows[name].cast("string")
        )
        for name in names
    ]
    return ibis.union(*parts)
