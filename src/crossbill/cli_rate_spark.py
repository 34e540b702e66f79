"""``crossbill rate spark``: a snapshot, rated on a Spark cluster by the same expressions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from crossbill.cli_json import print_json
from crossbill.engine import spark
from crossbill.platform.rating.rate_spark import rate_snapshot

SUSPENDED_EXIT = 1


def rate_spark_command(
    catalogue: Annotated[Path, typer.Option(help="The catalogue of rating, a YAML file.")],
    snapshot: Annotated[
        str, typer.Option(help="A folder with usage-*.parquet and service-*.parquet.")
    ],
    out: Annotated[str, typer.Option(help="A folder for the results, not made yet.")],
    url: Annotated[
        str, typer.Option("--spark", help="sc://host:15002 of a cluster, or local[*].")
    ] = spark.LOCAL,
) -> None:
    """Rate a snapshot on Spark, whose machines can read it; 1 where some of it is suspended."""
    until = datetime.now(UTC) + timedelta(days=1)
    with spark.connect(url) as session:
        states = rate_snapshot(
            session, catalogue=catalogue, snapshot=snapshot, out=out, until=until
        )
    print_json({"states": states, "out": out})
    if any(found["suspended"]["events"] for found in states.values()):
        raise typer.Exit(SUSPENDED_EXIT)
