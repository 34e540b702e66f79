"""The load verb: canonical rows of some accounts as rows of the books, with their identities."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from crossbill.engine.calculation import Calculation, Columns, Step, Tables, compiled_once
from crossbill.engine.identities import identity


class Owner(NamedTuple):
    """Whose books are filled, and the day of their opening entries."""

    code: ir.StringValue
    id: ir.IntegerValue
    opened_date: ir.DateValue


def _id(kind: str, owner: Owner, key: ir.StringValue) -> ir.StringValue:
    return identity(owner.code, ibis.literal(kind), key)


def _of_accounts(kind: str, rows: ir.Table, owner: Owner, *not_kept: str) -> ir.Table:
    """Records that accounts own, with their identities in the books, in the order of their keys."""
    return (
        rows.mutate(
            id=_id(kind, owner, rows[f"{kind}_key"]),
            account_id=_id("account", owner, rows.account_key),
            carrier_id=owner.id,
        )
        .drop("account_key", "source_file", "source_line", *not_kept)
        .order_by(f"{kind}_key")
    )


def customer_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The customers of the accounts."""
    owners = tables["account"].select("customer_key").distinct()
    rows = tables["customer"].semi_join(owners, "customer_key")
    return rows.select(
        "customer_key",
        "name",
        "kind",
        "segment",
        id=_id("customer", owner, rows.customer_key),
        carrier_id=owner.id,
    ).order_by("customer_key")


def contact_rows(tables: Tables, owner: Owner) -> ir.Table:
    """Whom to reach at the customers of the accounts."""
    owners = tables["account"].select("customer_key").distinct()
    rows = tables["contact"].semi_join(owners, "customer_key")
    rows = rows.order_by("customer_key", "contact_key")
    return rows.select(
        "contact_key", "role", "name", "valid_from", "valid_to",
        customer_id=_id("customer", owner, rows.customer_key),
        email=rows.email.fill_null(""),
        phone=rows.phone.fill_null(""),
    )  # fmt: skip


def account_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The billing accounts."""
    rows = tables["account"]
    return (
        rows.mutate(
            id=_id("account", owner, rows.account_key),
            customer_id=_id("customer", owner, rows.customer_key),
            carrier_id=owner.id,
            credit_class=rows.credit_class.fill_null(""),
        )
        .drop("customer_key", "source_file", "source_line")
        .order_by("account_key")
    )


def payer_rows(tables: Tables, owner: Owner) -> ir.Table:
    """Who pays for the accounts."""
    rows = tables["payer"]
    return rows.select(
        "payer_key", "category", "share_ppm", "valid_from", "valid_to",
        account_id=_id("account", owner, rows.account_key),
    ).order_by("account_id", "category", "payer_key", "valid_from")  # fmt: skip


def product_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The products; ``offering`` gives ``offering_id`` by ``offering_code``."""
    rows = tables["product"].inner_join(tables["offering"], "offering_code")
    return _of_accounts("product", rows, owner, "offering_code")


def feature_rows(tables: Tables, owner: Owner) -> ir.Table:
    """What the products can do."""
    rows = tables["feature"]
    return rows.select(
        "feature_code", "valid_from", "valid_to",
        product_id=_id("product", owner, rows.product_key),
    ).order_by("product_id", "feature_code", "valid_from")  # fmt: skip


def discount_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The discounts of the accounts; ``offering`` as for the products."""
    rows = tables["discount"].left_join(tables["offering"], "offering_code")
    rows = rows.drop("offering_code_right")
    none, product = ibis.null("string"), _id("product", owner, rows.product_key)
    named = rows.mutate(product_id=rows.product_key.notnull().ifelse(product, none))
    not_kept = ("product_key", "offering_code", "currency")
    return _of_accounts("discount", named, owner, *not_kept)


def exemption_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The taxes that the accounts need not pay."""
    rows = tables["exemption"]
    owned = rows.mutate(account_id=_id("account", owner, rows.account_key))
    ordered = owned.order_by("account_key", "tax_name", "valid_from")
    return ordered.drop("account_key", "source_file", "source_line")


def commitment_rows(tables: Tables, owner: Owner) -> ir.Table:
    """What the accounts have promised to spend."""
    rows = tables["commitment"]
    none, product = ibis.null("string"), _id("product", owner, rows.product_key)
    named = rows.mutate(product_id=rows.product_key.notnull().ifelse(product, none))
    return _of_accounts("commitment", named, owner, "product_key", "currency")


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


def entry_rows(tables: Tables, owner: Owner) -> ir.Table:
    """One opening entry an account that has something open."""
    amounts = opening_amounts(tables)
    open_ = amounts.filter(amounts.documented | (amounts.amount_minor != 0))
    accounts = open_.select("account_key").distinct()
    return accounts.select(
        id=_entry_id(owner, accounts.account_key),
        carrier_id=owner.id,
        source=ibis.literal("opening|") + accounts.account_key,
        kind=ibis.literal("opening"),
        entry_date=owner.opened_date,
    ).order_by("source")


def _entry_id(owner: Owner, account_key: ir.StringValue) -> ir.StringValue:
    return _id("opening", owner, account_key)


RECEIVABLE, CLEARING, DEPOSITS = "1200", "1290", "2300"


def posting_rows(tables: Tables, owner: Owner) -> ir.Table:
    """Each opening amount, and against them the account's sum on migration clearing."""
    amounts = opening_amounts(tables)
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
        entry_id=_entry_id(owner, both.account_key),
        account_id=_id("account", owner, both.account_key),
    ).order_by("entry_id", "gl_account", "amount_minor")


def open_item_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The open items, each with the entry that posted it."""
    rows = tables["open_item"]
    posted = rows.mutate(entry_id=_entry_id(owner, rows.account_key))
    return _of_accounts("open_item", posted, owner)


def deposit_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The deposits, each with the entry that posted it; what is held follows from the entry."""
    rows = tables["deposit"]
    posted = rows.mutate(entry_id=_entry_id(owner, rows.account_key))
    return _of_accounts("deposit", posted, owner, "held_minor")


def collection_rows(tables: Tables, owner: Owner) -> ir.Table:
    """How the accounts pay, and how far they are dunned."""
    rows = tables["collection"].order_by("account_key")
    return rows.select(
        "payment_method",
        "dunning_level",
        "dunned_date",
        account_id=_id("account", owner, rows.account_key),
    )


def mandate_rows(tables: Tables, owner: Owner) -> ir.Table:
    """The mandates."""
    return _of_accounts("mandate", tables["mandate"], owner)


def products_wanted(tables: Tables, owner: Owner) -> ir.Table:
    """How many products there have to be in the end, as ``rows``."""
    return tables["product"].count().name("rows").as_table()


Rows = Callable[[Tables, Owner], ir.Table]
# What the books receive, in the order of their foreign keys, where one of these entities is there.
BOOKS: dict[str, tuple[tuple[str, ...], Rows]] = {
    "customers": (("customer",), customer_rows),
    "accounts": (("account",), account_rows),
    "products": (("product",), product_rows),
    "products wanted": (("product",), products_wanted),
    "contacts": (("contact",), contact_rows),
    "payers": (("payer",), payer_rows),
    "features": (("feature",), feature_rows),
    "discounts": (("discount",), discount_rows),
    "exemptions": (("exemption",), exemption_rows),
    "commitments": (("commitment",), commitment_rows),
    "collections": (("collection",), collection_rows),
    "mandates": (("mandate",), mandate_rows),
    "entries": (OPENING, entry_rows),
    "postings": (OPENING, posting_rows),
    "open items": (("open_item",), open_item_rows),
    "deposits": (("deposit",), deposit_rows),
}
OF_CUSTOMERS = ("customer", "contact")


@compiled_once
def loading(
    columns: tuple[tuple[str, Columns], ...], carrier: str, carrier_id: int, opened_date: date
) -> Calculation:
    """What the books receive of some accounts; ``columns`` are those of their valid rows.

    Inputs: ``valid_X`` for each entity, ``moving`` with the accounts, and ``offering`` with the
    ``offering_id`` of each ``offering_code``. Results: those of ``BOOKS``. The rows of the accounts
    are held, for each is read repeatedly.

    The carrier is written into the SQL, since identities take far longer where it is a column.
    """
    entities = [name for name, _ in columns]
    owner = Owner(ibis.literal(carrier), ibis.literal(carrier_id), ibis.literal(opened_date))

    def moving(t: Tables, name: str) -> ir.Table:
        return t[f"valid_{name}"].semi_join(t["moving"], "account_key")

    def received(t: Tables, rows: Rows) -> ir.Table:
        return rows(t, owner)

    return Calculation(
        {
            **{f"valid_{name}": ibis.schema(dict(each)) for name, each in columns},
            "moving": ibis.schema({"account_key": "string"}),
            "offering": ibis.schema({"offering_code": "string", "offering_id": "int64"}),
        },
        [
            Step(name, lambda t, name=name: t[f"valid_{name}"], stored=False)
            if name in OF_CUSTOMERS
            else Step(name, partial(moving, name=name))
            for name in entities
        ]
        + [
            Step(name, partial(received, rows=rows), stored=False)
            for name, (wanted, rows) in BOOKS.items()
            if not set(wanted).isdisjoint(entities)
        ],
    )
