"""A calculation that is planned once gives, of any rows, what running it anew gives."""

import ibis
import pyarrow as pa
import pytest

from crossbill.engine.calculation import Calculation, Step
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.engine.planned import Planned

INPUTS = {
    "amounts": ibis.schema({"key": "string", "amount": "int64"}),
    "factor": ibis.schema({"factor": "int64"}),
}
CALCULATION = Calculation(
    INPUTS,
    [
        Step("kept", lambda t: t["factor"].filter(t["factor"].factor > 1)),
        Step("scaled", lambda t: t["amounts"].cross_join(t["kept"])),
        Step("large", lambda t: t["scaled"].filter(t["scaled"].amount > 10), stored=False),
        Step("unread", lambda t: t["scaled"].mutate(n=ibis.literal("a").cast("int64"))),  # fails
    ],
)
AMOUNTS = pa.schema({"key": pa.string(), "amount": pa.int64()})
ASKED = ["amounts", "scaled", "large"]


@pytest.fixture
def backend():
    return DuckDBBackend().connect()


@pytest.fixture
def planned(backend):
    return Planned(
        backend, CALCULATION, {"factor": pa.table({"factor": [1, 3]})}, {"amounts": AMOUNTS}, ASKED
    )


def amounts(*values: int) -> dict[str, pa.Table]:
    return {"amounts": pa.table({"key": [str(v) for v in values], "amount": list(values)})}


def numbers(rows: list[dict]) -> list[int]:
    return [row["amount"] for row in rows]


def test_each_time_it_gives_what_follows_from_the_rows_of_that_time(planned):
    for values in ((3,), (), (5, 200), (2**62, 11, 4)):
        found = planned.rows(amounts(*values))
        assert list(found) == ASKED
        assert numbers(found["amounts"]) == numbers(found["scaled"]) == list(values)
        assert numbers(found["large"]) == [value for value in values if value > 10]
        assert {row["factor"] for row in found["scaled"]} <= {3}


def test_what_follows_from_inputs_that_stay_is_worked_out_once(backend, planned):
    backend.raw_sql("UPDATE kept SET factor = 5")
    assert planned.rows(amounts(7))["scaled"] == [{"key": "7", "amount": 7, "factor": 5}]


def test_tables_that_others_make_on_the_engine_do_not_change_it(backend, planned):
    planned.rows(amounts(7))
    backend.raw_sql("CREATE TABLE other AS SELECT 1 AS n")
    assert numbers(planned.rows(amounts(12))["large"]) == [12]


def test_rows_of_other_columns_stop_it(planned):
    with pytest.raises(ValueError, match="names"):
        planned.rows({"amounts": pa.table({"key": ["a"]})})


def test_an_input_that_nobody_gives_stops_it(backend):
    with pytest.raises(AssertionError):
        Planned(backend, CALCULATION, {}, {"amounts": AMOUNTS}, ASKED)
