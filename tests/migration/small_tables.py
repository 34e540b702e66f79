"""One sound record of each canonical table, as the entry checks see them, free to be spoilt."""

from datetime import date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from oracle.tables import ENGINE

from crossbill.core.policy import Policy
from crossbill.engine.billing_datasets import PERIODS, TAX
from crossbill.engine.dataset import TYPES
from crossbill.engine.datasets import POLICY, PRICE
from crossbill.platform.billing import bills
from crossbill.replacement.migration.transform import mapped_dataset

Row = dict[str, Any]
DAY, AFTER = date(2024, 4, 1), date(2024, 5, 1)
ACCOUNT = {
    "account_key": "A1", "customer_key": "C1", "parent_account_key": None, "status": "active",
    "currency": "USD", "tax_code": "NY01", "bill_cycle_day": 1, "disputed": False,
}  # fmt: skip
SOUND: dict[str, list[Row]] = {
    "customer": [{"customer_key": "C1", "name": "Ann", "kind": "person", "segment": "consumer"}],
    "contact": [
        {"customer_key": "C1", "contact_key": "K1", "role": "billing", "name": "Ann",
         "email": "ann@example.org", "valid_from": DAY}
    ],
    "account": [
        ACCOUNT | {"parent_account_key": "A2"},
        ACCOUNT | {"account_key": "A2"},
        ACCOUNT | {"account_key": "A-late-tax", "tax_code": "LATE"},
        ACCOUNT | {"account_key": "A-no-currency", "currency": "XYZ"},
    ],
    "payer": [
        {"account_key": "A1", "payer_key": "A2", "share_ppm": 1_000_000, "valid_from": DAY}
    ],
    "product": [
        {"product_key": "P1", "account_key": "A1", "offering_code": "fibre", "quantity": 1,
         "start_date": date(2023, 5, 1)}
    ],
    "feature": [
        {"product_key": "P1", "account_key": "A1", "feature_code": "roaming", "valid_from": DAY}
    ],
    "discount": [
        {"discount_key": "D1", "account_key": "A1", "position": 1, "kind": "percentage",
         "rate_ppm": 50_000, "product_key": "P1", "offering_code": "fibre", "category": "recurring",
         "currency": "USD", "most_minor": 500, "valid_from": DAY}
    ],
    "exemption": [
        {"account_key": "A1", "tax_name": "sales", "valid_from": DAY, "reason": "certificate 7"}
    ],
    "commitment": [
        {"commitment_key": "C1", "account_key": "A1", "product_key": "P1", "category": "usage",
         "currency": "USD", "amount_minor": 500, "prorated": True, "tax_category": "standard",
         "valid_from": DAY}
    ],
    "open_item": [
        {"open_item_key": "I1", "account_key": "A1", "kind": "invoice", "document_number": "D1",
         "document_date": DAY, "due_date": DAY, "currency": "USD", "original_minor": 100,
         "paid_minor": 30, "open_minor": 70}
    ],
    "balance": [{"account_key": "A1", "currency": "USD", "balance_minor": 70}],
    "collection": [{"account_key": "A1", "payment_method": "direct_debit", "dunning_level": 0}],
    "mandate": [
        {"mandate_key": "M1", "account_key": "A1", "bank_code": "021000021",
         "account_digits": "0042", "signed_date": DAY}
    ],
    "deposit": [  # what it is said to hold is not what is left of it: a control's to find
        {"deposit_key": "K1", "account_key": "A1", "received_date": DAY, "currency": "USD",
         "received_minor": 500, "refunded_minor": 100, "held_minor": 1}
    ],
    "bill": [
        {"bill_key": "B1", "account_key": "A1", "period_from": DAY, "period_to": AFTER,
         "currency": "USD", "net_minor": 100, "tax_minor": 8, "total_minor": 108}
    ],
    "bill_line": [
        {"bill_key": "B1", "account_key": "A1", "period_from": DAY, "period_to": AFTER,
         "product_key": "P1", "category": "recurring", "price_code": "fibre", "charge_from": DAY,
         "charge_to": AFTER, "currency": "USD", "net_minor": 100, "tax_minor": 8}
    ],
    "tariff": [],
    "usage": [
        {"usage_key": "R1", "service_key": "P1", "usage_type": "voice", "quantity": 61,
         "started_at": datetime(2024, 4, 1, 4), "received_at": datetime(2024, 4, 1, 5)}
    ],
}  # fmt: skip
PRICES = [
    ("fibre", date(2020, 1, 1), "USD"),
    ("late", date(2024, 6, 1), "USD"),
    ("foreign", date(2020, 1, 1), "EUR"),
    ("twice", date(2020, 1, 1), "USD"),
    ("twice", date(2021, 1, 1), "USD"),
]
RATES = [("NY01", date(2020, 1, 1)), ("LATE", date(2024, 6, 1))]
OLD_POLICY = Policy.from_mapping(
    {
        "policy_code": "old", "day_count": "thirty_360", "end_day_counts": True,
        "rounding_mode": "down", "rounding_scope": "line", "rounding_digits": 0,
        "discount_base": "rounded", "price_by": "bill_time", "tax_scope": "line",
        "tax_rounding_mode": "down",
    }
)  # fmt: skip


def tables(records: dict[str, list[Row]]) -> dict[str, ir.Table]:
    """The mapped tables of these records."""
    return {entity: _table(entity, rows) for entity, rows in records.items()}


def _table(entity: str, rows: list[Row]) -> ir.Table:
    columns = mapped_dataset(entity).columns
    schema = pa.schema([pa.field(c.name, TYPES[c.type]) for c in columns])
    placed = [
        {"source_file": f"{entity}.csv", "source_line": n, **row}
        for n, row in enumerate(rows, start=2)
    ]
    return ibis.memtable(pa.Table.from_pylist(placed, schema))


def prices() -> ir.Table:
    """A catalogue with one good offering and some that cannot be billed."""
    rows = [
        {"offering_code": code, "price_version": str(start), "valid_from": start,
         "currency": currency, "amount_nanos": 49 * 10**9}
        for code, start, currency in PRICES
    ]  # fmt: skip
    return ibis.memtable(pa.Table.from_pylist(rows, PRICE.arrow))


def rates() -> ir.Table:
    """One good tax rate, and one that is valid too late."""
    terms = {"rate_ppm": 88_750, "tax_category": "standard", "tax_name": "sales"}
    rows = [terms | {"tax_code": code, "valid_from": start} for code, start in RATES]
    return ibis.memtable(pa.Table.from_pylist(rows, TAX.arrow))


def unresolved(known: dict[str, ir.Table]) -> ir.Table:
    """What the shadow bill of April could not charge."""
    policy = ibis.memtable(pa.Table.from_pylist([OLD_POLICY.as_row()], POLICY.arrow))
    rows = [{"period_from": DAY, "period_to": AFTER}]
    held = {
        "account": known["account"].mutate(policy_code=ibis.literal("old")),
        "product": known["product"],
        "price": prices(),
        "tax_rate": rates(),
        "policy": policy,
        "periods": ibis.memtable(pa.Table.from_pylist(rows, PERIODS.arrow)),
    }
    return bills.unresolved(ENGINE, held)
