"""The load verb: canonical rows of some accounts as rows of the books, with their identities."""

from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from crossbill.engine.identities import identity

Tables = Mapping[str, ir.Table]


def _id(kind: str, carrier: str, key: ir.StringValue) -> ir.StringValue:
    return identity(ibis.literal(carrier), ibis.literal(kind), key)


def customer_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """The customers of the accounts."""
    owners = tables["account"].select("customer_key").distinct()
    rows = tables["customer"].semi_join(owners, "customer_key")
    return rows.select(
        "customer_key",
        "name",
        "kind",
        "segment",
        id=_id("customer", carrier, rows.customer_key),
        carrier_id=ibis.literal(carrier_id),
    ).order_by("customer_key")


def account_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """The billing accounts."""
    rows = tables["account"]
    return (
        rows.mutate(
            id=_id("account", carrier, rows.account_key),
            customer_id=_id("customer", carrier, rows.customer_key),
            carrier_id=ibis.literal(carrier_id),
        )
        .drop("customer_key", "source_file", "source_line")
        .order_by("account_key")
    )


def payer_rows(tables: Tables, carrier: str) -> ir.Table:
    """Who pays for the accounts."""
    rows = tables["payer"]
    return rows.select(
        "payer_key", "category", "share_ppm", "valid_from", "valid_to",
        account_id=_id("account", carrier, rows.account_key),
    ).order_by("account_id", "category", "payer_key", "valid_from")  # fmt: skip


def product_rows(tables: Tables, carrier: str, carrier_id: int, offerings: ir.Table) -> ir.Table:
    """The products; ``offerings`` gives ``offering_id`` by ``offering_code``."""
    rows = tables["product"].inner_join(offerings, "offering_code")
    return (
        rows.mutate(
            id=_id("product", carrier, rows.product_key),
            account_id=_id("account", carrier, rows.account_key),
            carrier_id=ibis.literal(carrier_id),
        )
        .drop("account_key", "offering_code", "source_file", "source_line")
        .order_by("product_key")
    )


def opening_items(tables: Tables) -> ir.Table:
    """What is posted per account: its open items, or its balance where the extract has no items."""
    if "open_item" in tables:
        return tables["open_item"]
    balance = tables["balance"]
    return balance.select("account_key", "currency", open_minor=balance.balance_minor)


def entry_rows(items: ir.Table, carrier: str, carrier_id: int, day: date) -> ir.Table:
    """One opening entry an account that has something open."""
    owed = items.filter(items.open_minor != 0) if "open_item_key" not in items.columns else items
    accounts = owed.select("account_key").distinct()
    return accounts.select(
        id=_entry_id(carrier, accounts.account_key),
        carrier_id=ibis.literal(carrier_id),
        source=ibis.literal("opening|") + accounts.account_key,
        kind=ibis.literal("opening"),
        entry_date=ibis.literal(day),
    ).order_by("source")


def _entry_id(carrier: str, account_key: ir.StringValue) -> ir.StringValue:
    return _id("opening", carrier, account_key)


RECEIVABLE, CLEARING = "1200", "1290"


def posting_rows(items: ir.Table, carrier: str) -> ir.Table:
    """Each open item on receivables, and against them the account's sum on migration clearing."""
    sums = items.group_by("account_key", "currency").aggregate(
        total=items.open_minor.sum().cast("decimal(38,0)").cast("int64")
    )
    receivable = items.select(
        "account_key",
        "currency",
        gl_account=ibis.literal(RECEIVABLE),
        amount_minor=items.open_minor,
    )
    clearing = sums.select(
        "account_key", "currency", gl_account=ibis.literal(CLEARING), amount_minor=-sums.total
    )
    both = receivable.union(clearing)
    both = both.filter(both.amount_minor != 0)
    return both.select(
        "gl_account",
        "currency",
        "amount_minor",
        entry_id=_entry_id(carrier, both.account_key),
        account_id=_id("account", carrier, both.account_key),
    ).order_by("entry_id", "gl_account", "amount_minor")


def open_item_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """The open items, each with the entry that posted it."""
    rows = tables["open_item"]
    return (
        rows.mutate(
            id=_id("open_item", carrier, rows.open_item_key),
            account_id=_id("account", carrier, rows.account_key),
            entry_id=_entry_id(carrier, rows.account_key),
            carrier_id=ibis.literal(carrier_id),
        )
        .drop("account_key", "source_file", "source_line")
        .order_by("open_item_key")
    )
