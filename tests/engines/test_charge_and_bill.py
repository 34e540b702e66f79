"""Charges depend on their row alone; a bill is the sum of its printed lines."""

from datetime import date, datetime

import duckdb
import pytest
from calculation import calculated, result
from oracle.tables import (
    ACCOUNT,
    APRIL,
    CUSTOMER,
    ENGINE,
    MAY,
    OLD_POLICY,
    PRODUCT,
    carrier,
    rows_of,
    table,
)

from crossbill.core.ids import identity
from crossbill.engine import integers
from crossbill.engine.billing_datasets import (
    BILL_TAX,
    COMPUTED_BILL,
    COMPUTED_LINE,
    CREDIT_USE,
)
from crossbill.engine.datasets import CHARGE
from crossbill.platform.billing.bill import net_lines
from crossbill.platform.billing.bills import bill_population
from crossbill.platform.billing.charge import charge
from crossbill.platform.billing.tax import line_tax

ROW = {
    "account_key": "A1",
    "product_key": "P1",
    "category": "recurring",
    "offering_code": "FIBRE",
    "price_code": "FIBRE",
    "period_from": date(2024, 5, 1),
    "period_to": date(2024, 6, 1),
    "interval_from": date(2024, 5, 1),
    "interval_to": date(2024, 6, 1),
    "interval_months": 1,
    "prorated": True,
    "sign": 1,
    "charge_from": date(2024, 5, 16),
    "charge_to": date(2024, 6, 1),
    "quantity": 3,
    "currency": "USD",
    "minor_digits": 2,
    "price_version": "v1",
    "price_nanos": 49_900_000_000,
    "discount_ppm": 100_000,
    "tax_code": "NY01",
    "tax_category": "standard",
    "tax_inclusive": False,
    "tax_ppm": 88_750,
    "policy_code": "old",
    "day_count": "thirty_360",
    "end_day_counts": True,
    "rounding_mode": "down",
    "rounding_scope": "line",
    "rounding_digits": 0,
    "discount_base": "rounded",
    "tax_scope": "line",
    "tax_rounding_mode": "down",
}
HALF = PRODUCT | {"product_key": "P2", "start_date": date(2024, 4, 16), "discount_ppm": 100_000}


def charged(**changed):
    """The amounts of one charge."""
    rows = charge(table("charge_input", [ROW | changed]))
    (row,) = rows_of(rows.mutate(tax_minor=line_tax(rows, rows.gross_minor)))
    return {name: row[name] for name in ("gross_minor", "discount_minor", "tax_minor")}


def types(expression):
    return {name: str(kind).lstrip("!") for name, kind in expression.schema().items()}


def test_the_columns_are_those_of_the_datasets():
    found = bill_population(ENGINE, carrier())
    for dataset in (CHARGE, COMPUTED_LINE, COMPUTED_BILL, BILL_TAX, CREDIT_USE):
        expected = {n: str(k).lstrip("!") for n, k in dataset.ibis.items()}
        assert types(found[dataset.name]) == expected


@pytest.mark.parametrize(
    ("changed", "gross", "discount", "tax"),
    [
        ({}, 7485, -748, 664),
        ({"day_count": "actual_actual"}, 7726, -772, 685),
        ({"price_nanos": 51_900_000_000}, 7785, -778, 690),
        ({"rounding_mode": "half_up"}, 7485, -749, 664),
        ({"tax_scope": "bill"}, 7485, -748, 0),
        ({"discount_ppm": 0}, 7485, 0, 664),
        ({"charge_to": date(2024, 5, 20), "end_day_counts": False}, 1497, -149, 132),
        ({"minor_digits": 0, "currency": "JPY"}, 74, -7, 6),
    ],
)
def test_a_what_if_is_the_same_verb_on_a_changed_row(changed, gross, discount, tax):
    assert charged(**changed) == {
        "gross_minor": gross,
        "discount_minor": discount,
        "tax_minor": tax,
    }


def test_each_row_is_charged_as_if_it_were_alone():
    rows = [ROW | {"product_key": f"P{n}", "quantity": n} for n in range(5)]
    together = rows_of(charge(table("charge_input", rows)).order_by("product_key"))
    alone = [r for row in rows for r in rows_of(charge(table("charge_input", [row])))]
    assert together == alone


@pytest.mark.parametrize(
    "changed",
    [{"day_count": "lunar"}, {"rounding_mode": "up?"}, {"minor_digits": 7}, {"day_count": None}],
)
def test_a_row_with_an_unknown_rule_stops_the_calculation(changed):
    with pytest.raises(duckdb.InvalidInputException, match=r"unknown|no currency"):
        charged(**changed)


def test_an_amount_beyond_64_bits_is_refused_and_never_wraps():
    with pytest.raises(integers.AmountOverflow), integers.refusing_overflow():
        charged(price_nanos=2**62, quantity=3)


def test_a_bill_is_the_sum_of_its_lines():
    bills = calculated("bill", periods=(APRIL, MAY), product=[PRODUCT, HALF])
    bill_lines = result("bill_line")
    assert len(bills) == 2
    for bill in bills:
        own = [line for line in bill_lines if line["bill_key"] == bill["bill_key"]]
        assert bill["net_minor"] == sum(line["net_minor"] for line in own)
        assert bill["tax_minor"] == sum(line["tax_minor"] for line in own)
        assert bill["total_minor"] == bill["net_minor"] + bill["tax_minor"]


def test_a_bills_identity_is_its_account_and_period():
    (bill,) = calculated("bill")
    assert bill["bill_key"] == str(identity("bill", "A1", "2024-04-01"))


def test_what_is_printed_comes_from_customer_and_account():
    (bill,) = calculated("bill")
    assert (bill["printed_name"], bill["printed_postcode"]) == ("José Müller", "10001")


def test_a_doubled_customer_does_not_double_a_bill():
    assert len(calculated("bill", customer=[CUSTOMER, CUSTOMER])) == 1


def test_tax_per_bill_is_rounded_once_on_the_sum():
    policy = OLD_POLICY | {"tax_scope": "bill", "tax_rounding_mode": "half_up"}
    products = [
        PRODUCT | {"product_key": f"P{n}", "price_override_nanos": 10_000_000} for n in range(10)
    ]
    (bill,) = calculated("bill", product=products, policy=[policy])
    assert (bill["net_minor"], bill["tax_minor"]) == (10, 1)  # by line: ten times 0.09 cents, 0
    assert {line["tax_minor"] for line in result("bill_line")} == {0}


def test_a_charge_of_no_counted_day_stays_a_charge_but_is_no_line():
    short = table(
        "charge_input",
        [ROW | {"charge_from": date(2024, 5, 30), "charge_to": date(2024, 5, 31)}],
    )
    assert [row["active_days"] for row in rows_of(charge(short))] == [0]
    assert rows_of(net_lines(charge(short))) == []


def test_the_change_stamp_of_the_product_reaches_its_lines():
    stamp = datetime(2024, 3, 4, 5, 6, 7)
    found = calculated("bill_line", product=[HALF | {"changed_at": stamp}])
    assert [line["source_changed_at"] for line in found] == [stamp, stamp]


def test_an_account_without_a_charge_has_no_bill():
    assert calculated("bill", product=[]) == []


def test_the_order_of_the_input_changes_nothing():
    products = [PRODUCT | {"product_key": f"P{n}", "quantity": n} for n in range(20)]
    accounts = [ACCOUNT, ACCOUNT | {"account_key": "A2"}]
    for name in ("charge", "bill_line", "bill"):
        forth = calculated(name, product=products, account=accounts)
        back = calculated(name, product=products[::-1], account=accounts[::-1])
        assert sorted(forth, key=str) == sorted(back, key=str)


def test_sums_of_bills_stay_integers_in_a_file(tmp_path):
    ENGINE.to_parquet(bill_population(ENGINE, carrier())["bill"], tmp_path / "bill.parquet")
    kept = ENGINE.read_parquet(tmp_path / "bill.parquet").schema()
    assert {str(kept[name]) for name in ("net_minor", "tax_minor", "total_minor")} == {"int64"}
