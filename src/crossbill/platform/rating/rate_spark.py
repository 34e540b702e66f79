"""The same rating on Spark: a snapshot as large as a cluster can hold, by the same expressions."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossbill.core.policy import LocalTime
from crossbill.engine import duckdb, integers, spark
from crossbill.engine.rating_datasets import (
    BUCKET,
    RATED_USAGE,
    SERVICE,
    SUSPENDED_USAGE,
    USAGE,
    USAGE_CHARGE,
)
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.rate_compiled import granting
from crossbill.platform.rating.rate_files import ends_of, known_zones, span_between, zones_in
from crossbill.platform.rating.rate_metered import with_metered_charges
from crossbill.platform.rating.shape import Shape
from crossbill.platform.rating.shard_result import Sums, checked
from crossbill.platform.usage import guide

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RESULTS = ("rated_usage", "suspended_usage", "usage_charge", "bucket_use")


def rate_snapshot(
    session: "SparkSession", *, catalogue: Path, snapshot: str, out: str, until: datetime
) -> dict[str, dict[str, Sums]]:
    """Rate ``usage-*.parquet`` by ``service-*.parquet`` of a folder that the cluster can read.

    Writes each table of ``RESULTS`` as a folder of Parquet below ``out``; gives the sums of what
    came in and where it ended, which are proved.
    """
    read = session.read.parquet
    came = {name: read(f"{snapshot}/{name}-*.parquet") for name in ("usage", "service")}
    with spark.refusing_overflow():
        rated = rated_tables(session, catalogue=catalogue, until=until, **came)
        for name in RESULTS:
            rated[name].write.mode("error").parquet(f"{out}/{name}")
            rated[name] = read(f"{out}/{name}")
            rated[name].createOrReplaceTempView(name)
        return _states(session)


def rated_tables(
    session: "SparkSession",
    *,
    catalogue: Path,
    usage: "DataFrame",
    service: "DataFrame",
    until: datetime,
) -> dict[str, "DataFrame"]:
    """The tables of ``platform.rating.rate.rating`` as Spark's."""
    came = {"usage": usage, "service": service}
    tables = _compiled(session, catalogue, came, until)
    held = came | {name: spark.load(session, rows) for name, rows in tables.items()}
    chain = granting()
    granted = spark.run(chain, session, {name: held[name] for name in chain.inputs})
    # A name that is in use may not be given to what reads it.
    held["bucket"] = granted["granted_bucket"]
    held["bucket"].createOrReplaceTempView("bucket")
    chain = rating(_shape(session, tables))
    done = spark.run(chain, session, {name: held[name] for name in chain.inputs})
    return done | _metered(session, tables)


def _compiled(
    session: "SparkSession", catalogue: Path, came: Mapping[str, "DataFrame"], until: datetime
) -> dict[str, pa.Table]:
    """The catalogue's tables for the time and the local times of the snapshot."""
    for name, frame in came.items():
        frame.createOrReplaceTempView(name)
    ends = spark.fetch(session, ends_of(_named("usage"), until))
    zones = known_zones(*(spark.fetch(session, zones_in(_named(name))) for name in came))
    first_s, after_s = span_between(ends, until)
    return compiled(read_catalogue(catalogue), from_s=first_s, to_s=after_s, time_zones=zones)


def _shape(session: "SparkSession", tables: Mapping[str, pa.Table]) -> Shape:
    """The smallest shape that fits."""
    bucket, service = _named("bucket"), _named("service")
    last = spark.fetch(session, bucket.aggregate(last=bucket["rank"].max()))["last"][0].as_py()
    legs = service.filter(service.leg == guide.WHOLESALE).limit(1)
    ranks = 0 if last is None else last + 1
    wholesale = spark.fetch(session, legs).num_rows > 0
    rate, local_times = tables["rate"], tables["rating_policy"]["local_time"].to_pylist()
    return Shape(
        ranks,
        wholesale,
        surcharges=tables["surcharge"].num_rows > 0,
        carried=any(rate["carried_ppm"].to_pylist()),
        capped=rate["max_cost_nanos"].null_count < rate.num_rows,
        switched=LocalTime.SWITCH.value in local_times,
    )


def _metered(session: "SparkSession", tables: Mapping[str, pa.Table]) -> dict[str, "DataFrame"]:
    """The charges with those of price models: a line a product and month, priced here."""
    if not tables["meter"].num_rows:
        return {}
    codes = tables["meter"]["charge_code"].unique().to_pylist()
    events = _named("rated_usage")
    rated = {
        "usage_charge": spark.fetch(session, _named("usage_charge")),
        "rated_usage": spark.fetch(session, events.filter(events.charge_code.isin(codes))),
    }
    with duckdb.connect() as backend, integers.refusing_overflow():
        done, held = ({n: ibis.memtable(t) for n, t in each.items()} for each in (rated, tables))
        charges = with_metered_charges(backend, done, held)["usage_charge"]
        return {"usage_charge": spark.load(session, backend.to_pyarrow(charges))}


DATASETS = {
    dataset.name: dataset
    for dataset in (BUCKET, RATED_USAGE, SERVICE, SUSPENDED_USAGE, USAGE, USAGE_CHARGE)
}


def _named(name: str) -> ir.Table:
    return ibis.table(DATASETS[name].ibis, name=name)


def _states(session: "SparkSession") -> dict[str, dict[str, Sums]]:
    """What came in, and where each leg of it ended."""
    states: dict[str, dict[str, Sums]] = {
        leg: {
            state: _sums(session, rows.filter(rows.leg == leg))
            for state, rows in (
                ("rated", _named("rated_usage")),
                ("suspended", _named("suspended_usage")),
            )
        }
        for leg in (guide.RETAIL, guide.WHOLESALE)
    }
    states[guide.RETAIL] = {"in": _sums(session, _named("usage"))} | states[guide.RETAIL]
    return checked(states)


def _sums(session: "SparkSession", rows: Any) -> Sums:
    quantity = integers.total(rows.quantity).fill_null(0)
    row = spark.fetch(session, rows.aggregate(events=rows.count(), quantity=quantity))
    return {name: int(row[name][0].as_py()) for name in ("events", "quantity")}
