"""A calculation is compiled once and gives, of any rows, what its steps say."""

import ibis
import pyarrow as pa
import pytest

from crossbill.engine.calculation import Calculation, Step
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.engine.integers import mul_div

INPUTS = {"amounts": ibis.schema({"key": "string", "amount": "int64"})}
STEPS = [
    Step("owed", lambda t: t["amounts"].filter(t["amounts"].amount > 0)),
    Step("sums", lambda t: t["owed"].aggregate(sum=t["owed"].amount.sum().cast("decimal(38,0)"))),
]


def amounts(*values: int) -> ibis.Table:
    return ibis.memtable(pa.table({"key": [str(v) for v in values], "amount": list(values)}))


@pytest.fixture
def backend():
    return DuckDBBackend().connect()


def rows(backend, table):
    return backend.to_pyarrow(table).to_pylist()


def test_steps_build_on_inputs_and_earlier_steps(backend):
    done = Calculation(INPUTS, STEPS).run(backend, {"amounts": amounts(3, -1, 4)})
    assert set(done) == {"amounts", "owed", "sums"}
    assert [row["amount"] for row in rows(backend, done["owed"])] == [3, 4]
    assert rows(backend, done["sums"]) == [{"sum": 7}]


def test_a_second_run_sees_only_its_own_rows(backend):
    calculation = Calculation(INPUTS, STEPS)
    first = calculation.run(backend, {"amounts": amounts(3, 4)})
    assert rows(backend, first["sums"]) == [{"sum": 7}]
    second = calculation.run(backend, {"amounts": amounts(5)})
    assert rows(backend, second["sums"]) == [{"sum": 5}]


def test_what_is_packed_holds_the_same_rows(backend):
    steps = [Step("packed", lambda t: t["amounts"], packed=True), *STEPS]
    calculation = Calculation(INPUTS, steps)
    done = calculation.run(backend, {"amounts": amounts(3, -1)})
    assert rows(backend, done["packed"]) == [
        {"key": "3", "amount": 3}, {"key": "-1", "amount": -1},
    ]  # fmt: skip
    calculation.run_again(backend, {"amounts": amounts(5)})
    assert rows(backend, done["packed"]) == [{"key": "5", "amount": 5}]


def test_it_runs_on_an_engine_that_was_opened_after_it_was_made():
    calculation = Calculation(INPUTS, STEPS)
    for value in (1, 2):
        backend = DuckDBBackend().connect()
        done = calculation.run(backend, {"amounts": amounts(value)})
        assert rows(backend, done["sums"]) == [{"sum": value}]


def test_it_is_made_once(backend):
    made = []

    def step(tables):
        made.append(tables)
        return tables["amounts"]

    calculation = Calculation(INPUTS, [Step("same", step)])
    for value in (1, 2, 3):
        calculation.run(backend, {"amounts": amounts(value)})
    assert len(made) == 1


def test_the_engines_own_functions_work_in_it(backend):
    half = Step("half", lambda t: t["amounts"].mutate(amount=mul_div(t["amounts"].amount, 1, 2)))
    done = Calculation(INPUTS, [half]).run(backend, {"amounts": amounts(2**62 - 1)})
    assert rows(backend, done["half"])[0]["amount"] == (2**62 - 1) // 2


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"other": amounts(1)},
        {"amounts": amounts(1), "other": amounts(1)},
        {"amounts": ibis.memtable(pa.table({"key": ["a"]}))},
    ],
    ids=["none", "another", "one too many", "without a column"],
)
def test_other_inputs_than_it_was_made_for_stop_it(backend, sources):
    with pytest.raises(AssertionError):
        Calculation(INPUTS, STEPS).run(backend, sources)


def test_columns_may_come_in_any_order_and_number(backend):
    wide = amounts(3).mutate(more=1).select("more", "amount", "key")
    done = Calculation(INPUTS, STEPS).run(backend, {"amounts": wide})
    assert rows(backend, done["sums"]) == [{"sum": 3}]


def test_a_result_of_another_calculation_never_stands_before_an_input(backend):
    Calculation(INPUTS, STEPS).run(backend, {"amounts": amounts(3)})
    other = Calculation({"owed": INPUTS["amounts"]}, [Step("same", lambda t: t["owed"])])
    with pytest.raises(AssertionError, match="result of another calculation"):
        other.run(backend, {"owed": amounts(5)})


def test_run_again_changes_only_the_inputs_that_are_given(backend):
    inputs = INPUTS | {"factor": ibis.schema({"factor": "int64"})}
    joined = Step("scaled", lambda t: t["amounts"].cross_join(t["factor"]), stored=False)
    total = Step("total", lambda t: t["scaled"].aggregate(n=t["scaled"].amount.max()))
    calculation = Calculation(inputs, [joined, total])
    factor = ibis.memtable(pa.table({"factor": [1]}))
    done = calculation.run(backend, {"amounts": amounts(3, 4), "factor": factor})
    calculation.run_again(backend, {"amounts": amounts(7)})
    assert rows(backend, done["total"]) == [{"n": 7}]
    assert [row["amount"] for row in rows(backend, done["scaled"])] == [7]


def test_run_again_leaves_alone_what_does_not_follow_from_the_change(backend):
    inputs = INPUTS | {"factor": ibis.schema({"factor": "int64"})}
    total = Step("total", lambda t: t["amounts"].aggregate(n=t["amounts"].amount.max()))
    kept = Step("kept", lambda t: t["factor"])
    doubled = Step("doubled", lambda t: t["kept"].mutate(factor=t["kept"].factor * 2))
    calculation = Calculation(inputs, [total, kept, doubled])
    factor = ibis.memtable(pa.table({"factor": [1]}))
    done = calculation.run(backend, {"amounts": amounts(3), "factor": factor})
    backend.raw_sql("UPDATE kept SET factor = 5")
    calculation.run_again(backend, {"amounts": amounts(7)})
    assert rows(backend, done["total"]) == [{"n": 7}]
    assert rows(backend, done["kept"]) == [{"factor": 5}]
    assert rows(backend, done["doubled"]) == [{"factor": 2}]
