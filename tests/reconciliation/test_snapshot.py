"""What was loaded into the books comes out of them as the same canonical rows."""

from collections.abc import Iterator
from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest
from django.db import connection, transaction
from oracle.tables import ENGINE

from crossbill.engine import datasets
from crossbill.platform.billing import snapshot
from crossbill.platform.concession import operations as concessions
from crossbill.platform.customer import operations as customers
from crossbill.platform.customer.models import Carrier
from crossbill.platform.ledger.operations import post_entries
from crossbill.platform.payment import operations as payment
from crossbill.platform.product import operations as products
from crossbill.platform.product.models import ProductOffering
from crossbill.platform.product.operations import Price, Rate, publish_catalogue
from crossbill.replacement.migration import load

pytestmark = pytest.mark.django_db

DAY, NEXT = date(2024, 1, 1), date(2025, 1, 1)
ODD_NAMES = ['José "Pepe" O\'Neil, Jr.', "", "a|b\\c", "two\nlines", "\tÅsa", "NULL"]
KEYS = [f"C{number}" for number in range(len(ODD_NAMES))] + ["Zwölf", "a b"]
TABLES = {
    "customer": [
        {"customer_key": key, "name": name, "kind": "person", "segment": "consumer"}
        for key, name in zip(KEYS, [*ODD_NAMES, "Z", "A"], strict=True)
    ],
    "contact": [
        {
            "customer_key": key,
            "contact_key": contact_key,
            "role": "billing" if contact_key == "1" else "technical",
            "name": name,
            "email": "a@example.org" if contact_key == "1" else None,
            "phone": "+1 212 555 0100" if contact_key == "2" else None,
            "valid_from": DAY,
            "valid_to": NEXT if contact_key == "2" else None,
        }
        for key, name in zip(KEYS, [*ODD_NAMES, "Z", "A"], strict=True)
        for contact_key in ("1", "2")
    ],
    "account": [
        {
            "account_key": key,
            "customer_key": key,
            "parent_account_key": None if key == "C0" else "C0",
            "status": "active",
            "currency": "JPY" if key == "C1" else "USD",
            "tax_code": "NY01",
            "bill_cycle_day": 31,
            "street": name or None,
            "city": None,
            "region": "NY",
            "postcode": "00501",
            "opened_date": None if key == "C0" else date(1999, 12, 31),
            "disputed": key == "C2",
            "bill_medium": "portal" if key == "C2" else "paper",
            "bill_language": "pt-br" if key == "C3" else "en",
            "credit_class": None if key == "C0" else "poor, or worse",
        }
        for key, name in zip(KEYS, [*ODD_NAMES, "Z", "A"], strict=True)
    ],
    "product": [
        {
            "product_key": f"P{key}",
            "account_key": key,
            "offering_code": "fibre",
            "source_code": None if key == "C0" else "F 1",
            "quantity": 2,
            "start_date": DAY,
            "end_date": None if key == "C0" else NEXT,
            "price_override_nanos": None if key == "C0" else 1,
            "price_override_code": "fibre" if key == "C1" else None,
            "discount_ppm": None if key == "C0" else 0,
            "discount_end_date": None,
            "contract_end_date": NEXT,
            "changed_at": None if key == "C0" else datetime(2024, 3, 31, 2, 30, 0, 123_456),
        }
        for key in KEYS
    ],
    "discount": [
        {
            "discount_key": f"D{key}",
            "account_key": key,
            "position": number,
            "product_key": f"P{key}" if key == "C0" else None,
            "offering_code": "fibre" if key == "C1" else None,
            "category": "usage" if key == "C2" else None,
            "kind": "amount" if key == "C3" else "percentage",
            "rate_ppm": None if key == "C3" else 75_000,
            "currency": "JPY" if key == "C1" else "USD",
            "amount_minor": 1_000 if key == "C3" else None,
            "spend_minor": 0 if key == "C4" else None,
            "most_minor": 500 if key == "C4" else None,
            "valid_from": DAY,
            "valid_to": NEXT if key == "C5" else None,
        }
        for number, key in enumerate(KEYS, start=1)
    ],
    "feature": [
        {
            "product_key": f"P{key}",
            "account_key": key,
            "feature_code": code,
            "valid_from": DAY,
            "valid_to": NEXT if code == "roaming" else None,
        }
        for key in KEYS
        for code in ("premium_barring", "roaming")
    ],
    "exemption": [
        {
            "account_key": key,
            "tax_name": None if key == "C0" else "sales",
            "valid_from": DAY,
            "valid_to": NEXT if key == "C5" else None,
            "reason": "certificate 7",
        }
        for key in KEYS
    ],
    "commitment": [
        {
            "commitment_key": f"M{key}",
            "account_key": key,
            "product_key": None if key == "C0" else f"P{key}",
            "category": None if key == "C0" else "usage",
            "currency": "JPY" if key == "C1" else "USD",
            "amount_minor": 5_000,
            "prorated": key == "C5",
            "tax_category": "standard",
            "valid_from": DAY,
            "valid_to": NEXT if key == "C5" else None,
        }
        for key in KEYS
    ],
    "open_item": [
        {
            "open_item_key": f"I{key}{number}",
            "account_key": key,
            "kind": "invoice",
            "document_number": "00017",
            "document_date": DAY,
            "due_date": NEXT,
            "currency": "JPY" if key == "C1" else "USD",
            "original_minor": amount,
            "paid_minor": 0,
            "open_minor": amount,
        }
        for key in KEYS[1:]
        for number, amount in enumerate((12_345, -45))
    ],
    "collection": [
        {
            "account_key": key,
            "payment_method": "invoice" if key == "C0" else "direct_debit",
            "dunning_level": 0 if key == "C0" else 3,
            "dunned_date": None if key == "C0" else DAY,
        }
        for key in KEYS[:3]
    ],
    "mandate": [
        {
            "mandate_key": f"M{key}",
            "account_key": key,
            "bank_code": "021000021",
            "account_digits": "0042",
            "signed_date": DAY,
            "end_date": NEXT if key == "C1" else None,
        }
        for key in KEYS[1:]
    ],
    "deposit": [  # C0 has nothing else in its opening entry, and C2 got all of it back
        {
            "deposit_key": f"K{key}",
            "account_key": key,
            "received_date": DAY,
            "currency": "JPY" if key == "C1" else "USD",
            "received_minor": 5_000,
            "refunded_minor": 5_000 if key == "C2" else 0,
            "held_minor": 0 if key == "C2" else 5_000,
        }
        for key in KEYS[:3]
    ],
}
LOADED = {name: getattr(datasets, name.upper()) for name in TABLES}


def stored(name: str) -> ibis.Table:
    """The rows as the change-over holds them, each with the line that it came from."""
    dataset = LOADED[name].extended(name, datasets.LINEAGE)
    came = {"source_file": "X.CSV", "source_line": 1}
    schema = pa.schema([field.with_nullable(True) for field in dataset.arrow])
    return ibis.memtable(pa.Table.from_pylist([row | came for row in TABLES[name]], schema=schema))


@pytest.fixture(scope="module")
def carrier(django_db_setup, django_db_blocker) -> Iterator[Carrier]:
    """A carrier with all of it in its books, and another one beside it; tests only read them."""
    with django_db_blocker.unblock(), transaction.atomic():
        for code in ("other", "opticom"):
            made = Carrier.objects.create(code=code, name=code)
            _load(made)
        connection.check_constraints()
        yield made
        transaction.set_rollback(True)


def _load(carrier: Carrier) -> None:
    tables = {name: stored(name) for name in TABLES}
    number, day = carrier.id, ibis.literal(DAY)
    owner = load.Owner(ibis.literal(carrier.code), ibis.literal(number), day)
    publish_catalogue(
        carrier_id=number,
        offerings={"fibre": "Fibre"},
        prices=[
            Price("fibre", "1", DAY, NEXT, "USD", 49_000_000_000),
            Price("fibre", "2", NEXT, None, "USD", 1),
        ],
        rates=[Rate("NY01", "New York", DAY, None, 88_750)],
    )
    fibre = ProductOffering.objects.get(carrier=carrier)
    offering = pa.table({"offering_code": ["fibre"], "offering_id": [fibre.id]})
    tables["offering"] = ibis.memtable(offering)
    run = ENGINE.to_pyarrow
    customers.take_over_customers(rows=run(load.customer_rows(tables, owner)))
    again = [customers.take_over_contacts(rows=run(load.contact_rows(tables, owner))) for _ in "12"]
    assert again == [2 * len(KEYS), 0]  # those that are there already stay as they are
    customers.take_over_accounts(rows=run(load.account_rows(tables, owner)))
    products.take_over_products(rows=run(load.product_rows(tables, owner)))
    products.take_over_features(rows=run(load.feature_rows(tables, owner)))
    given = run(load.discount_rows(tables, owner))
    concessions.take_over_discounts(rows=given)
    concessions.take_over_exemptions(rows=run(load.exemption_rows(tables, owner)))
    promised = run(load.commitment_rows(tables, owner))
    concessions.take_over_commitments(rows=promised)
    post_entries(
        entries=run(load.entry_rows(tables, owner)),
        postings=run(load.posting_rows(tables, owner)),
        open_items=run(load.open_item_rows(tables, owner)),
        deposits=run(load.deposit_rows(tables, owner)),
    )
    payment.take_over_collections(rows=run(load.collection_rows(tables, owner)))
    payment.take_over_mandates(rows=run(load.mandate_rows(tables, owner)))


def exported(carrier: Carrier, name: str, keys: list[str]) -> list[dict]:
    with (
        snapshot.population(pa.table({"account_key": pa.array(keys, pa.string())})),
        snapshot.export(name, carrier.id) as reader,
    ):
        rows = reader.read_all()
    assert rows.schema == snapshot.EXPORTS[name].arrow
    return rows.to_pylist()


@pytest.mark.parametrize("name", TABLES)
def test_export_is_what_was_loaded_in_key_order(carrier, name):
    key = LOADED[name].key[0]
    ordered = sorted(TABLES[name], key=lambda row: row[key].encode())
    assert exported(carrier, name, KEYS) == ordered


@pytest.mark.parametrize("name", TABLES)
def test_only_the_population_is_exported(carrier, name):
    owner = "customer_key" if name in ("customer", "contact") else "account_key"
    wanted = [row for row in TABLES[name] if row[owner] in ("C1", "Zwölf")]
    assert exported(carrier, name, ["C1", "Zwölf", "nobody"]) == wanted


def test_nobody_is_exported_from_an_empty_population(carrier):
    assert exported(carrier, "account", []) == []


def test_a_balance_is_what_the_ledger_holds(carrier):
    balances = {b["account_key"]: b["balance_minor"] for b in exported(carrier, "balance", KEYS)}
    assert balances == {key: 0 if key == "C0" else 12_300 for key in KEYS}


def test_the_whole_catalogue_is_exported(carrier):
    prices = exported(carrier, "price", [])
    assert [(p["price_version"], p["valid_to"], p["amount_nanos"]) for p in prices] == [
        ("1", NEXT, 49_000_000_000),
        ("2", None, 1),
    ]
    assert [rate["rate_ppm"] for rate in exported(carrier, "tax_rate", [])] == [88_750]
