"""What a money balance pays of a session, beside a till that sells one increment at a time."""

from fractions import Fraction
from math import ceil

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_calculation import ENGINE

from crossbill.engine.integers import AmountOverflow, refusing_overflow
from crossbill.engine.prepaid_datasets import PREPAID_SESSION
from crossbill.platform.rating.prepaid import debit

LARGEST_SESSION = 40


def debits(sessions: list[dict]) -> list[dict]:
    rows = [session | {"session_key": f"{n:04}"} for n, session in enumerate(sessions)]
    table = ibis.memtable(pa.Table.from_pylist(rows, schema=PREPAID_SESSION.arrow))
    with refusing_overflow():
        found = ENGINE.to_pyarrow(debit(table)).to_pylist()
    return sorted(found, key=lambda row: row["session_key"])


def till(session: dict) -> tuple[int, int]:
    """Sell increments until the money or the session ends: what was sold, and what is left."""
    sold, price = 0, Fraction(session["price_nanos"], session["unit"])
    money = session["balance_nanos"] - session["connect_fee_nanos"]
    while sold < session["quantity"] and (sold + session["increment"]) * price <= money:
        sold += session["increment"]
    if sold == 0 or money < 0:
        return 0, session["balance_nanos"]
    return min(sold, session["quantity"]), money - ceil(sold * price)


sessions = st.fixed_dictionaries(
    {
        "quantity": st.integers(0, LARGEST_SESSION),
        "increment": st.sampled_from([1, 6, 10]),
        "unit": st.sampled_from([1, 7, 60]),
        "price_nanos": st.sampled_from([0, 1, 5, 100]) | st.integers(0, 1000),
        "connect_fee_nanos": st.sampled_from([0, 0, 10, 500]),
        "balance_nanos": st.integers(0, 3000),
    }
)


@settings(max_examples=30)
@given(st.lists(sessions, min_size=1, max_size=60))
def test_a_balance_pays_what_a_till_would_sell(asked):
    for session, found in zip(asked, debits(asked), strict=True):
        paid, left = till(session)
        assert (found["paid_quantity"], found["balance_nanos"]) == (paid, left), session
        assert found["paid_quantity"] + found["unpaid_quantity"] == session["quantity"]
        assert found["balance_nanos"] + found["debit_nanos"] == session["balance_nanos"]
        assert found["balance_nanos"] >= 0


PLAIN = {
    "quantity": 3600, "increment": 60, "unit": 60, "price_nanos": 100_000_000,
    "connect_fee_nanos": 50_000_000, "balance_nanos": 1_000_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "paid", "left"),
    [
        ({}, 540, 50_000_000),
        ({"quantity": 61}, 61, 750_000_000),
        ({"quantity": 0}, 0, 1_000_000_000),
        ({"balance_nanos": 149_999_999}, 0, 149_999_999),
        ({"balance_nanos": 150_000_000}, 60, 0),
        ({"price_nanos": 0}, 3600, 950_000_000),
        ({"price_nanos": 0, "balance_nanos": 49_999_999}, 0, 49_999_999),
    ],
)
def test_sessions(changed, paid, left):
    (found,) = debits([PLAIN | changed])
    assert (found["paid_quantity"], found["balance_nanos"]) == (paid, left)


def test_an_absurd_price_is_an_overflow():
    with pytest.raises(AmountOverflow):
        debits([PLAIN | {"price_nanos": 2**62}])
