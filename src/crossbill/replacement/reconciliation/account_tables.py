"""One account's rows on the old and the new side, read from the store's sorted tables."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossbill.engine.store import Store

Rows = list[dict[str, Any]]
TABLES = ("account", "payer", "product", "open_item", "balance", "bill", "bill_line")
OF_THE_NEW = (*TABLES, "rule_change")


def old_side(store: Store, carrier_code: str, account_key: str) -> dict[str, Rows]:
    """The account as the old system has it, mapped; empty tables where it was not extracted."""
    return _read(store, [carrier_code, "valid"], TABLES, account_key)


def new_side(
    store: Store, carrier_code: str, wave: int | None, account_key: str
) -> dict[str, Rows]:
    """The account as its wave exported and billed it; empty tables before that."""
    if wave is None:
        return {table: [] for table in OF_THE_NEW}
    return _read(store, [carrier_code, f"wave-{wave}"], OF_THE_NEW, account_key)


def customer_name(store: Store, carrier_code: str, customer_key: str) -> str:
    """The customer's name in the extract, empty where it is not there."""
    path = store.path(carrier_code, "valid", "customer.parquet")
    rows = _rows(store, path, "customer_key", customer_key)
    return str(rows[0]["name"]) if rows else ""


def accounts_of_bill(store: Store, carrier_code: str, bill_key: str) -> list[str]:
    """Who was billed with a bill of this number by the old system; looks through all its bills."""
    path = store.path(carrier_code, "valid", "bill.parquet")
    if not store.exists(path):
        return []
    with store.open(path) as file:
        bills = pq.read_table(file, columns=["bill_key", "account_key"])
    found = bills.filter(pc.equal(bills["bill_key"], bill_key))["account_key"]
    return sorted(set(found.to_pylist()))


def _read(
    store: Store, folder: list[str], tables: Iterable[str], account_key: str
) -> dict[str, Rows]:
    paths = {table: store.path(*folder, f"{table}.parquet") for table in tables}
    return {table: _rows(store, path, "account_key", account_key) for table, path in paths.items()}


def _rows(store: Store, path: str, column: str, key: str) -> Rows:
    """The rows with this key. Tables sorted by it are read in one group of rows, not as a whole."""
    if not store.exists(path):
        return []
    with store.open(path) as file:
        parquet = pq.ParquetFile(file)
        groups = [n for n in range(parquet.num_row_groups) if _may_hold(parquet, n, column, key)]
        table = parquet.read_row_groups(groups)
    rows: pa.Table = table.filter(pc.equal(table[column], key))
    found: Rows = rows.to_pylist()
    return found


def _may_hold(parquet: pq.ParquetFile, group: int, column: str, key: str) -> bool:
    """Whether the group's least and greatest key leave room for this one."""
    position = parquet.schema_arrow.names.index(column)
    statistics = parquet.metadata.row_group(group).column(position).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= key <= statistics.max)
