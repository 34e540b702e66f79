"""Integer expressions on the engine equal Python's unbounded integers, or stop; they never wrap."""

from math import lcm, prod

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.tables import ENGINE

from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.engine import integers

LOW, HIGH = -(2**63), 2**63 - 1
EDGES = st.sampled_from([LOW, LOW + 1, -1, 0, 1, HIGH - 1, HIGH])
VALUES = EDGES | st.integers(LOW, HIGH) | st.integers(-60, 60)
DIVISORS = st.sampled_from([1, 2, 3, 1000, HIGH]) | st.integers(1, HIGH) | st.integers(1, 40)
MODES = st.sampled_from([str(mode) for mode in RoundingMode])


def numbers(*rows):
    """A table with columns a, b, c and mode."""
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, pa.int64()) for column in columns[:3]]
    return ibis.memtable(pa.table([*arrays, pa.array(columns[3])], names=["a", "b", "c", "mode"]))


def computed(table, expression):
    """The expression's value in each row."""
    return ENGINE.to_pyarrow(table.select(value=expression))["value"].to_pylist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(VALUES, st.just(0), DIVISORS, MODES), min_size=1, max_size=200))
def test_division_is_exact_up_to_the_edge(rows):
    t = numbers(*rows)
    rounded = [divide_rounded(a, c, RoundingMode(mode)) for a, _, c, mode in rows]
    truncated = [divide_rounded(a, c, RoundingMode.DOWN) for a, _, c, _ in rows]
    assert computed(t, integers.div_rounded(t.a, t.c, t.mode)) == rounded
    assert computed(t, integers.div_trunc(t.a, t.c)) == truncated


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(VALUES, st.just(0), DIVISORS, MODES), min_size=1, max_size=200))
def test_rounded_down_is_the_next_below(rows):
    t = numbers(*rows)
    assert computed(t, integers.div_floor(t.a, t.c)) == [a // c for a, _, c, _ in rows]


PRIMES = [n for n in range(2, 100) if all(n % d for d in range(2, n))]


@pytest.mark.parametrize(
    ("divisors", "multiple"),
    [
        ([1], 1),
        ([28, 29, 30, 31], 377_580),
        ([31, 365, 90], 203_670),
        (list(range(1, 25)), lcm(*range(1, 25))),
        (PRIMES[:15], prod(PRIMES[:15])),
        (PRIMES[:16], None),
        (list(range(1, 26)), None),
    ],
)
def test_a_common_multiple_is_exact_or_an_overflow(divisors, multiple):
    t = ibis.memtable(pa.table({"divisors": [divisors]}))
    if multiple is None:
        with pytest.raises(duckdb.OutOfRangeException):
            computed(t, integers.common_multiple(t.divisors))
    else:
        assert computed(t, integers.common_multiple(t.divisors)) == [multiple]


@pytest.mark.parametrize("mode", [str(mode) for mode in RoundingMode])
def test_an_amount_with_a_part_of_a_nano_is_rounded_once(mode):
    parts = [(part, of) for of in (1, 2, 3, 4, 10**6) for part in {0, of // 2, of - 1, 1 % of}]
    cases = [(whole, part, of, scale) for scale in (1, 10, 1000) for part, of in parts
             for whole in (0, 1, 4, 5, 6, 9, 14, 15, 25, 500, 1500, 2500)]  # fmt: skip
    rows = [dict(zip("wpns", case, strict=True)) | {"mode": mode} for case in cases]
    t = ibis.memtable(pa.Table.from_pylist(rows))
    assert computed(t, integers.round_parts(t.w, t.p, t.n, t.s, t.mode)) == [
        divide_rounded(whole * of + part, of * scale, RoundingMode(mode)) * scale
        for whole, part, of, scale in cases
    ]


def fits(row):
    """What ``mul_div`` promises to answer: parts and result within int64."""
    a, b, c, _ = row
    result = abs(divide_rounded(a * b, c, RoundingMode.UP))
    return result <= HIGH and (abs(a) % c) * abs(b) <= HIGH


FACTORS = st.integers(-400, 400) | st.integers(-(10**6), 10**6) | EDGES
PRODUCTS = st.tuples(VALUES, FACTORS, DIVISORS, MODES).filter(fits)


@settings(max_examples=40, deadline=None)
@given(st.lists(PRODUCTS, min_size=1, max_size=100))
def test_a_product_before_a_division_is_exact_beyond_int64(rows):
    t = numbers(*rows)
    rounded = [divide_rounded(a * b, c, RoundingMode(mode)) for a, b, c, mode in rows]
    truncated = [divide_rounded(a * b, c, RoundingMode.DOWN) for a, b, c, _ in rows]
    assert computed(t, integers.mul_div_rounded(t.a, t.b, t.c, t.mode)) == rounded
    assert computed(t, integers.mul_div(t.a, t.b, t.c)) == truncated


@settings(max_examples=40, deadline=None)
@given(st.tuples(VALUES, VALUES, DIVISORS, MODES))
def test_a_product_is_right_or_an_error_but_never_wrapped(row):
    a, b, c, mode = row
    t = numbers(row)
    try:
        with integers.refusing_overflow():
            found = computed(t, integers.mul_div_rounded(t.a, t.b, t.c, t.mode))
    except integers.AmountOverflow:
        assert not fits(row)
    else:
        assert found == [divide_rounded(a * b, c, RoundingMode(mode))]


@settings(max_examples=20, deadline=None)
@given(st.lists(EDGES | VALUES, min_size=1, max_size=50))
def test_sums_are_exact_or_an_error(values):
    t = numbers(*((value, 0, 1, "down") for value in values))
    (whole,) = ENGINE.to_pyarrow(t.aggregate(value=integers.total(t.a)))["value"].to_pylist()
    assert int(whole) == sum(values)
    summed = t.aggregate(value=integers.sum_int64(t.a))
    try:
        with integers.refusing_overflow():
            found = ENGINE.to_pyarrow(summed)["value"]
    except integers.AmountOverflow:
        assert not LOW <= sum(values) <= HIGH
    else:
        assert found.to_pylist() == [sum(values)]
        assert found.type == pa.int64()


def test_a_sum_stays_an_integer_in_parquet(tmp_path):
    big = 9_007_199_254_740_993  # the first integer that a double cannot hold
    t = numbers((big - 1, 0, 1, "down"), (1, 0, 1, "down"))
    ENGINE.to_parquet(t.aggregate(value=integers.sum_int64(t.a)), tmp_path / "sum.parquet")
    assert pa.parquet.read_table(tmp_path / "sum.parquet").to_pylist() == [{"value": big}]


@pytest.mark.parametrize("divisor", [0, -1, None])
def test_a_divisor_below_one_stops_the_query(divisor):
    t = numbers((5, 0, divisor, "down"))
    with pytest.raises(duckdb.InvalidInputException, match="divisor"):
        computed(t, integers.mul_div(t.a, 2, t.c))


@pytest.mark.parametrize("mode", ["half up", "", None])
def test_an_unknown_rounding_mode_stops_the_query(mode):
    t = numbers((5, 0, 2, mode), (5, 0, 2, "down"))
    with pytest.raises(duckdb.InvalidInputException, match="unknown rounding mode"):
        computed(t, integers.div_rounded(t.a, t.c, t.mode))


@pytest.mark.parametrize("mode", list(RoundingMode))
def test_the_mode_may_be_stated_for_all_rows(mode):
    t = numbers((-5, 0, 2, "down"), (7, 0, 2, "down"))
    expected = [divide_rounded(a, 2, mode) for a in (-5, 7)]
    assert computed(t, integers.div_rounded(t.a, 2, mode)) == expected


def test_an_overflow_is_worded_for_people():
    t = numbers((HIGH, 2, 1, "down"))
    with pytest.raises(integers.AmountOverflow) as caught, integers.refusing_overflow():
        computed(t, integers.mul_div(t.a, t.b, t.c))
    assert "AMOUNT_OVERFLOW" in str(caught.value)
    assert "What to do" in str(caught.value)


@pytest.mark.parametrize("digits", [5, -1, None])
def test_a_currency_without_such_a_minor_unit_stops_the_query(digits):
    t = numbers((1, digits, 1, "down"))
    with pytest.raises(duckdb.InvalidInputException, match="minor digits"):
        computed(t, integers.nanos_per_minor(t.b))
