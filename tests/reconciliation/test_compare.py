"""The comparison: nothing is lost, nothing is invented, whatever the tables hold."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbill.engine.datasets import BILL_LINE
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.replacement.reconciliation.compare import (
    ComparedField,
    Comparison,
    canonical,
    compare,
    tally,
)
from crossbill.replacement.reconciliation.populations import with_populations

ROW = pa.schema([("a", "string"), ("b", "int64"), ("text", "string"), ("amount", "int64")])
FIELDS = (
    ComparedField("text"),
    ComparedField("amount", "money", "nanos", currency="EUR", tolerance=5),
)
COMPARISON = Comparison("thing", ("a", "b"), FIELDS, at_stake="amount")

small = st.one_of(st.none(), st.sampled_from(["", "x", "y|z", "y\\", "|"]))
rows = st.lists(
    st.fixed_dictionaries(
        {
            "a": small,
            "b": st.one_of(st.none(), st.integers(0, 3)),
            "text": small,
            "amount": st.one_of(st.none(), st.integers(-(2**60), 2**60), st.integers(-9, 9)),
        }
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def engine():
    return DuckDBBackend().connect()


def compared(engine, left, right, comparison=COMPARISON):
    tables = [
        engine.create_table(name, pa.Table.from_pylist(part, schema=ROW), overwrite=True)
        for name, part in (("l", left), ("r", right))
    ]
    return compare(*tables, comparison)


def listed(found):
    return found.differences.to_pyarrow().to_pylist()


@settings(max_examples=12, deadline=None)
@given(rows)
def test_a_table_does_not_differ_from_itself(engine, left):
    found = compared(engine, left, list(reversed(left)))
    assert {row["kind"] for row in listed(found)} <= {"duplicate_key"}
    assert tally(found).missing == tally(found).extra == 0


@settings(max_examples=12, deadline=None)
@given(rows, rows)
def test_every_difference_of_an_independent_comparison_is_found_and_no_other(engine, left, right):
    found = compared(engine, left, right)
    expected, numbers = oracle(left, right)
    assert Counter((r["kind"], r["field"], r["amount"]) for r in listed(found)) == expected
    assert len({(r["record_key"], r["field"]) for r in listed(found)}) == len(listed(found))
    counted = tally(found)
    assert (counted.matched, counted.missing, counted.extra, counted.duplicate_keys) == numbers


@settings(max_examples=12, deadline=None)
@given(rows, rows)
def test_exchanged_sides_give_the_mirror_image(engine, left, right):
    one = listed(compared(engine, left, right))
    two = listed(compared(engine, right, left, COMPARISON.mirrored()))
    assert sorted(map(repr, map(turned, two))) == sorted(map(repr, one))


def turned(row):
    kinds = {"missing": "extra", "extra": "missing"}
    swapped = {n: row[other(n)] for n in row}
    amounts = {n: None if row[n] is None else -row[n] for n in ("amount", "amount_minor")}
    return swapped | amounts | {"kind": kinds.get(row["kind"], row["kind"])}


def other(name):
    side, _, rest = name.partition("_")
    sides = {"left": "right", "right": "left"}
    return f"{sides[side]}_{rest}" if side in sides and rest != "rows" else name


def oracle(left, right):
    """The same by plain Python: differences by kind, field and amount, and the pairing."""
    keyed = [{}, {}]
    for side, part in enumerate((left, right)):
        for row in part:
            keyed[side].setdefault((row["a"], row["b"]), []).append(row)
    found, numbers = Counter(), Counter()
    for key in keyed[0].keys() | keyed[1].keys():
        sides = [keyed[0].get(key, []), keyed[1].get(key, [])]
        kind = {(1, 1): "matched", (1, 0): "missing", (0, 1): "extra"}.get(
            tuple(map(len, sides)), "duplicate_key"
        )
        numbers[kind] += 1
        amounts = [sum(row["amount"] or 0 for row in side) for side in sides]
        if kind in ("missing", "extra"):
            found[kind, "*", amounts[1] - amounts[0]] += 1
        if kind == "duplicate_key":
            found[kind, "*", None] += 1
        if kind == "matched":
            for name in ("text", "amount"):
                if sides[0][0][name] != sides[1][0][name]:
                    amount = amounts[1] - amounts[0] if name == "amount" else None
                    found["different", name, amount] += 1
    order = ("matched", "missing", "extra", "duplicate_key")
    return found, tuple(numbers[kind] for kind in order)


def thing(a, text="x", amount=0):
    return {"a": a, "b": 1, "text": text, "amount": amount}


@pytest.mark.parametrize(
    ("left", "right", "within"),
    [(10, 15, True), (15, 10, True), (10, 16, False), (None, 3, False)],
)
def test_a_difference_within_tolerance_is_still_listed(engine, left, right, within):
    (row,) = listed(compared(engine, [thing("k", amount=left)], [thing("k", amount=right)]))
    assert row["within_tolerance"] is within
    assert row["amount"] == right - (left or 0)


@pytest.mark.parametrize(
    ("left", "right", "differs"),
    [
        ("1", "2", False),
        ("2", "1", False),
        ("1", "1", True),  # the code tables are exchanged, so equal codes mean different things
        ("N", None, False),
        ("N", "N", True),
        ("S", "Stayed", False),
        ("S", "Joined", False),
        ("S", "Churned", True),
        ("other", "other", False),
    ],
)
def test_a_coded_value_equals_what_its_code_allows_and_nothing_else(engine, left, right, differs):
    codes = (("1", ("2",)), ("2", ("1",)), ("N", (None,)), ("S", ("Stayed", "Joined")))
    coded = Comparison("thing", ("a",), (ComparedField("text", codes=codes),))
    sides = [thing("k", left)], [thing("k", right)]
    assert bool(listed(compared(engine, *sides, coded))) is differs
    assert bool(listed(compared(engine, *reversed(sides), coded.mirrored()))) is differs


def test_amounts_in_different_currencies_have_no_difference_in_money(engine):
    line = dict.fromkeys(BILL_LINE.arrow.names) | {"account_key": "A", "net_minor": 100}
    sides = [[line | {"currency": "EUR"}], [line | {"currency": "USD", "net_minor": 120}]]
    nullable = pa.schema([field.with_nullable(True) for field in BILL_LINE.arrow])
    tables = [
        engine.create_table(f"line_{n}", pa.Table.from_pylist(side, schema=nullable))
        for n, side in enumerate(sides)
    ]
    comparison = canonical("bill_line", fields=["net_minor", "currency"])
    found = {row["field"]: row for row in listed(compare(*tables, comparison))}
    assert found.keys() == {"net_minor", "currency"}
    assert found["net_minor"]["amount_minor"] is None


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("EUR", 20_000_000, 2), ("EUR", 1, None), ("JPY", 10**9, 1), ("BHD", -5_000_000, -5)],
)
def test_nanos_are_told_in_minor_units_only_where_that_is_exact(engine, currency, amount, minor):
    field = ComparedField("amount", "money", "nanos", currency=currency)
    sides = [thing("k")], [thing("k", amount=amount)]
    (row,) = listed(compared(engine, *sides, Comparison("thing", ("a",), (field,))))
    assert row["amount_minor"] == minor


def test_population_counts_the_paired_rows_with_the_left_value(engine):
    left = [thing(f"k{n}", "E") for n in range(30)] + [thing("only left", "E")]
    right = [thing(f"k{n}", "B" if n < 25 else "E") for n in range(30)]
    found = compared(engine, left, right)
    stored = engine.create_table("stored", found.differences, overwrite=True)
    counted = with_populations(stored, engine.table("l"), engine.table("r"), COMPARISON)
    rows = [row for row in counted.to_pyarrow().to_pylist() if row["kind"] == "different"]
    assert [row["left_rows"] for row in rows] == [30] * 25
