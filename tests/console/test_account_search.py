"""One box finds an account by whatever the customer says, and reads no whole table for it."""

import re
import uuid
from datetime import date
from urllib.parse import quote

import estate
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.report import page
from benchmarks.search.run import asked, fill
from crossbill.platform.customer.models import BillingAccount, Carrier, Contact, Customer
from crossbill.platform.customer.search import (
    accounts_by_name_and_address,
    accounts_by_words,
    contacts_by,
    words_of,
)
from crossbill.platform.product.models import Product, ServiceIdentifier
from crossbill.replacement.reconciliation import search as searching

pytestmark = pytest.mark.django_db
MANY = 20_000


@pytest.fixture
def said(replacement, signed_in):
    """Somebody who moved in has an address, a customer key of their own, and a telephone."""
    account = BillingAccount.objects.get(account_key=estate.CLEAN)
    address = {"street": "12 Hårbor Street", "city": "São Paulo", "postcode": "10001-1234"}
    BillingAccount.objects.filter(pk=account.pk).update(**address)
    Customer.objects.filter(pk=account.customer_id).update(customer_key="K77")
    product = Product.objects.get(product_key=f"{estate.CLEAN}-F100")
    ServiceIdentifier.objects.create(
        carrier=account.carrier, identifier="+12125550177", product=product,
        valid_from=date(2024, 1, 1),
    )  # fmt: skip
    Contact.objects.create(
        customer=account.customer, role="billing", name="Íñigo Ray", phone="+44 (20) 7946-0001",
        email="Pay.Desk@harbour.example", valid_from=date(2024, 1, 1),
    )  # fmt: skip
    client = signed_in("viewer")

    def find(words: str) -> set[str]:
        answer = client.get(f"/accounts/?search={quote(words)}")
        assert answer.status_code == 200
        return {move.account_key for move in answer.context["found"]}

    return find


@pytest.mark.parametrize(
    "words",
    [
        estate.CLEAN, estate.CLEAN.lower(), f"{estate.CLEAN}-F", "K77", "k77",
        "Müller Söhne 01", "muller 01", "MÜLL 01", "söhne, müller 01", "harbor", "12 harbor str",
        "sao paulo", "10001 1234", "10001-12", "müller paulo", "paulo harbor müller",
        "muller 12 harbor sao", "+12125550177", "+1 (212) 555-0177", "+1 212",
        "inigo", "pay.desk@harbour.example", "PAY.DESK@", "ray harbour", "+442079460001",
        "+44 20 79",
    ],
)  # fmt: skip
def test_found_by(words, said):
    assert said(words) == {estate.CLEAN}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("R202405", {estate.CLEAN, estate.DIFFERING}),  # a document's number
        ("B000104", {estate.CLEAN}),  # a bill's of the old system, which no open item is left of
        ("B00010", set()),  # which is found in full only
        ("müller", {estate.CLEAN, estate.DIFFERING}),
        ("ller", set()),  # within a word
        ("m", set()),  # a letter alone is a word
        ("müller berlin", set()),
        ("&", set()), ("'", set()), ("\\", set()), (":*", set()), ("!a | b", set()), ("%", set()),
        ("-", set()),
    ],
)  # fmt: skip
def test_finds(words, found, said):
    assert said(words) == found


def test_state_narrows_what_is_found(said, signed_in):
    client = signed_in("viewer")
    assert client.get("/accounts/?search=müller&state=live").context["found"].paginator.count == 2
    assert not client.get("/accounts/?search=müller&state=fallout").context["found"].paginator.count


def test_too_many_are_told(said, signed_in, monkeypatch):
    monkeypatch.setattr(searching, "MOST", 5)
    answer = signed_in("viewer").get("/accounts/?search=C00")
    assert answer.context["found"].paginator.count == 5
    assert b"More than 5 accounts fit" in answer.content


def test_another_carriers_accounts_stay_out(said):
    other = Carrier.objects.create(code="other", name="Other")
    _person(other, "Y1", "Müller Söhne 01")
    customer = Customer.objects.get(carrier=other)
    Contact.objects.create(
        customer=customer, role="billing", name="Íñigo Ray", phone="1", valid_from=date(2024, 1, 1)
    )
    assert said("müller 01") == {estate.CLEAN}
    assert said("íñigo") == {estate.CLEAN}


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
@pytest.mark.parametrize(
    "known", ["Müller-Groß & Söhne", "O'Neil, Zoë\u00a0\u0130", "a\\b''c", "ΟΔΟΣ \u2003 x"]
)
def test_both_sides_fold_alike(known, text):
    for each in (known, text):
        with connection.cursor() as cursor:
            cursor.execute("SELECT tsvector_to_array(customer_words(%s))", [each])
            assert set(cursor.fetchone()[0]) == set(words_of(each))


def _person(carrier: Carrier, key: str, name: str) -> None:
    customer = Customer.objects.create(
        id=uuid.uuid4(), carrier=carrier, customer_key=key, name=name, kind="person", segment=""
    )
    BillingAccount.objects.create(
        id=uuid.uuid4(), carrier=carrier, account_key=key, customer=customer, status="active",
        currency="USD", tax_code="NY01", bill_cycle_day=1, disputed=False,
    )  # fmt: skip


@pytest.fixture
def crowd(replacement):
    """Twenty thousand accounts of the carrier, which the planner knows of."""
    carrier, move = replacement.carrier_id, replacement.pk
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO customer_customer (id, carrier_id, customer_key, name, kind, segment)
            SELECT md5('c' || i)::uuid, {carrier}, 'K' || i, 'Name' || i || ' Family' || i % 977,
                   'person', '' FROM generate_series(1, {MANY}) i;
            INSERT INTO customer_billingaccount (id, carrier_id, account_key, customer_id, status,
                currency, tax_code, bill_cycle_day, street, city, disputed)
            SELECT md5('a' || i)::uuid, {carrier}, 'Z' || i, md5('c' || i)::uuid, 'active', 'USD',
                   'NY01', 1, i % 991 || ' Way' || i % 983, 'City' || i % 97, false
            FROM generate_series(1, {MANY}) i;
            INSERT INTO customer_contact (customer_id, role, name, email, phone, valid_from)
            SELECT md5('c' || i)::uuid, 'billing', 'Contact' || i, 'desk' || i || '@mail.example',
                   '+49 30 ' || 1000000 + i, '2020-01-01' FROM generate_series(1, {MANY}) i;
            INSERT INTO product_product (id, carrier_id, product_key, account_id, offering_id,
                quantity, start_date)
            SELECT md5('p' || i)::uuid, {carrier}, 'S' || i, md5('a' || i)::uuid,
                   (SELECT min(id) FROM product_productoffering), 1, '2020-01-01'
            FROM generate_series(1, {MANY}) i;
            INSERT INTO ledger_openitem (id, carrier_id, open_item_key, account_id, entry_id, kind,
                document_number, document_date, due_date, currency, original_minor, paid_minor,
                open_minor)
            SELECT md5('o' || i)::uuid, {carrier}, 'I' || i, md5('a' || i)::uuid,
                   (SELECT id FROM ledger_journalentry LIMIT 1), 'invoice', 'D' || i, '2024-05-01',
                   '2024-05-01', 'USD', 0, 0, 0 FROM generate_series(1, {MANY}) i;
            INSERT INTO migration_accountmove (replacement_id, account_key, state, hard_reasons,
                class_code, reason)
            SELECT {move}, 'Z' || i, 'planned', '', '', '' FROM generate_series(1, {MANY}) i;
            ANALYZE customer_customer, customer_billingaccount, customer_contact, product_product,
                ledger_openitem, migration_accountmove;
            """
        )
    return replacement


INDEXES = [
    ("Z19999", "move_once_per_account"),
    ("S19999", "product_once_per_carrier"),
    ("D19999", "open_item_by_document"),
    ("K19999", "customer_once_per_carrier"),
    ("name19999", "customer_by_name"),
    ("way19 city4", "account_by_address"),
    ("name17 way19", "customer_by_name"),
    ("desk19999@mail.example", "contact_by_words"),
    ("+49 (30) 1019999", "contact_by_phone"),
]


@pytest.mark.parametrize(("words", "index"), INDEXES)
def test_no_search_reads_a_whole_table(words, index, crowd):
    queries = [*searching._as_a_whole(crowd, words), *searching._in_two_parts(crowd, words)]
    queries += contacts_by(words)
    plans = [rows[: searching.MOST + 1].explain() for rows in queries]
    read_whole = [re.findall(r"Seq Scan on \w+", plan) for plan in plans]
    small = {"Seq Scan on product_serviceidentifier"}  # which is empty
    assert {scan for scans in read_whole for scan in scans} <= small, "\n\n".join(plans)
    assert any(index in plan for plan in plans), "\n\n".join(plans)


def test_the_benchmark_of_searching_asks_all_that_it_shows(replacement):
    fill(replacement, 4711)
    answers = asked(replacement)
    assert {each["found"] for each in answers if each["what"] == "nobody"} == {0}
    shown = page(search={
        "machine": {}, "versions": {}, "date": "2024-06-30",
        "runs": [{"accounts": 4711, "asked": answers}],
    })  # fmt: skip
    assert all(f"| {each['what']} | {each['found']} | " in shown for each in answers)


def test_words_are_parted_in_each_place():
    assert [len(accounts_by_words(1, words)) for words in ("", "&!", "one", "one two")] == [
        0,
        0,
        2,
        2,
    ]
    parted = [len(accounts_by_name_and_address(1, words)) for words in ("", "one", "one two three")]
    assert parted == [0, 0, 4]
    assert len(accounts_by_name_and_address(1, " ".join("abcdefghijklmnop"))) == 14


def test_words_are_a_name_before_they_are_a_name_and_an_address(said):
    account = BillingAccount.objects.get(account_key=estate.DIFFERING)
    BillingAccount.objects.filter(pk=account.pk).update(city="Söhne")
    assert said("müller söhne 01") == {estate.CLEAN}
    assert said("müller 03 söhne") == {estate.DIFFERING}
