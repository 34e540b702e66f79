"""The store: the same rows give the same bytes, totals are exact, no value is lost."""

from decimal import Decimal

import ibis
import pyarrow as pa
import pytest
from pyarrow import parquet

from crossbill.engine.datasets import BALANCE
from crossbill.engine.duckdb import connect
from crossbill.engine.store import GROUP_ROWS, Store, exact_sum

LARGE = 2**62


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    return Store(f"file://{tmp_path}" if request.param == "file" else f"memory://{tmp_path}")


def balances(amounts, kind=None):
    """Balances of these amounts."""
    columns = {
        "account_key": [f"A{number}" for number, _ in enumerate(amounts)],
        "currency": ["USD"] * len(amounts),
        "balance_minor": pa.array(amounts, kind or pa.int64()),
    }
    return pa.table(columns)


@pytest.mark.parametrize("rows", [0, 1, GROUP_ROWS - 1, GROUP_ROWS, 2 * GROUP_ROWS + 7])
def test_the_same_rows_in_other_batches_give_the_same_bytes(store, rows):
    table = balances(list(range(rows)))
    whole = store.write_table(store.path("whole.parquet"), table, BALANCE)
    for size in (999, GROUP_ROWS, 150_001):
        batches = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(size))
        path = store.path(f"by-{size}.parquet")
        assert store.write_table(path, batches, BALANCE) == whole
        assert store.hash(path) == whole.sha256
    assert store.read(path).schema.equals(BALANCE.arrow)
    assert store.read(path).equals(table.cast(BALANCE.arrow))


# In an order, the ends of a text tell where to look; without one, only dictionaries help.
@pytest.mark.parametrize(
    ("in_order", "with_ends", "with_dictionary"),
    [
        (True, {*BALANCE.arrow.names}, {*BALANCE.arrow.names}),
        (False, {"balance_minor"}, {"currency"}),
    ],
)
def test_what_is_stored_beside_the_rows(store, in_order, with_ends, with_dictionary):
    table, path = balances([1, 2, 1]), store.path("b.parquet")
    store.write_table(path, table, BALANCE, in_order=in_order)
    assert store.read(path).equals(table.cast(BALANCE.arrow))
    with store.open(path) as file:
        group = parquet.ParquetFile(file).metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    assert {c.path_in_schema for c in columns if c.is_stats_set} == with_ends
    assert {c.path_in_schema for c in columns if c.has_dictionary_page} == with_dictionary


@pytest.mark.parametrize(
    "amounts",
    [[], [1, 2, 3], [LARGE] * 5, [-LARGE] * 5, [2**63 - 1, 2**63 - 1], [-(2**63), -1], [5, -7]],
)
def test_totals_are_exact_beyond_64_bits(store, amounts):
    receipt = store.write_table(store.path("b.parquet"), balances(amounts), BALANCE)
    assert receipt.sums == {"balance_minor": sum(amounts)}
    assert receipt.rows == len(amounts)


def test_the_total_of_empty_values_is_that_of_the_others():
    assert exact_sum(pa.chunked_array([[None, -(2**40)], [3]], pa.int64())) == 3 - 2**40


@pytest.mark.parametrize("kind", [pa.int32(), pa.decimal128(38, 0), pa.uint8(), pa.int64()])
def test_other_exact_types_become_the_datasets(store, kind):
    amounts = [Decimal(7)] if pa.types.is_decimal(kind) else [7]
    path = store.path("b.parquet")
    assert store.write_table(path, balances(amounts, kind), BALANCE).sums == {"balance_minor": 7}
    assert store.read(path)["balance_minor"].type == pa.int64()


@pytest.mark.parametrize(
    ("amounts", "kind"),
    [
        ([1.0], pa.float64()),
        (["1"], pa.string()),
        ([Decimal("1.00")], pa.decimal128(10, 2)),
        ([Decimal(2**63)], pa.decimal128(38, 0)),
        ([None], pa.int64()),
    ],
)
def test_a_type_or_value_that_would_lose_something_stops_the_program(store, amounts, kind):
    path = store.path("b.parquet")
    with pytest.raises(AssertionError, match=r"balance\.balance_minor"):
        store.write_table(path, balances(amounts, kind), BALANCE)
    assert not store.exists(path)


def test_a_missing_or_added_column_stops_the_program(store):
    table = balances([1]).drop_columns(["currency"])
    with pytest.raises(AssertionError, match="currency"):
        store.write_table(store.path("b.parquet"), table, BALANCE)


def test_a_failed_write_leaves_what_was_there(store):
    path = store.path("folder", "note.txt")
    with store.open(path, "wb") as file:
        file.write(b"first")
    with pytest.raises(ZeroDivisionError), store.open(path, "wb") as file:
        file.write(b"second")
        raise ZeroDivisionError
    with store.open(path) as file:
        assert file.read() == b"first"
    assert len(store.filesystem.find(store.path("folder"))) == 1


def test_the_engine_reads_several_files_as_one_table(store):
    paths = [store.path("one.parquet"), store.path("two.parquet")]
    for path in paths:
        store.write_table(path, balances([LARGE, 1]), BALANCE)
    with connect() as engine:
        table = store.scan(engine, *paths)
        total = table.balance_minor.cast("decimal(38, 0)").sum()
        assert int(engine.to_pyarrow(total).as_py()) == 2 * LARGE + 2


def test_a_path_cannot_leave_the_store(store):
    with pytest.raises(AssertionError):
        store.path("..", "elsewhere")


def test_a_result_streams_from_the_engine_into_the_store(store):
    with connect() as engine:
        numbers = ibis.range(GROUP_ROWS * 2).unnest().name("number").as_table()
        rows = numbers.select(
            account_key=ibis.literal("A") + numbers.number.cast("string"),
            currency=ibis.literal("USD"),
            balance_minor=numbers.number.cast("int64"),
        )
        batches = engine.to_pyarrow_batches(rows)
        receipt = store.write_table(store.path("b.parquet"), batches, BALANCE)
    assert receipt.sums["balance_minor"] == sum(range(GROUP_ROWS * 2))


def test_the_first_rows_are_there_before_the_last_are_found():
    late = "CASE WHEN range = 9000000 THEN error('late') ELSE range END"
    with connect() as engine:
        rows = engine.to_pyarrow_batches(
            engine.sql(f"SELECT {late} AS number FROM range(9000001)"), chunk_size=1000
        )
        assert rows.read_next_batch()["number"][0].as_py() == 0
        with pytest.raises(OSError, match="late"):
            rows.read_all()
