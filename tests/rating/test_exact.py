"""Exact amounts in tables are fractions, whatever is done to them."""

from fractions import Fraction

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metering import ENGINE
from oracle.plain_prices import rounded

from crossbill.core.rounding import RoundingMode
from crossbill.platform.rating import exact

PARTS = st.sampled_from([1, 2, 3, 60, 1000, 10**6])


@st.composite
def amounts(draw) -> Fraction:
    whole = draw(st.integers(-3, 3) | st.integers(-(10**14), 10**14))
    parts = draw(PARTS)
    return Fraction(whole * parts + draw(st.integers(0, parts - 1)), parts)


rows = st.fixed_dictionaries(
    {
        "amount": amounts(),
        "other": amounts(),
        "by": st.integers(-5, 5),
        "numerator": st.integers(0, 1000),
        "denominator": st.integers(1, 1000),
        "bound": st.integers(-3, 3) | st.integers(-(10**14), 10**14),
        "mode": st.sampled_from([str(mode) for mode in RoundingMode]),
        "digits": st.integers(-9, 9),
    }
)


def columns(prefix: str, amount: Fraction) -> dict[str, int]:
    """An amount as whole, part and parts, which need not be in lowest terms."""
    parts = amount.denominator * 2
    whole = int(amount)
    part = (amount - whole) * parts
    return {f"{prefix}whole_nanos": whole, f"{prefix}part": int(part), f"{prefix}parts": parts}


def table(given_rows: list[dict]) -> ibis.Table:
    rows = [
        {"n": n, **{k: v for k, v in row.items() if k not in ("amount", "other")}}
        | columns("", row["amount"])
        | columns("other_", row["other"])
        for n, row in enumerate(given_rows)
    ]
    return ibis.memtable(pa.Table.from_pylist(rows))


DONE = {
    "raised": (lambda t: exact.raised(t, t.by), lambda r: r["amount"] + r["by"]),
    "less": (lambda t: exact.less(t, "other"), lambda r: r["amount"] - r["other"]),
    "share": (
        lambda t: exact.share(t, t.numerator, t.denominator),
        lambda r: r["amount"] * Fraction(r["numerator"], r["denominator"]),
    ),
    "at_most": (lambda t: exact.at_most(t, t.bound), lambda r: min(r["amount"], r["bound"])),
    "at_least": (lambda t: exact.at_least(t, t.bound), lambda r: max(r["amount"], r["bound"])),
}


@pytest.mark.parametrize("name", DONE)
@settings(max_examples=15)
@given(st.lists(rows, min_size=1, max_size=60))
def test_what_is_done_to_an_amount_is_exact(name, given_rows):
    do, expected = DONE[name]
    found = ENGINE.to_pyarrow(do(table(given_rows)).order_by("n")).to_pylist()
    for row, got in zip(given_rows, found, strict=True):
        assert got["whole_nanos"] + Fraction(got["part"], got["parts"]) == expected(row), row
        assert abs(got["part"]) < got["parts"]
        assert got["part"] * got["whole_nanos"] >= 0


@settings(max_examples=25)
@given(st.lists(rows, min_size=1, max_size=60))
def test_an_amount_is_rounded_once(given_rows):
    asked = table(given_rows)
    query = exact.with_rounded(asked, asked["mode"], asked["digits"])
    found = ENGINE.to_pyarrow(query.order_by("n")).to_pylist()
    for row, got in zip(given_rows, found, strict=True):
        assert got["rounded_nanos"] == rounded(row["amount"], row["mode"], row["digits"]), row
