"""Which price, rate and policy a charge gets; what lacks one is set apart with its reason."""

from datetime import date

import pytest
from calculation import PROVED, load, result
from oracle.tables import (
    ACCOUNT,
    APRIL,
    ENGINE,
    MAY,
    OLD_POLICY,
    PRICE,
    PRODUCT,
    TAX_RATE,
    carrier,
    rows_of,
    stated,
)

from crossbill.engine.datasets import CHARGE_INPUT, UNRESOLVED
from crossbill.platform.billing.bills import complete
from crossbill.platform.billing.resolve import (
    chargeable,
    not_chargeable,
    resolution_proof,
    resolve,
)

RESOLVED = (
    "account", "product", "price", "tax_rate", "policy", "periods", "currency", "component",
    "charged", "boundary",
)  # fmt: skip
UNTIL_MAY = PRICE | {"valid_to": date(2024, 5, 1)}
FROM_MAY = PRICE | {"price_version": "v2", "valid_from": date(2024, 5, 1), "amount_nanos": 5}
OWN = PRODUCT | {"price_override_nanos": 7}


def resolved(periods=(APRIL,), **changed):
    """Charge inputs and unresolved rows of a carrier, after the proof that nothing vanished."""
    load(stated(periods, **changed))
    (proof,) = result("proof")
    assert proof["balanced"], proof
    return result("charge_input"), result("unresolved")


def test_the_columns_are_those_of_the_datasets():
    tables = complete(ENGINE, carrier())
    rows = resolve(*(tables[name] for name in RESOLVED))
    found = chargeable(rows), not_chargeable(rows)
    for expression, dataset in zip(found, (CHARGE_INPUT, UNRESOLVED), strict=True):
        types = [str(kind).lstrip("!") for kind in dataset.ibis.types]
        assert list(expression.schema().names) == list(dataset.ibis.names)
        assert [str(kind).lstrip("!") for kind in expression.schema().types] == types


@pytest.mark.parametrize(
    ("title", "product", "policy", "versions"),
    [
        ("the version of each period's first day", {}, {}, ["v1", "v2"]),
        ("an own price beside any list price", {"price_override_nanos": 0}, {}, ["own", "own"]),
        ("the version of the start day", {}, {"price_by": "start_time"}, ["v1", "v1"]),
        (
            "the start day may lie in a later version",
            {"start_date": date(2024, 5, 1)},
            {"price_by": "start_time"},
            ["v2"],
        ),
        (
            "a start within the period counts by the period's first day",
            {"start_date": date(2024, 4, 20), "end_date": date(2024, 4, 25)},
            {},
            ["v1"],
        ),
    ],
)
def test_which_price_version(title, product, policy, versions):
    found, unresolved = resolved(
        (APRIL, MAY),
        product=[PRODUCT | product],
        policy=[OLD_POLICY | policy],
        price=[UNTIL_MAY, FROM_MAY],
    )
    by_period = sorted(found, key=lambda row: row["period_from"])
    assert [row["price_version"] for row in by_period] == versions, title
    assert unresolved == []


def test_the_tax_rate_is_that_of_the_periods_first_day():
    rates = [
        TAX_RATE | {"valid_to": date(2024, 5, 1)},
        TAX_RATE | {"valid_from": date(2024, 5, 1), "rate_ppm": 1},
    ]
    found, _ = resolved((APRIL, MAY), tax_rate=rates)
    assert {row["period_from"]: row["tax_ppm"] for row in found} == {APRIL[0]: 88_750, MAY[0]: 1}


def test_a_population_may_mix_policies():
    accounts = [ACCOUNT, ACCOUNT | {"account_key": "A2", "policy_code": "new"}]
    products = [PRODUCT, PRODUCT | {"product_key": "P2", "account_key": "A2"}]
    policies = [OLD_POLICY, OLD_POLICY | {"policy_code": "new", "rounding_mode": "half_up"}]
    found, _ = resolved(account=accounts, product=products, policy=policies)
    assert {r["account_key"]: r["rounding_mode"] for r in found} == {"A1": "down", "A2": "half_up"}


FAULTS = [
    ("ACCOUNT_UNKNOWN", "A9", {"product": [PRODUCT | {"account_key": "A9"}]}),
    ("ACCOUNT_DOUBLED", "A1", {"account": [ACCOUNT, ACCOUNT]}),
    ("POLICY_UNKNOWN", "old", {"policy": []}),
    ("POLICY_UNKNOWN", None, {"account": [ACCOUNT | {"policy_code": None}]}),
    ("POLICY_UNKNOWN", "old", {"policy": [OLD_POLICY | {"day_count": "lunar"}]}),
    ("POLICY_DOUBLED", "old", {"policy": [OLD_POLICY, OLD_POLICY]}),
    ("CURRENCY_UNKNOWN", "DEM", {"account": [ACCOUNT | {"currency": "DEM"}]}),
    ("PRICE_MISSING", "FIBRE", {"price": []}),
    ("PRICE_MISSING", "FIBRE", {"price": [FROM_MAY]}),
    ("PRICE_MISSING", "ZZ07", {"product": [PRODUCT | {"offering_code": "ZZ07"}]}),
    ("PRICE_DOUBLED", "FIBRE", {"price": [PRICE, PRICE | {"price_version": "v2"}]}),
    ("CURRENCY_MISMATCH", "EUR", {"price": [PRICE | {"currency": "EUR"}]}),
    ("TAX_RATE_MISSING", "NY01", {"tax_rate": []}),
    ("TAX_RATE_MISSING", "XX", {"account": [ACCOUNT | {"tax_code": "XX"}]}),
    ("TAX_RATE_DOUBLED", "NY01", {"tax_rate": [TAX_RATE, TAX_RATE]}),
    ("TAX_RATE_OUT_OF_RANGE", "-1", {"tax_rate": [TAX_RATE | {"rate_ppm": -1}]}),
    ("QUANTITY_INVALID", "-1", {"product": [PRODUCT | {"quantity": -1}]}),
    ("QUANTITY_INVALID", None, {"product": [PRODUCT | {"quantity": None}]}),
    ("PRICE_NEGATIVE", "-1", {"product": [OWN | {"price_override_nanos": -1}]}),
    ("PRICE_NEGATIVE", "-1", {"price": [PRICE | {"amount_nanos": -1}]}),
    (
        "AMOUNT_TOO_LARGE",
        str(2**63 - 1),
        {"product": [OWN | {"price_override_nanos": 2**63 - 1}]},
    ),
    (
        "AMOUNT_TOO_LARGE",
        "49900000000",
        {"product": [PRODUCT | {"quantity": 2**62}]},
    ),
    ("DISCOUNT_OUT_OF_RANGE", "1000001", {"product": [PRODUCT | {"discount_ppm": 1_000_001}]}),
    ("DISCOUNT_OUT_OF_RANGE", "-1", {"product": [PRODUCT | {"discount_ppm": -1}]}),
]


@pytest.mark.parametrize(("code", "value", "changed"), FAULTS)
def test_what_cannot_be_charged_is_set_apart_with_its_reason(code, value, changed):
    found, unresolved = resolved(**changed)
    assert found == []
    assert [(row["code"], row["value"]) for row in unresolved] == [(code, value)]
    assert unresolved[0]["field"]


TERMS = {
    "offering_code": "FIBRE", "timing": "arrears", "months": 1, "alignment": "cycle",
    "prorated": True, "tax_category": "standard", "tax_inclusive": False,
}  # fmt: skip
NET = TERMS | {"price_code": "FIBRE/net", "kind": "recurring"}
BUNDLE = [NET, NET | {"price_code": "FIBRE/tv"}]
SET_UP = TERMS | {"price_code": "FIBRE/set-up", "kind": "one_time", "timing": "start"}
OWN_PRICES = {  # what the product says, the prices of its offering, and what each price becomes
    "of a plain offering": ({}, [], {"FIBRE": 7}),
    "of a plain offering by its code": ({"price_override_code": "FIBRE"}, [], {"FIBRE": 7}),
    "of one recurring price": ({}, [NET, SET_UP], {"FIBRE/net": 7}),
    "of a part of a bundle": (
        {"price_override_code": "FIBRE/tv"}, BUNDLE, {"FIBRE/net": 100, "FIBRE/tv": 7},
    ),
    "of which part nobody says": ({}, BUNDLE, None),
    "of a price that it has not": ({"price_override_code": "FIBRE"}, BUNDLE, None),
    "of a price that is due once": ({"price_override_code": "FIBRE/set-up"}, [NET, SET_UP], None),
    "of another plain offering": ({"price_override_code": "PHONE"}, [], None),
    "of a price, and there is none": (
        {"price_override_nanos": None, "price_override_code": "FIBRE/net"}, [NET], None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "component", "charged"), OWN_PRICES.values(), ids=OWN_PRICES)
def test_an_own_price_is_instead_of_one_price(said, component, charged):
    codes = ["FIBRE", *(row["price_code"] for row in component)]
    prices = [PRICE | {"offering_code": code, "amount_nanos": 100} for code in codes]
    found, unresolved = resolved(product=[OWN | said], component=component, price=prices)
    assert {row["price_code"]: row["price_nanos"] for row in found} == (charged or {})
    assert {row["code"] for row in unresolved} == (set() if charged else {"OWN_PRICE_UNCLEAR"})


def test_an_own_price_needs_no_list_price():
    found, unresolved = resolved(product=[OWN], price=[])
    assert [row["price_nanos"] for row in found] == [7]
    assert unresolved == []


def test_one_product_that_cannot_be_charged_does_not_hold_up_the_others():
    products = [PRODUCT, PRODUCT | {"product_key": "P2", "offering_code": "ZZ07"}]
    found, unresolved = resolved(product=products)
    assert [row["product_key"] for row in found] == ["P1"]
    assert [row["product_key"] for row in unresolved] == ["P2"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2024, 5, 1), None),
        (date(2020, 1, 1), date(2024, 4, 1)),
        (date(2024, 4, 10), date(2024, 4, 10)),
        (date(2024, 4, 10), date(2024, 4, 5)),
    ],
)
def test_a_product_not_held_in_the_period_is_counted_as_inactive(start, end):
    assert resolved(product=[PRODUCT | {"start_date": start, "end_date": end}]) == ([], [])


def test_a_row_that_vanished_breaks_the_proof():
    tables = complete(ENGINE, carrier())
    rows = resolve(*(tables[name] for name in RESOLVED))
    charge_input, unresolved = chargeable(rows), not_chargeable(rows)
    lost = charge_input.filter(charge_input.product_key != "P1")
    held = tables | {"charge_input": lost, "unresolved": unresolved}
    (proof,) = rows_of(resolution_proof(*(held[name] for name in PROVED)))
    assert proof == {"rows_in": 1, "ended": 0, "inactive": 0, "waiting": 0, "balanced": False}
