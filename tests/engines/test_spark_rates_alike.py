"""Rating on Spark gives the tables that rating on DuckDB gives, row by row."""

import shutil
from datetime import UTC, datetime
from importlib.util import find_spec

import ibis
import pyarrow as pa
import pytest
from pyarrow import parquet
from rating.example import CATALOGUE, USAGE
from rating.snapshot import write_snapshot

from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.engine import duckdb, integers, spark
from crossbill.engine.calculation import Calculation, Step
from crossbill.platform.rating.catalogue import read_catalogue, services
from crossbill.platform.rating.rate_files import mediation, rate_tables, span_of
from crossbill.platform.rating.rate_spark import RESULTS, rate_snapshot, rated_tables
from crossbill.platform.usage.read import read_usage

pytestmark = [
    pytest.mark.skipif(find_spec("pyspark") is None, reason="needs pyspark: make spark"),
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java, on which Spark runs"),
]
UNTIL = datetime(2024, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def session():
    with spark.connect("local[2]", memory="1g") as opened:
        yield opened


def rows(table: pa.Table) -> list[dict]:
    return sorted(table.to_pylist(), key=str)


def on_duckdb(catalogue, usage: pa.Table, service: pa.Table) -> dict[str, pa.Table]:
    with duckdb.connect() as backend:
        came = ibis.memtable(usage)
        span = span_of(backend, came, UNTIL)
        done = rate_tables(backend, read_catalogue(catalogue), came, service, span=span)
        return {name: backend.to_pyarrow(done[name]) for name in RESULTS}


def alike(session, catalogue, usage: pa.Table, service: pa.Table) -> dict[str, pa.Table]:
    expected = on_duckdb(catalogue, usage, service)
    done = rated_tables(
        session, catalogue=catalogue, until=UNTIL,
        usage=spark.load(session, usage), service=spark.load(session, service),
    )  # fmt: skip
    for name, table in expected.items():
        assert rows(done[name].toArrow()) == rows(table), name
    return expected


def example_usage() -> pa.Table:
    with duckdb.connect() as backend:
        done = mediation().run(backend, {"raw_usage": read_usage(backend, USAGE)})
        return backend.to_pyarrow(done["accepted_usage"])


def test_the_example_is_rated_alike(session):
    found = alike(session, CATALOGUE, example_usage(), services(read_catalogue(CATALOGUE)))
    assert {row["leg"] for row in found["rated_usage"].to_pylist()} == {"retail", "wholesale"}


def test_generated_events_are_rated_alike(session, tmp_path):
    folder = write_snapshot(tmp_path / "snapshot", events=400, shards=1)
    parts = (parquet.read_table(folder / f"{name}-0000.parquet") for name in ("usage", "service"))
    found = alike(session, folder / "catalogue.yaml", *parts)
    assert found["rated_usage"].num_rows > 150
    assert len(set(found["suspended_usage"]["code"].to_pylist())) > 4
    assert sum(row["taken"] for row in found["bucket_use"].to_pylist()) > 0


def test_a_snapshot_is_written_and_its_sums_are_proved(session, tmp_path):
    folder = write_snapshot(tmp_path / "snapshot", events=60, shards=2)
    out = tmp_path / "out"
    states = rate_snapshot(
        session, catalogue=folder / "catalogue.yaml", snapshot=str(folder), out=str(out),
        until=UNTIL,
    )  # fmt: skip
    assert states["retail"]["in"]["events"] == 60
    assert {path.name for path in out.iterdir()} == set(RESULTS)


# Where the engines differ by nature


NUMBERS = {"a": "int64", "b": "int64", "mode": "string", "at": "timestamp"}


def computed(session, table: pa.Table, **columns) -> list[dict]:
    step = Step("answer", lambda t: t["numbers"].select(**{n: c(t) for n, c in columns.items()}))
    chain = Calculation({"numbers": ibis.schema(NUMBERS)}, [step])
    done = spark.run(chain, session, {"numbers": spark.load(session, table)})
    return done["answer"].toArrow().to_pylist()


def numbers(*pairs: tuple[int | None, int | None], mode: str = "half_up") -> pa.Table:
    at = datetime(2024, 3, 31, 1, 30)
    made = [{"a": a, "b": b, "mode": mode, "at": at} for a, b in pairs]
    return pa.Table.from_pylist(made, ibis.schema(NUMBERS).to_pyarrow())


@pytest.mark.parametrize("mode", [str(mode) for mode in RoundingMode])
def test_division_rounds_alike_with_either_sign(session, mode):
    pairs = [(a, b) for a in (-7, -5, -1, 0, 1, 5, 7, 10**18 + 5) for b in (1, 2, 10)]
    found = computed(
        session, numbers(*pairs, mode=mode),
        value=lambda t: integers.div_rounded(t["numbers"].a, t["numbers"].b, t["numbers"].mode),
        rest=lambda t: t["numbers"].a % t["numbers"].b,
    )  # fmt: skip
    assert [row["value"] for row in found] == [
        divide_rounded(a, b, RoundingMode(mode)) for a, b in pairs
    ]
    assert [row["rest"] for row in found] == [
        a - b * int(a / b) if abs(a) < 9 else a % b for a, b in pairs
    ]


def test_what_is_not_a_number_is_left_out_of_the_greatest(session):
    found = computed(
        session, numbers((3, None), (None, 4), (5, 4)),
        greatest=lambda t: ibis.greatest(t["numbers"].a, t["numbers"].b),
        least=lambda t: ibis.least(t["numbers"].a, t["numbers"].b),
        bit=lambda t: (t["numbers"].a >> 1) & 1,
        truth=lambda t: (t["numbers"].a > 3).cast("int64"),
    )  # fmt: skip
    assert [tuple(row.values()) for row in found] == [
        (3, 3, 1, 0), (4, 4, None, None), (5, 4, 0, 1),
    ]  # fmt: skip


def test_signs_and_groups_are_those_of_texts_and_not_of_sql(session):
    found = computed(
        session, numbers((1, 1), mode="\vf0a'\\\f"),
        bare=lambda t: t["numbers"]["mode"].strip(),
        turned=lambda t: t["numbers"]["mode"].strip().re_replace(r"^(.)(\d)", r"\2\1"),
    )  # fmt: skip
    assert found == [{"bare": "f0a'\\", "turned": "0fa'\\"}]


def test_an_instant_is_one_whatever_the_clocks_do(session):
    found = computed(
        session, numbers((1, 1)),
        seconds=lambda t: integers.epoch_seconds(t["numbers"].at),
        again=lambda t: integers.instant(integers.epoch_seconds(t["numbers"].at)),
    )  # fmt: skip
    assert found == [{"seconds": 1_711_848_600, "again": datetime(2024, 3, 31, 1, 30)}]


@pytest.mark.parametrize(
    "column",
    [
        lambda t: t["numbers"].a * t["numbers"].b,
        lambda t: t["numbers"].a + t["numbers"].b,
        lambda t: integers.sum_int64(t["numbers"].a).over(ibis.window()),
    ],
)
def test_an_amount_that_does_not_fit_is_refused(session, column):
    with pytest.raises(integers.AmountOverflow, match="AMOUNT_OVERFLOW"), spark.refusing_overflow():
        computed(session, numbers((2**62, 2**62), (2**62, 2)), value=column)
