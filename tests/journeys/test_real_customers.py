"""7,043 customers of a real carrier, moved: every shadow bill equals the old monthly charge."""

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "telco"
FILE = "WA_Fn-UseC_-Telco-Customer-Churn.csv"

pytestmark = [pytest.mark.shared_data, pytest.mark.django_db]

ADD_ONS = {
    "OnlineSecurity": "online-security",
    "OnlineBackup": "online-backup",
    "DeviceProtection": "device-protection",
    "TechSupport": "tech-support",
    "StreamingTV": "streaming-tv",
    "StreamingMovies": "streaming-movies",
    "MultipleLines": "multiple-lines",
    "PhoneService": "phone-line",
}
INTERNET = {"DSL": "internet-dsl", "Fiber optic": "internet-fibre"}


@pytest.fixture(scope="module")
def customers(shared_data):
    """The file as a spreadsheet would read it."""
    with (shared_data / "telco_ibm" / FILE).open(encoding="utf-8", newline="") as file:
        return {row["customerID"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def moved(books, shared_data):
    """The change-over of the example, done once for this file, and its part of the store."""
    from crossbill.config.environment import read_environment
    from crossbill.engine.store import Store
    from crossbill.replacement.operations import replace

    replacement = replace(
        spec_path=EXAMPLE / "replacement.yaml",
        data=shared_data / "telco_ibm",
        carrier_code="telco-test",
    )
    return replacement, Store(read_environment().store_url)


def held(row: dict[str, str]) -> list[str]:
    """The offerings that a row says its customer holds."""
    codes = [code for column, code in ADD_ONS.items() if row[column] == "Yes"]
    internet = INTERNET.get(row["InternetService"])
    return [*codes, internet] if internet else codes


def list_prices() -> dict[str, Decimal]:
    """The example's list prices by offering."""
    import yaml

    document = yaml.safe_load((EXAMPLE / "catalogue.yaml").read_text())
    prices = {o["code"]: o["prices"][0]["versions"][0]["amount"] for o in document["offerings"]}
    return {code: Decimal(amount) for code, amount in prices.items()}


def test_at_most_twelve_list_prices_explain_every_charge_to_within_five(customers):
    prices = list_prices()
    assert len(prices) <= 12
    off = [
        abs(Decimal(row["MonthlyCharges"]) - sum(prices[code] for code in held(row)))
        for row in customers.values()
    ]
    assert max(off) <= Decimal("5.00")


def test_every_customer_ends_in_exactly_one_state(moved, customers):
    from crossbill.replacement.migration.models import AccountMove

    replacement, _ = moved
    moves = AccountMove.objects.filter(replacement=replacement)
    states = Counter(moves.values_list("state", flat=True))
    assert states == {"live": 7043}
    assert set(moves.values_list("account_key", flat=True)) == set(customers)


def test_every_shadow_bill_equals_the_old_monthly_charge(moved, customers):
    _, store = moved
    bills = {}
    for position in (1, 2, 3):
        path = store.path("telco-test", f"wave-{position}", "bill.parquet")
        for row in pq.read_table(path).to_pylist():
            assert row["account_key"] not in bills
            bills[row["account_key"]] = Decimal(row["total_minor"]) / 100
    assert bills == {key: Decimal(row["MonthlyCharges"]) for key, row in customers.items()}


def test_what_differs_from_the_list_is_the_customers_own_price_of_the_base_product(
    moved, customers
):
    from crossbill.platform.product.models import Product

    replacement, _ = moved
    prices = list_prices()
    base = {"internet-dsl", "internet-fibre"}
    products = Product.objects.filter(carrier=replacement.carrier_id)
    own = {
        key: (code, Decimal(nanos) / 10**9)
        for key, code, nanos in products.filter(price_override_nanos__isnull=False).values_list(
            "account__account_key", "offering__code", "price_override_nanos"
        )
    }
    for key, row in customers.items():
        codes = held(row)
        where = next((code for code in codes if code in base), "phone-line")
        left = Decimal(row["MonthlyCharges"]) - sum(prices[c] for c in codes if c != where)
        expected = None if left == prices[where] else (where, left)
        assert own.get(key) == expected, key


def test_products_held_are_those_of_the_file(moved, customers):
    from crossbill.platform.product.models import Product

    replacement, _ = moved
    products = Product.objects.filter(carrier=replacement.carrier_id)
    assert Counter(products.values_list("offering__code", flat=True)) == Counter(
        code for row in customers.values() for code in held(row)
    )


def test_the_control_totals_are_those_of_a_spreadsheet(moved, customers):
    from crossbill.replacement.queries import summary

    replacement, _ = moved
    stage = next(t for t in summary(replacement)["control_totals"] if t["stage"] == "stage")
    sums = {name.rsplit(".", 1)[1]: total for name, total in stage["sums"].items()}
    for column in ("MonthlyCharges", "TotalCharges"):
        amounts = [row[column].strip() for row in customers.values()]
        expected = sum(Decimal(amount) for amount in amounts if amount)
        assert Decimal(sums[f"{column}_nanos"]["in"]) == expected
        assert Decimal(sums[f"{column}_nanos"]["accepted"]) == expected
    assert stage["in"] == stage["accepted"] == len(customers)
