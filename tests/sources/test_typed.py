"""Text becomes typed values exactly, or one suspended row that names what is wrong."""

import datetime as dt
from decimal import Decimal, InvalidOperation

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crossbill.core.refusal import Refusal
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.replacement.migration.types import FIELD_PROBLEMS, FieldType, typed

BACKEND = DuckDBBackend().connect()

NEW_YORK = {"type": "instant", "time_zone": "America/New_York"}
# The field | its text | its value or the code of what is wrong
CASES = [
    ({"type": "text"}, "  A 1 ", "A 1"),
    ({"type": "text"}, "   ", None),
    ({"type": "text", "required": True}, " ", "REQUIRED_BLANK"),
    ({"type": "text", "required": True, "null_values": ["N/A"]}, "N/A", "REQUIRED_BLANK"),
    ({"type": "integer"}, "-007", -7),
    ({"type": "integer"}, "9223372036854775807", 2**63 - 1),
    ({"type": "integer"}, "9223372036854775808", "OUT_OF_RANGE"),
    ({"type": "integer"}, "1.0", "NOT_AN_INTEGER"),
    ({"type": "integer"}, "1e3", "NOT_AN_INTEGER"),
    ({"type": "integer", "sign": "trailing"}, "12-", -12),
    ({"type": "money"}, "49.90", 49_900_000_000),
    ({"type": "money"}, "-0.000000001", -1),
    ({"type": "money"}, "+.5", 500_000_000),
    ({"type": "money"}, "5.", 5_000_000_000),
    ({"type": "money"}, "12.9899997711", "TOO_MANY_DIGITS"),
    ({"type": "money"}, "12.9900000000", 12_990_000_000),
    ({"type": "money"}, "-9223372036.854775808", -(2**63)),
    ({"type": "money"}, "9223372036.854775808", "OUT_OF_RANGE"),
    ({"type": "money"}, "1,234.50", "NOT_AN_AMOUNT"),
    ({"type": "money"}, "49.9 EUR", "NOT_AN_AMOUNT"),
    ({"type": "money"}, "--1", "NOT_AN_AMOUNT"),
    ({"type": "money"}, ".", "NOT_AN_AMOUNT"),
    ({"type": "money"}, "٣", "NOT_AN_AMOUNT"),
    ({"type": "money"}, "NaN", "NOT_AN_AMOUNT"),
    ({"type": "money", "decimal_comma": True}, "-49,90", -49_900_000_000),
    ({"type": "money", "decimal_comma": True}, "49.90", "NOT_AN_AMOUNT"),
    ({"type": "money", "implied_digits": 2, "sign": "trailing"}, "00000004990+", 49_900_000_000),
    ({"type": "money", "implied_digits": 2, "sign": "trailing"}, "00000004990-", -49_900_000_000),
    ({"type": "money", "implied_digits": 2, "sign": "overpunch"}, "00000001940{", 194 * 10**9),
    ({"type": "money", "implied_digits": 2, "sign": "overpunch"}, "0000050J", -5_010_000_000),
    ({"type": "money", "implied_digits": 2}, "49.90", "NOT_AN_AMOUNT"),
    ({"type": "money", "minimum": "-10"}, "-10.01", "BELOW_MINIMUM"),
    ({"type": "money", "maximum": "100"}, "100.01", "ABOVE_MAXIMUM"),
    ({"type": "money", "maximum": "100"}, "100", 100 * 10**9),
    ({"type": "percent", "decimal_comma": True}, "10,00", 100_000),
    ({"type": "percent"}, "0.0001", 1),
    ({"type": "percent"}, "0.00001", "TOO_MANY_DIGITS"),
    ({"type": "date", "format": "YYYYMMDD"}, "20240229", dt.date(2024, 2, 29)),
    ({"type": "date", "format": "YYYYMMDD"}, "20240230", "DATE_DOES_NOT_EXIST"),
    ({"type": "date", "format": "YYYYMMDD"}, "00000000", "DATE_DOES_NOT_EXIST"),
    ({"type": "date", "format": "YYYYMMDD", "null_values": ["00000000"]}, "00000000", None),
    ({"type": "date", "format": "YYYYMMDD"}, "99991231", dt.date(9999, 12, 31)),
    ({"type": "date"}, "2024-02-29", dt.date(2024, 2, 29)),
    ({"type": "date"}, "29.02.2024", "NOT_A_DATE"),
    ({"type": "date", "format": "DD.MM.YYYY"}, "29.02.2024", dt.date(2024, 2, 29)),
    ({"type": "date", "format": "MM/DD/YYYY"}, "2/29/2024", "NOT_A_DATE"),
    ({"type": "date", "minimum": "1990-01-01"}, "1901-01-01", "BELOW_MINIMUM"),
    ({"type": "date", "maximum": "2030-01-01"}, "2099-01-01", "ABOVE_MAXIMUM"),
    ({"type": "instant"}, "2024-01-01 23:59:59", dt.datetime(2024, 1, 1, 23, 59, 59)),
    (NEW_YORK, "2024-05-12 20:00:00", dt.datetime(2024, 5, 13, 0, 0, 0)),
    (NEW_YORK, "2024-03-10 02:30:00", "TIME_SKIPPED"),
    (NEW_YORK, "2024-11-03 01:30:00", "TIME_REPEATED"),
    (NEW_YORK, "1901-01-01 00:00:00", "TIME_SKIPPED"),
    (NEW_YORK, "2024-02-30 00:00:00", "DATE_DOES_NOT_EXIST"),
    (NEW_YORK, "", None),
    (NEW_YORK | {"repeated_time": "first"}, "2024-11-03 01:30:00", dt.datetime(2024, 11, 3, 5, 30)),
    (NEW_YORK | {"repeated_time": "last"}, "2024-11-03 01:30:00", dt.datetime(2024, 11, 3, 6, 30)),
    (
        {"type": "instant", "format": "YYYYMMDDHHMISS"},
        "20240101240000",
        "DATE_DOES_NOT_EXIST",
    ),
    (
        {"type": "instant", "format": "YYYY-MM-DD HH:MI:SS.FFFFFF"},
        "2022-06-10 19:27:53.000001",
        dt.datetime(2022, 6, 10, 19, 27, 53, 1),
    ),
    ({"type": "boolean"}, "y", True),
    ({"type": "boolean"}, "No", False),
    ({"type": "boolean"}, "maybe", "NOT_A_BOOLEAN"),
    ({"type": "boolean", "true_values": ["J"], "false_values": ["N"]}, "j", True),
]


def run(rows, fields, **options):
    """Typed rows and rejects of rows given as dictionaries of text."""
    table = pa.Table.from_pylist([{**row, "_line": n} for n, row in enumerate(rows, 2)])
    good, bad = typed(ibis.memtable(table), fields, **options)
    return BACKEND.to_pyarrow(good).to_pylist(), BACKEND.to_pyarrow(bad).to_pylist()


@pytest.mark.parametrize(("terms", "text", "expected"), CASES)
def test_one_text_gives_its_value_or_what_is_wrong(terms, text, expected):
    field = FieldType(name="x", **terms)
    good, bad = run([{"x": text}], [field])
    if isinstance(expected, str) and expected in FIELD_PROBLEMS:
        assert [(row["code"], row["field"], row["line"]) for row in bad] == [(expected, "x", 2)]
        assert not good
    else:
        assert [row[field.output] for row in good] == [expected]
        assert not bad


def test_every_field_problem_has_a_case():
    assert set(FIELD_PROBLEMS) == {e for _, _, e in CASES if e in FIELD_PROBLEMS}


def test_a_row_with_two_bad_fields_is_one_suspended_row_that_names_both():
    fields = [FieldType(name="id"), FieldType(name="n", type="integer"),
              FieldType(name="d", type="date", column="day")]  # fmt: skip
    good, bad = run([{"id": "7", "n": "x", "day": "2024-02-30"}], fields, file="f.csv", key=["id"])
    assert not good
    assert len(bad) == 1
    assert set(bad[0]) == set(SUSPENDED.arrow.names)
    found = {
        name: bad[0][name] for name in ("file", "line", "record_key", "code", "field", "value")
    }
    assert found == {
        "file": "f.csv", "line": 2, "record_key": "7", "code": "NOT_AN_INTEGER", "field": "n",
        "value": "x",
    }  # fmt: skip
    assert bad[0]["message"] == (
        "n 'x' is not a whole number: correct the value. "
        "d '2024-02-30' is a day or time that does not exist: correct it at source."
    )


NUMBER = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map("{:f}".format),
    st.from_regex(r"[+-]?[0-9]{0,12}\.?[0-9]{0,11}", fullmatch=True),
    st.text(st.sampled_from("0123456789.,-+e "), max_size=8),
)


def oracle(text):
    """The nanos by another way: Python's Decimal, which takes exponents and underscores too."""
    stripped = text.strip()
    if not stripped or set(stripped) - set("0123456789.+-"):
        return None
    try:
        nanos = Decimal(stripped).scaleb(9)
    except InvalidOperation:
        return None
    exact = nanos == nanos.to_integral_value() and -(2**63) <= nanos < 2**63
    return int(nanos) if exact else None


@settings(max_examples=30)
@given(st.lists(NUMBER, min_size=1, max_size=40))
def test_money_is_what_decimal_says(texts):
    good, bad = run([{"x": text} for text in texts], [FieldType(name="x", type="money")])
    values = {row["_line"]: row["x_nanos"] for row in good}
    assert len(good) + len(bad) == len(texts)
    assert [values.get(line) for line in range(2, 2 + len(texts))] == [oracle(t) for t in texts]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"type": "colour"}, "type"),
        ({"fromat": "YYYY"}, "Extra inputs"),
        ({"type": "date", "format": "DDMM"}, "lacks YYYY"),
        ({"type": "money", "minimum": "ten"}, "not a decimal amount"),
        ({"type": "text", "maximum": "5"}, "cannot be"),
        ({"type": "percent", "implied_digits": 5}, "at most 4"),
    ],
)
def test_a_field_that_cannot_be_is_refused(terms, said):
    with pytest.raises(ValidationError, match=said):
        FieldType(name="x", **terms)


def test_two_fields_of_one_name_are_refused():
    fields = [FieldType(name="x", type="money"), FieldType(name="x_nanos", type="integer")]
    with pytest.raises(Refusal, match="x_nanos"):
        run([{"x": "1", "x_nanos": "1"}], fields)
