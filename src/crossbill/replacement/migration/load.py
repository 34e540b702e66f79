"""The load verb: canonical rows of some accounts as rows of the books, with their identities."""

from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from crossbill.engine.identities import identity

Tables = Mapping[str, ir.Table]


def _id(kind: str, carrier: str, key: ir.StringValue) -> ir.StringValue:
    return identity(ibis.literal(carrier), ibis.literal(kind), key)


def _of_accounts(
    kind: str, rows: ir.Table, carrier: str, carrier_id: int, *not_kept: str
) -> ir.Table:
    """Records that accounts own, with their identities in the books, in the order of their keys."""
    return (
        rows.mutate(
            id=_id(kind, carrier, rows[f"{kind}_key"]),
            account_id=_id("account", carrier, rows.account_key),
            carrier_id=ibis.literal(carrier_id),
        )
        .drop("account_key", "source_file", "source_line", *not_kept)
        .order_by(f"{kind}_key")
    )


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


def contact_rows(tables: Tables, carrier: str) -> ir.Table:
    """Whom to reach at the customers of the accounts."""
    owners = tables["account"].select("customer_key").distinct()
    rows = tables["contact"].semi_join(owners, "customer_key")
    rows = rows.order_by("customer_key", "contact_key")
    return rows.select(
        "contact_key", "role", "name", "valid_from", "valid_to",
        customer_id=_id("customer", carrier, rows.customer_key),
        email=rows.email.fill_null(""),
        phone=rows.phone.fill_null(""),
    )  # fmt: skip


def account_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """The billing accounts."""
    rows = tables["account"]
    return (
        rows.mutate(
            id=_id("account", carrier, rows.account_key),
            customer_id=_id("customer", carrier, rows.customer_key),
            carrier_id=ibis.literal(carrier_id),
            credit_class=rows.credit_class.fill_null(""),
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
    return _of_accounts("product", rows, carrier, carrier_id, "offering_code")


def feature_rows(tables: Tables, carrier: str) -> ir.Table:
    """What the products can do."""
    rows = tables["feature"]
    return rows.select(
        "feature_code", "valid_from", "valid_to",
        product_id=_id("product", carrier, rows.product_key),
    ).order_by("product_id", "feature_code", "valid_from")  # fmt: skip


def discount_rows(tables: Tables, carrier: str, carrier_id: int, offerings: ir.Table) -> ir.Table:
    """The discounts of the accounts; ``offerings`` as for the products."""
    rows = tables["discount"].left_join(offerings, "offering_code").drop("offering_code_right")
    none, product = ibis.null("string"), _id("product", carrier, rows.product_key)
    named = rows.mutate(product_id=rows.product_key.notnull().ifelse(product, none))
    not_kept = ("product_key", "offering_code", "currency")
    return _of_accounts("discount", named, carrier, carrier_id, *not_kept)


def exemption_rows(tables: Tables, carrier: str) -> ir.Table:
    """The taxes that the accounts need not pay."""
    rows = tables["exemption"]
    owned = rows.mutate(account_id=_id("account", carrier, rows.account_key))
    ordered = owned.order_by("account_key", "tax_name", "valid_from")
    return ordered.drop("account_key", "source_file", "source_line")


def commitment_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """What the accounts have promised to spend."""
    rows = tables["commitment"]
    none, product = ibis.null("string"), _id("product", carrier, rows.product_key)
    named = rows.mutate(product_id=rows.product_key.notnull().ifelse(product, none))
    return _of_accounts("commitment", named, carrier, carrier_id, "product_key", "currency")


OPENING = ("open_item", "balance", "deposit")  # what an account's opening entry is made of


def opening_amounts(tables: Tables) -> ir.Table:
    """What is posted per account: its open items, or its balance where the extract has no items.

    And its deposits, which are owed to it. ``documented`` where a document names the entry, so that
    there has to be one even over nothing.
    """
    amounts = []
    if "open_item" in tables:
        items = tables["open_item"]
        amounts.append(_amounts(items, RECEIVABLE, items.open_minor, documented=True))
    elif "balance" in tables:
        balance = tables["balance"]
        amounts.append(_amounts(balance, RECEIVABLE, balance.balance_minor, documented=False))
    if "deposit" in tables:
        held = tables["deposit"]
        owed = held.refunded_minor - held.received_minor
        amounts.append(_amounts(held, DEPOSITS, owed, documented=True))
    return ibis.union(*amounts) if len(amounts) > 1 else amounts[0]


def _amounts(
    rows: ir.Table, gl_account: str, amount: ir.IntegerValue, *, documented: bool
) -> ir.Table:
    return rows.select(
        "account_key",
        "currency",
        gl_account=ibis.literal(gl_account),
        amount_minor=amount,
        documented=ibis.literal(documented),
    )


def entry_rows(amounts: ir.Table, carrier: str, carrier_id: int, day: date) -> ir.Table:
    """One opening entry an account that has something open."""
    open_ = amounts.filter(amounts.documented | (amounts.amount_minor != 0))
    accounts = open_.select("account_key").distinct()
    return accounts.select(
        id=_entry_id(carrier, accounts.account_key),
        carrier_id=ibis.literal(carrier_id),
        source=ibis.literal("opening|") + accounts.account_key,
        kind=ibis.literal("opening"),
        entry_date=ibis.literal(day),
    ).order_by("source")


def _entry_id(carrier: str, account_key: ir.StringValue) -> ir.StringValue:
    return _id("opening", carrier, account_key)


RECEIVABLE, CLEARING, DEPOSITS = "1200", "1290", "2300"


def posting_rows(amounts: ir.Table, carrier: str) -> ir.Table:
    """Each opening amount, and against them the account's sum on migration clearing."""
    sums = amounts.group_by("account_key", "currency").aggregate(
        total=amounts.amount_minor.sum().cast("decimal(38,0)").cast("int64")
    )
    opened = amounts.drop("documented")
    clearing = sums.select(
        "account_key", "currency", gl_account=ibis.literal(CLEARING), amount_minor=-sums.total
    )
    both = opened.union(clearing.select(*opened.columns))
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
    posted = rows.mutate(entry_id=_entry_id(carrier, rows.account_key))
    return _of_accounts("open_item", posted, carrier, carrier_id)


def deposit_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """The deposits, each with the entry that posted it; what is held follows from the entry."""
    rows = tables["deposit"]
    posted = rows.mutate(entry_id=_entry_id(carrier, rows.account_key))
    return _of_accounts("deposit", posted, carrier, carrier_id, "held_minor")


def collection_rows(tables: Tables, carrier: str) -> ir.Table:
    """How the accounts pay, and how far they are dunned."""
    rows = tables["collection"].order_by("account_key")
    return rows.select(
        "payment_method",
        "dunning_level",
        "dunned_date",
        account_id=_id("account", carrier, rows.account_key),
    )


def mandate_rows(tables: Tables, carrier: str, carrier_id: int) -> ir.Table:
    """The mandates."""
    return _of_accounts("mandate", tables["mandate"], carrier, carrier_id)
