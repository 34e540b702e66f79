"""Small canonical tables for tests, from rows that state only what matters."""

from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossbill.engine import billing_datasets, datasets
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.billing.bills import INPUTS, TAX_TERMS

ENGINE = DuckDBBackend().connect()

SCHEMAS = {name: dataset.arrow for name, dataset in INPUTS.items()} | {
    "charge_input": datasets.CHARGE_INPUT.arrow,
    "periods": billing_datasets.PERIODS.arrow,
}
ASSUMED = {"tax_rate": TAX_TERMS}
APRIL = (date(2024, 4, 1), date(2024, 5, 1))
MAY = (date(2024, 5, 1), date(2024, 6, 1))

OLD_POLICY = {
    "policy_code": "old",
    "day_count": "thirty_360",
    "end_day_counts": True,
    "rounding_mode": "down",
    "rounding_scope": "line",
    "rounding_digits": 0,
    "discount_base": "rounded",
    "price_by": "bill_time",
    "tax_scope": "line",
    "tax_rounding_mode": "down",
}
ACCOUNT = {
    "account_key": "A1",
    "customer_key": "C1",
    "status": "active",
    "currency": "USD",
    "tax_code": "NY01",
    "bill_cycle_day": 1,
    "disputed": False,
    "policy_code": "old",
    "postcode": "10001",
}
CUSTOMER = {"customer_key": "C1", "name": "José Müller", "kind": "person", "segment": "consumer"}
PRODUCT = {
    "product_key": "P1",
    "account_key": "A1",
    "offering_code": "FIBRE",
    "quantity": 1,
    "start_date": date(2020, 1, 1),
    "end_date": None,
    "price_override_nanos": None,
    "discount_ppm": None,
    "discount_end_date": None,
}
PRICE = {
    "offering_code": "FIBRE",
    "price_version": "v1",
    "valid_from": date(2019, 1, 1),
    "valid_to": None,
    "currency": "USD",
    "amount_nanos": 49_900_000_000,
}
TAX_RATE = {
    "tax_code": "NY01",
    "valid_from": date(2019, 1, 1),
    "valid_to": None,
    "rate_ppm": 88_750,
}


def table(name: str, rows: list[dict]) -> ir.Table:
    """An engine table of the named dataset."""
    stated = [ASSUMED.get(name, {}) | row for row in rows]
    return ibis.memtable(pa.Table.from_pylist(stated, schema=SCHEMAS[name]))


def stated(periods: tuple = (APRIL,), **changed: list[dict]) -> dict[str, list[dict]]:
    """A carrier of one account with one product, with the rows that a test states instead."""
    rows = {
        "account": [ACCOUNT],
        "customer": [CUSTOMER],
        "product": [PRODUCT],
        "price": [PRICE],
        "tax_rate": [TAX_RATE],
        "policy": [OLD_POLICY],
        "periods": [{"period_from": a, "period_to": b} for a, b in periods],
    }
    return rows | changed


def carrier(periods: tuple = (APRIL,), **changed: list[dict]) -> dict[str, ir.Table]:
    """The same as engine tables."""
    return {name: table(name, rows) for name, rows in stated(periods, **changed).items()}


def rows_of(expression: ir.Table) -> list[dict]:
    """The rows of a result."""
    return ENGINE.to_pyarrow(expression).to_pylist()
