"""What goes into PostgreSQL by COPY comes out the same, whatever the text, bytes or numbers are."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbill.platform import bulk
from crossbill.platform.bulk import copy_in, copy_in_missing, copy_in_temporary, copy_out
from crossbill.platform.customer.models import Carrier, Customer

SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64()),
        pa.field("text", pa.string()),
        pa.field("day", pa.date32()),
        pa.field("at", pa.timestamp("us")),
        pa.field("yes", pa.bool_()),
        pa.field("raw", pa.binary()),
    ]
)
TYPES = {
    "number": "bigint",
    "text": "text",
    "day": "date",
    "at": "timestamp",
    "yes": "boolean",
    "raw": "bytea",
}
READ = "SELECT number, text, day, at, yes, encode(raw, 'hex') FROM arriving ORDER BY ctid"
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31)

pytestmark = pytest.mark.django_db

# PostgreSQL's text holds every character but NUL; surrogates are no characters.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.none() | st.integers(-(2**63), 2**63 - 1),
            "text": st.none() | TEXT,
            "day": st.none() | st.dates(),
            "at": st.none() | st.datetimes(FIRST, LAST),
            "yes": st.none() | st.booleans(),
            "raw": st.none() | st.binary(),
        }
    ),
    max_size=20,
)

AWKWARD = [
    "",
    " ",
    '"',
    '""',
    "a,b",
    'say "no"',
    "two\nlines",
    "two\r\nlines",
    "carriage\rreturn",
    "\\.",
    "\\N",
    "\\x00",
    "NULL",
    "null",
    "tab\tand ; and '",
    "José Müller Nuñez",
    "日本 😀 e\u0301",
    "\ufeffmarked",
    "ends in a blank ",
    "-1",
    "00012",
    "t",
    "2024-05-01",
    "x" * 300_000,
]


def through_the_database(rows: pa.Table) -> pa.Table:
    """Into a table, out of it, and the bytes' hexadecimal text read back."""
    with transaction.atomic():
        assert copy_in_temporary("arriving", TYPES, rows) == rows.num_rows
        schema = SCHEMA.set(5, pa.field("raw", pa.string()))
        with copy_out(READ, {}, schema) as reader:
            found = reader.read_all()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE arriving")
    raw = [None if text is None else bytes.fromhex(text) for text in found["raw"].to_pylist()]
    return found.set_column(5, SCHEMA.field("raw"), pa.array(raw, pa.binary()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_rows_come_back_as_they_went_in(rows):
    table = pa.Table.from_pylist(rows, SCHEMA)
    assert through_the_database(table).equals(table)


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: ascii(text)[:20])
def test_awkward_text_comes_back_as_it_is(text):
    rows = [{"number": 1, "text": text}, {"number": 2, "text": None}, {"number": 3, "text": ""}]
    table = pa.Table.from_pylist(rows, SCHEMA)
    assert through_the_database(table)["text"].to_pylist() == [text, None, ""]


@pytest.mark.parametrize(
    "value",
    [
        {"number": -(2**63)},
        {"number": 2**63 - 1},
        {"number": 9_007_199_254_740_993},
        {"day": date(1, 1, 1)},
        {"day": date(2024, 2, 29)},
        {"at": FIRST + timedelta(microseconds=1)},
        {"at": datetime(2024, 6, 1, 2, 0, 0, 123_456)},
        {"raw": b""},
        {"raw": bytes(range(256))},
        {"raw": b"\\x41"},
        {},
    ],
    ids=str,
)
def test_extreme_value_comes_back_as_it_is(value):
    table = pa.Table.from_pylist([value], SCHEMA)
    assert through_the_database(table).equals(table)


def test_rows_of_several_batches_keep_their_order(monkeypatch):
    monkeypatch.setattr(bulk, "BATCH_ROWS", 3)
    rows = [{"number": n, "text": "x" * n} for n in range(100)]
    table = pa.Table.from_pylist(rows, SCHEMA)
    assert through_the_database(table).equals(table)


def test_large_result_is_read_in_several_blocks():
    rows = [{"number": n, "text": f"line one of {n}\nline two"} for n in range(200_000)]
    table = pa.Table.from_pylist(rows, SCHEMA)
    assert through_the_database(table).equals(table)


def test_no_rows_are_a_table_without_rows():
    assert through_the_database(SCHEMA.empty_table()).equals(SCHEMA.empty_table())


def test_parameters_are_bound_and_not_written_into_the_query():
    schema = pa.schema([pa.field("text", pa.string())])
    hostile = "'; DROP TABLE customer_carrier; --"
    with copy_out("SELECT %(text)s::text", {"text": hostile}, schema) as reader:
        assert reader.read_all()["text"].to_pylist() == [hostile]
    assert Carrier.objects.count() == 0


def customers(carrier: Carrier, *numbers: int, name: str = "José") -> pa.Table:
    rows = [
        {
            "id": str(UUID(int=number)),
            "carrier_id": carrier.id,
            "customer_key": f"C{number}",
            "name": name,
            "kind": "person",
            "segment": "RC",
        }
        for number in numbers
    ]
    return pa.Table.from_pylist(rows)


def test_rows_that_are_there_already_stay_as_they_are():
    carrier = Carrier.objects.create(code="opticom", name="OptiCom")
    assert copy_in(Customer, customers(carrier, 1, 2)) == 2
    assert copy_in_missing(Customer, customers(carrier, 2, 3, name="Other")) == 1
    assert copy_in_missing(Customer, customers(carrier, 2, 3, name="Other")) == 0
    names = dict(Customer.objects.values_list("customer_key", "name"))
    assert names == {"C1": "José", "C2": "José", "C3": "Other"}


def test_rows_leave_with_the_transaction_that_brought_them():
    carrier = Carrier.objects.create(code="opticom", name="OptiCom")

    class Stop(Exception):
        pass

    with pytest.raises(Stop), transaction.atomic():
        copy_in(Customer, customers(carrier, 1))
        raise Stop
    assert not Customer.objects.exists()
