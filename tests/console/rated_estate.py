"""Usage for the small change-over: one mobile product, its calls rated, one call suspended."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from crossbill.engine.datasets import CANONICAL
from crossbill.engine.rating_datasets import RATED_USAGE, USAGE
from crossbill.engine.store import Store
from crossbill.platform.rating.current import current
from crossbill.replacement.migration.models import Replacement, SuspendedRecord
from crossbill.replacement.reconciliation.account_usage import AccountUsage

HERE = Path(__file__).parent / "rating"
PERIODS = [(date(2024, 4, 1), date(2024, 5, 1)), (date(2024, 5, 1), date(2024, 6, 1))]
SPEC = {
    "rating": {"catalogue": "rating.yaml", "bill_period": "received"},
    "periods": [{"from": str(start), "to": str(end)} for start, end in PERIODS],
    "old_policy": {
        "policy_code": "old-2024", "day_count": "thirty_360", "end_day_counts": True,
        "rounding_mode": "down", "rounding_scope": "line", "rounding_digits": 0,
        "discount_base": "rounded", "price_by": "bill_time", "tax_scope": "line",
        "tax_rounding_mode": "down",
    },
}  # fmt: skip
SPEC_PATH = str(HERE / "replacement.yaml")
CALLS = 60  # of a minute each, by day, from 2 May on: the allowance pays for the first twenty
_rated: dict[str, pa.Table] = {}  # the same for every test
CROSSING, CANADA, DATA, UNKNOWN = "X0001", "X0002", "X0003", "X0004"


def product(account_key: str) -> dict:
    """The product that uses something."""
    return {
        "product_key": f"{account_key}-M1", "account_key": account_key,
        "offering_code": "mobile-m", "quantity": 1, "start_date": date(2019, 3, 1),
    }  # fmt: skip


def add(store: Store, replacement: Replacement, account_key: str) -> None:
    """Store the usage of the account's wave as the change-over would."""
    mine = AccountUsage(store, replacement.carrier.code, 1, account_key)
    place = store.path(replacement.carrier.code, "wave-1")
    _with_product(store, f"{place}/product.parquet", account_key)
    rows = pa.Table.from_pylist(_usage(account_key), USAGE.arrow)
    store.write_table(f"{place}/usage.parquet", rows, USAGE)
    if account_key not in _rated:
        with mine.opened() as tables:
            again = tables.again(current(HERE / "rating.yaml"), PERIODS)
            _rated[account_key] = again.fetch("rated_usage").sort_by("usage_key")
    store.write_table(f"{place}/rated_usage.parquet", _rated[account_key], RATED_USAGE)
    SuspendedRecord.objects.create(
        replacement=replacement, file="CALLS.CSV", line=64, record_key=UNKNOWN,
        account_key=account_key, stage="bill", code="DESTINATION_UNKNOWN", class_code="MAPPING",
        field="destination", value="8881234", owner="catalogue",
        message="No prefix of the deck fits: add the prefix to the deck",
    )  # fmt: skip


def _with_product(store: Store, path: str, account_key: str) -> None:
    dataset = CANONICAL["product"]
    mobile = pa.Table.from_pylist([product(account_key)], dataset.arrow)
    store.write_table(path, pa.concat_tables([store.read(path), mobile]), dataset)


def _usage(account_key: str) -> list[dict]:
    service = product(account_key)["product_key"]
    common = {"service_key": service, "usage_type": "voice", "source_file": "CALLS.CSV"}
    first = datetime(2024, 5, 2, 14, 0)  # 10:00 in New York
    calls = [
        {"usage_key": f"U{n:04d}", "started_at": first + timedelta(hours=6 * (n // 2), minutes=n),
         "quantity": 60, "destination": "12125550199"}
        for n in range(CALLS)
    ]  # fmt: skip
    others = [
        {"usage_key": CROSSING, "started_at": datetime(2024, 5, 25, 23, 59), "quantity": 180,
         "destination": "12125550199"},
        {"usage_key": CANADA, "started_at": datetime(2024, 5, 26, 15, 0), "quantity": 90,
         "destination": "12505551234"[:4] + "1234567"},
        {"usage_key": DATA, "started_at": datetime(2024, 5, 27, 15, 0), "quantity": 1_572_864,
         "usage_type": "data"},
        {"usage_key": UNKNOWN, "started_at": datetime(2024, 5, 28, 15, 0), "quantity": 60,
         "destination": "8881234"},
    ]  # fmt: skip
    rows = [*calls, *others]
    return [
        common | row | {"source_line": n, "received_at": row["started_at"]}
        for n, row in enumerate(rows, 1)
    ]
