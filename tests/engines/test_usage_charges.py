"""What a product used is charged, rounded and taxed like all else, on the bill of its period."""

from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest
from calculation import calculated, result
from oracle.tables import APRIL, ENGINE, MAY, OLD_POLICY, PRODUCT, TAX_RATE, rows_of, table

from crossbill.engine.datasets import ACCOUNT as ACCOUNTS
from crossbill.engine.datasets import PRODUCT as PRODUCTS
from crossbill.engine.datasets import USAGE_TOTAL
from crossbill.engine.rating_datasets import RATED_USAGE, SERVICE, USAGE
from crossbill.platform.billing.usage import product_services, usage_totals

TOTAL = {
    "account_key": "A1",
    "product_key": "P1",
    "offering_code": "FIBRE",
    "period_from": APRIL[0],
    "period_to": APRIL[1],
    "currency": "USD",
    "events": 7,
    "amount_nanos": 3_205_000_000,
}


def usage_line(policy: dict = OLD_POLICY, **changed) -> dict:
    """The usage line of a product that used something."""
    rows = calculated("bill_line", usage_total=[TOTAL | changed], policy=[policy])
    (line,) = (row for row in rows if row["category"] == "usage")
    return line


@pytest.mark.parametrize(
    ("mode", "tax_mode", "net", "tax"),
    [("down", "down", 320, 28), ("half_up", "down", 321, 28), ("up", "up", 321, 29)],
)
def test_the_sum_of_the_events_is_rounded_and_taxed_by_the_policy(mode, tax_mode, net, tax):
    policy = OLD_POLICY | {"rounding_mode": mode, "tax_rounding_mode": tax_mode}
    line = usage_line(policy)
    assert (line["net_minor"], line["tax_minor"], line["events"]) == (net, tax, 7)
    assert (line["charge_from"], line["charge_to"]) == APRIL
    (bill,) = result("bill")
    assert bill["net_minor"] == sum(row["net_minor"] for row in result("bill_line"))
    assert bill["tax_minor"] == sum(row["tax_minor"] for row in result("bill_line"))


def test_a_policy_that_taxes_bills_taxes_usage_with_the_rest():
    line = usage_line(OLD_POLICY | {"tax_scope": "bill"})
    (bill,) = result("bill")
    assert line["tax_minor"] == 0
    assert bill["tax_minor"] == (4990 + 320) * 88_750 // 1_000_000


USE = {
    "offering_code": "FIBRE", "price_code": "usage", "kind": "usage", "timing": "arrears",
    "months": 1, "alignment": "cycle", "prorated": True, "tax_category": "telecom",
    "tax_inclusive": False,
}  # fmt: skip
TELECOM = [
    TAX_RATE,
    TAX_RATE | {"tax_category": "telecom", "tax_name": "sales"},
    TAX_RATE | {"tax_category": "telecom", "tax_name": "federal", "rate_ppm": 23_400},
]


@pytest.mark.parametrize(
    ("terms", "net", "taxes"),
    [
        ({}, 320, {"sales": 28, "federal": 7}),
        ({"tax_inclusive": True}, 287, {"sales": 27, "federal": 6}),
        ({"offering_code": "OTHER"}, 320, {"tax": 28}),
    ],
)
def test_usage_bears_the_taxes_that_its_offering_says(terms, net, taxes):
    rows = {"component": [USE | terms], "tax_rate": TELECOM}
    lines = calculated("bill_line", usage_total=[TOTAL], product=[], **rows)
    assert [(row["net_minor"], row["tax_minor"]) for row in lines] == [(net, sum(taxes.values()))]
    assert {row["tax_name"]: row["tax_minor"] for row in result("bill_tax")} == taxes


def test_what_usage_is_for_tax_leaves_the_prices_of_the_offering_alone():
    lines = calculated("bill_line", component=[USE], tax_rate=TELECOM, usage_total=[TOTAL])
    assert {row["category"]: (row["net_minor"], row["tax_minor"]) for row in lines} == {
        "recurring": (4990, 4990 * 88_750 // 1_000_000),
        "usage": (320, 28 + 7),
    }
    assert result("proof")[0]["waiting"] == 0


@pytest.mark.parametrize(
    ("more", "rates", "code"),
    [
        ([USE | {"price_code": "again"}], TELECOM, "USAGE_TERMS_DOUBLED"),
        ([], [TAX_RATE], "TAX_RATE_MISSING"),
    ],
)
def test_usage_that_cannot_be_taxed_is_told_and_the_rest_is_charged(more, rates, code):
    rows = {"component": [USE, *more], "tax_rate": rates, "usage_total": [TOTAL]}
    (line,) = calculated("bill_line", **rows)
    (told,) = result("unresolved")
    assert (line["category"], told["code"], told["offering_code"]) == ("recurring", code, "FIBRE")


def test_other_lines_have_no_events_and_free_usage_still_has_a_line():
    line = usage_line(amount_nanos=0)
    assert (line["net_minor"], line["tax_minor"], line["events"]) == (0, 0, 7)
    assert [row["events"] for row in result("bill_line") if row["category"] == "recurring"] == [
        None
    ]


def test_usage_of_a_product_that_is_held_no_longer_makes_a_bill_of_its_own():
    ended = PRODUCT | {"end_date": date(2024, 4, 1)}
    (bill,) = calculated("bill", usage_total=[TOTAL], product=[ended])
    assert (bill["net_minor"], bill["tax_minor"]) == (320, 28)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"account_key": "nobody"}, "ACCOUNT_UNKNOWN"),
        ({"currency": "EUR"}, "CURRENCY_MISMATCH"),
        ({"amount_nanos": -1}, "PRICE_NEGATIVE"),
        ({"amount_nanos": 10**18 + 1}, "AMOUNT_TOO_LARGE"),
    ],
)
def test_what_cannot_be_charged_has_its_reason(changed, code):
    calculated("bill", usage_total=[TOTAL | changed])
    assert [(row["code"], row["product_key"]) for row in result("unresolved")] == [(code, "P1")]


# Whose usage it is


def rows(dataset, *found, more=()) -> ibis.Table:
    schema = pa.schema([field.with_nullable(True) for field in (*dataset.arrow, *more)])
    return ibis.memtable(pa.Table.from_pylist(list(found), schema=schema))


def services(**changed) -> list[dict]:
    """The service of one product, in a local time four hours behind UTC."""
    days = [date(2024, 4, 3), date(2024, 5, 9)]
    at = [datetime(2024, 4, 3, 4), datetime(2024, 5, 9, 4)]
    midnight = ibis.memtable(pa.table({"day": days, "at": pa.array(at, pa.timestamp("us"))}))
    product = PRODUCT | {"start_date": days[0], "offering_code": "mobile"} | changed
    more = [pa.field("rating_policy_code", pa.string()), pa.field("time_zone", pa.string())]
    payer = {"account_key": "A1", "currency": "USD", "rating_policy_code": "cut"}
    account = rows(ACCOUNTS, payer | {"time_zone": "America/New_York"}, more=more)
    return rows_of(product_services(rows(PRODUCTS, product), account, midnight))


def test_a_product_is_its_own_service_from_local_midnight_on():
    (service,) = services()
    assert service == {
        "service_key": "P1", "leg": "retail", "valid_from": datetime(2024, 4, 3, 4),
        "valid_to": None, "account_key": "A1", "product_key": "P1", "plan_code": "mobile",
        "policy_code": "cut", "time_zone": "America/New_York", "currency": "USD",
        "share_key": None, "start_date": date(2024, 4, 3),
    }  # fmt: skip
    assert list(service) == SERVICE.arrow.names


def test_it_ends_at_the_midnight_of_the_first_day_no_longer_held():
    (service,) = services(end_date=date(2024, 5, 9))
    assert service["valid_to"] == datetime(2024, 5, 9, 4)
    assert services(end_date=date(2024, 4, 3)) == []


# On which bill it stands

PERIODS = [
    {"period_from": APRIL[0], "period_to": APRIL[1],
     "from_at": datetime(2024, 4, 1, 4), "to_at": datetime(2024, 5, 1, 4)},
    {"period_from": MAY[0], "period_to": MAY[1],
     "from_at": datetime(2024, 5, 1, 4), "to_at": datetime(2024, 6, 1, 4)},
]  # fmt: skip


def totals(*events: tuple[str, datetime, int], **changed) -> list[tuple]:
    """Period, events and amount of the totals of events: product, when billed, amount."""
    rated, dated = [], []
    for number, (product, billed_at, amount) in enumerate(events):
        key = {"usage_key": f"U{number}"}
        payer = {"account_key": "A1", "product_key": product, "plan_code": "mobile"}
        price = {"currency": "USD", "amount_nanos": amount, "surcharge_nanos": 0}
        rated.append(key | payer | price | {"leg": "retail"} | changed)
        dated.append(key | {"billed_at": billed_at})
    found = usage_totals(
        rows(RATED_USAGE, *rated),
        rows(USAGE, *dated, more=[pa.field("billed_at", pa.timestamp("us"))]),
        ibis.memtable(pa.Table.from_pylist(PERIODS)),
    )
    assert found.columns == tuple(USAGE_TOTAL.arrow.names)
    ordered = found.order_by("product_key", "period_from")
    return [
        (row["product_key"], row["period_from"].month, row["events"], row["amount_nanos"])
        for row in rows_of(ordered)
    ]


def test_an_event_is_billed_in_the_period_of_its_instant_in_local_time():
    last, first = datetime(2024, 5, 1, 3, 59, 59), datetime(2024, 5, 1, 4)
    assert totals(("P1", last, 10), ("P1", first, 20), ("P1", first, 5), ("P2", last, 0)) == [
        ("P1", 4, 1, 10),
        ("P1", 5, 2, 25),
        ("P2", 4, 1, 0),
    ]


def test_what_stands_on_no_compared_bill_and_what_partners_pay_is_left_out():
    assert totals(("P1", datetime(2024, 4, 1, 3, 59, 59), 10)) == []
    assert totals(("P1", datetime(2024, 6, 1, 4), 10)) == []
    assert totals(("P1", datetime(2024, 5, 1, 4), 10), leg="wholesale") == []


def test_surcharges_are_part_of_the_price():
    assert totals(("P1", datetime(2024, 5, 1, 4), 10), surcharge_nanos=3) == [("P1", 5, 1, 13)]


def test_the_totals_are_what_billing_reads():
    assert table("usage_total", [TOTAL]).columns == tuple(USAGE_TOTAL.arrow.names)
    assert ENGINE.to_pyarrow(table("usage_total", [TOTAL])).num_rows == 1
