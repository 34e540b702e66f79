"""A folder of old bills and facts as the tables that the search reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine import integers
from crossbill.engine.billing_datasets import (
    BILLED_ACCOUNT,
    COMPONENT,
    DISCOUNT,
    LISTED_PRICE,
    TAX,
)
from crossbill.engine.concession_datasets import EXEMPTION
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import PAYER, PRODUCT, SUSPENDED, USAGE_TOTAL
from crossbill.engine.integers import sum_int64
from crossbill.platform.billing.bills import currency_table
from crossbill.platform.billing.discounts import AMOUNT, PERCENTAGE
from crossbill.platform.billing.look_up import looked_up
from crossbill.replacement.reconciliation.inference.datasets import (
    FAMILY,
    OLD_BILL,
    OLD_LINE,
    PRODUCT_FAMILY,
)
from crossbill.replacement.reconciliation.inference.fields import TABLES, USAGE_CHARGE
from crossbill.replacement.reconciliation.inference.read_table import (
    BadOldBills,
    read_table,
)
from crossbill.replacement.reconciliation.inference.spec import InferenceSpec

NO_TAX = "No tax rates are there: taxes are not compared, and the policy's tax rules are not told."
OPTIONAL = {"component": COMPONENT, "exemption": EXEMPTION, "payer": PAYER, "family": FAMILY}
OF_BILL = ("account_key", "period_from", "period_to")
# What the engine asks of a row beside what the folder states.
SAME_FOR_ALL: dict[str, Any] = {
    "offering_code": "", "customer_key": "", "status": "active", "tax_code": "", "disputed": False,
    "bill_cycle_day": 1, "policy_code": "",
}  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """The records of one table: read = used + the same as others + set aside."""

    records: int
    used: int
    doubled: int
    aside: int

    def __post_init__(self) -> None:
        assert self.records == self.used + self.doubled + self.aside, self


@dataclass(frozen=True)
class OldBooks:
    """The tables of the search by name, what was counted, what was set aside, what to know."""

    tables: dict[str, ir.Table]
    counted: dict[str, Counted]
    aside: pa.Table  # of the dataset ``suspended``
    notes: tuple[str, ...]
    untaxed: bool  # taxes are stated that cannot be compared


def read_folder(backend: Backend, folder: Path, spec: InferenceSpec) -> OldBooks:
    """Read all tables of a folder; what cannot be read at all is refused."""
    of_bills = {name: terms for name, terms in TABLES.items() if name != USAGE_CHARGE}
    read = {name: read_table(backend, folder, spec, terms) for name, terms in of_bills.items()}
    there = {name: table for name, table in read.items() if table is not None}
    tables, counted = {}, {}
    for name, table in there.items():
        keeps_place = name in ("bill", "bill_line")
        rows = ibis.memtable(table.rows)
        used = rows if keeps_place else rows.drop("file", "line").distinct()
        tables[name] = ibis.memtable(backend.to_pyarrow(used))
        kept = int(backend.to_pyarrow(used.count()).as_py())
        aside = table.aside.num_rows
        counted[name] = Counted(table.records, kept, table.records - kept - aside, aside)
    made = _made(backend, tables, spec)
    aside_rows = pa.concat_tables([SUSPENDED.empty(), *(table.aside for table in there.values())])
    rates = "tax_rate" in tables
    stated = tables["bill_line"].tax_nanos.notnull().any()
    taxed = "bill" in tables or backend.to_pyarrow(stated).as_py() is True
    notes = () if rates else (NO_TAX,)
    return OldBooks(made, counted, aside_rows, notes, untaxed=taxed and not rates)


def _made(
    backend: Backend, tables: Mapping[str, ir.Table], spec: InferenceSpec
) -> dict[str, ir.Table]:
    """The tables as the datasets of the search."""
    lines, products = _as(OLD_LINE, _with_bills(backend, tables)), tables["product"]
    currency = spec.currency or _only(backend, tables, "price", "currency")
    accounts = _with_currency(backend, _accounts(backend, tables), lines, products, currency)
    made = {
        "account": accounts,
        "old_line": lines,
        "product": _as(PRODUCT, products),
        "product_family": _families(products),
    }
    if "bill" in tables:
        made["old_bill"] = _as(OLD_BILL, tables["bill"])
    if "price" in tables:
        made["price"] = _as(LISTED_PRICE, _priced(backend, tables["price"], accounts, spec))
    if "usage" in tables:
        made["usage_total"] = _usage(tables["usage"], products, accounts)
    if "discount" in tables:
        made["discount"] = _discounts(backend, tables["discount"], accounts)
    for name, dataset in OPTIONAL.items():
        if name in tables:
            made[name] = _as(dataset, tables[name])
    return made | _taxes(tables, made)


def _with_bills(backend: Backend, tables: Mapping[str, ir.Table]) -> ir.Table:
    """The old lines; what they do not state of account and period is that of their bill."""
    lines = tables["bill_line"]
    if "bill" not in tables:
        return lines
    told = {f"{name}_of_bill": name for name in OF_BILL}
    named = tables["bill"].filter(tables["bill"].bill_key.notnull())
    bills = looked_up(named.select("bill_key").distinct(), named, ("bill_key",), OF_BILL, "bills")
    bills = bills.filter(bills.bills == 1).rename(**told).drop("bills")
    rows = lines.left_join(bills, "bill_key").drop("bill_key_right")
    whole = rows.mutate(**{name: rows[name].coalesce(rows[of]) for of, name in told.items()})
    return ibis.memtable(backend.to_pyarrow(whole.drop(*told)))


def _as(dataset: Dataset, rows: ir.Table, **more: Any) -> ir.Table:
    """The rows with the columns of a dataset; what they lack is empty or the same for all."""
    columns = {}
    for name, kind in dataset.ibis.items():
        value = more.get(name, SAME_FOR_ALL.get(name))
        if name in rows.columns:
            held = rows[name].cast(kind.copy(nullable=True))
            columns[name] = held if value is None else held.coalesce(value)
        else:
            columns[name] = ibis.literal(value, kind.copy(nullable=True))
    return rows.select(**columns)


def _accounts(backend: Backend, tables: Mapping[str, ir.Table]) -> ir.Table:
    """The accounts that are stated, or those that hold a product or pay for others.

    One that states no jurisdiction is in the only one whose tax rate is stated.
    """
    rows = tables["account"] if "account" in tables else _holders(tables)
    code = _only(backend, tables, "tax_rate", "tax_code")
    return _as(BILLED_ACCOUNT, rows) if code is None else _as(BILLED_ACCOUNT, rows, tax_code=code)


def _holders(tables: Mapping[str, ir.Table]) -> ir.Table:
    rows = tables["product"].select("account_key")
    if "payer" in tables:
        rows = rows.union(tables["payer"].select(account_key="payer_key"))
    return rows.distinct()


def _only(backend: Backend, tables: Mapping[str, ir.Table], table: str, column: str) -> str | None:
    """The value of a column in all rows of a table; none where there are several or a blank."""
    if table not in tables:
        return None
    values = backend.to_pyarrow(tables[table].select(column).distinct())[column].to_pylist()
    return values[0] if len(values) == 1 else None


def _with_currency(
    backend: Backend,
    accounts: ir.Table,
    lines: ir.Table,
    products: ir.Table,
    assumed: str | None,
) -> ir.Table:
    """The accounts with the currency that they state, or else their lines, or what is assumed."""
    holder = products.select("product_key", holder="account_key").distinct()
    rows = lines.left_join(holder, "product_key")
    told = rows.select(billed=rows.account_key.coalesce(rows.holder), told=rows.currency)
    each = told.group_by("billed").aggregate(told=told.told.min())
    joined = accounts.left_join(each, accounts.account_key == each.billed)
    otherwise = ibis.null("string") if assumed is None else ibis.literal(assumed)
    currency = ibis.coalesce(joined.currency, joined.told, otherwise)
    found = joined.mutate(currency=currency).drop("billed", "told")
    rows = ibis.memtable(backend.to_pyarrow(found).cast(_nullable(BILLED_ACCOUNT)))
    if not backend.to_pyarrow(rows.currency.notnull().any()).as_py():
        cure = "write `currency: EUR` into the specification, or give accounts a currency"
        raise BadOldBills("no currency is stated", field="currency", cure=cure)
    return rows


def _nullable(dataset: Dataset) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in dataset.arrow])


def _priced(
    backend: Backend, prices: ir.Table, accounts: ir.Table, spec: InferenceSpec
) -> ir.Table:
    """The prices in the currency that they state, the specification, or all accounts have."""
    known = backend.to_pyarrow(accounts.currency.nunique()).as_py()
    only = backend.to_pyarrow(accounts.currency.min()).as_py()
    assumed = spec.currency or (only if known == 1 else None)
    blank = backend.to_pyarrow(prices.currency.isnull().any()).as_py()
    if blank and assumed is None:
        cure = "state the currency of each price: the accounts have several"
        raise BadOldBills("a price has no currency", file="price", field="currency", cure=cure)
    return prices if assumed is None else prices.mutate(currency=prices.currency.coalesce(assumed))


def _usage(usage: ir.Table, products: ir.Table, accounts: ir.Table) -> ir.Table:
    """What was used, of those who hold the products."""
    held = products.select("product_key", "account_key", "offering_code").distinct(on="product_key")
    rows = usage.inner_join(held, "product_key")
    currencies = accounts.select("account_key", "currency").distinct(on="account_key")
    rows = rows.inner_join(currencies, "account_key")
    keys = ("account_key", "product_key", "offering_code", "period_from", "period_to", "currency")
    sums = rows.group_by(*keys).aggregate(
        events=sum_int64(rows.events), amount_nanos=sum_int64(rows.amount_nanos)
    )
    return _as(USAGE_TOTAL, sums)


def _discounts(backend: Backend, rows: ir.Table, accounts: ir.Table) -> ir.Table:
    """The discounts of whole bills, their amounts in minor units of their account's currency."""
    both = rows.filter(rows.rate_ppm.isnull() == rows.amount_nanos.isnull())
    (wrong, *_) = backend.to_pyarrow(both.discount_key).to_pylist() or [None]
    if wrong is not None:
        cure = "state one of the two"
        raise BadOldBills(
            "a discount has neither rate nor amount, or both", file="discount",
            field="rate_percent", value=wrong, cure=cure,
        )  # fmt: skip
    held = accounts.select("account_key", "currency").distinct(on="account_key")
    joined = rows.inner_join(held, "account_key").inner_join(currency_table(), "currency")
    scale = integers.nanos_per_minor(joined.minor_digits)
    amounts = {
        f"{name}_minor": integers.quotient(joined[f"{name}_nanos"], scale)
        for name in ("amount", "spend", "most")
    }
    ends = joined.valid_from + joined.months.as_interval("M")
    amounts["valid_to"] = joined.valid_to.coalesce(ends.cast("date"))
    kind = ibis.ifelse(joined.rate_ppm.notnull(), PERCENTAGE, AMOUNT)
    made = _as(DISCOUNT, joined.mutate(kind=kind, **amounts))
    return made.mutate(offering_code=made.offering_code.nullif(""))


def _families(products: ir.Table) -> ir.Table:
    stated = products.filter(products.family.notnull())
    return _as(PRODUCT_FAMILY, stated.select("product_key", "family").distinct())


def _taxes(tables: Mapping[str, ir.Table], made: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """The tax rates; where there are none, a rate of nothing, and no tax of a bill to compare."""
    if "tax_rate" in tables:
        return {"tax_rate": _as(TAX, tables["tax_rate"])}
    codes = made["account"].select("tax_code").distinct()
    free = codes.mutate(
        tax_category=ibis.literal("standard"),
        tax_name=ibis.literal("tax"),
        valid_from=ibis.date("1900-01-01"),
        rate_ppm=ibis.literal(0, "int64"),
    )
    untaxed = {"tax_rate": _as(TAX, free), "old_bill": ibis.memtable(OLD_BILL.empty())}
    no_tax = ibis.null("int64")
    return untaxed | {"old_line": made["old_line"].mutate(tax_nanos=no_tax)}
