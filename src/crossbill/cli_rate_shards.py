"""``crossbill rate shards``: a snapshot in shards, rated by a catalogue, on all cores."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.core.money import format_nanos
from crossbill.platform.rating.shard_result import ShardResult, totals
from crossbill.platform.rating.shards import rate_shards

SUSPENDED_EXIT = 1


def rate_shards_command(  # noqa: PLR0913 - the options of the command
    catalogue: Annotated[Path, typer.Option(help="The catalogue of rating, a YAML file.")],
    snapshot: Annotated[
        Path, typer.Option(help="The folder with usage-NAME.parquet and service-NAME.parquet.")
    ],
    out: Annotated[Path, typer.Option(help="The folder for the results, one folder a shard.")],
    workers: Annotated[int | None, typer.Option(help="Shards at once; else one a core.")] = None,
    memory: Annotated[
        str | None, typer.Option(help="Of all workers, such as 8GB; else CROSSBILL_ENGINE_MEMORY.")
    ] = None,
    events: Annotated[
        bool, typer.Option(help="Write every rated event, not only usage charges.")
    ] = True,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Rate a snapshot in shards; what is rated already is not rated again. 1 if some suspended."""
    console = Console(stderr=True, quiet=json)
    results = rate_shards(
        catalogue=catalogue,
        snapshot=snapshot,
        out=out,
        until=datetime.now(UTC) + timedelta(days=1),
        events=events,
        workers=workers,
        memory=memory,
        told=lambda result: console.print(escape(_line(result))),
    )
    found = totals(results)
    made = sum(result.made_now for result in results)
    counts = {"shards": len(results), "rated_now": made, "out": str(out)}
    if json:
        print_json(counts | found)
    else:
        Console().print(_table(found))
        Console().print(escape(f"{len(results)} shards, {made} rated now: {out}"))
    if any(states["suspended"]["events"] for states in found["states"].values()):
        raise typer.Exit(SUSPENDED_EXIT)


def _line(result: ShardResult) -> str:
    events = result.states["retail"]["in"]["events"]
    return f"{result.shard}: {events:,} events" + ("" if result.made_now else ", rated before")


def _table(found: dict[str, Any]) -> Table:
    table = Table(title="What became of the usage")
    for heading in ("leg", "", "events", "quantity", "amount", "surcharges", "currency"):
        numeric = heading in ("events", "quantity", "amount", "surcharges")
        table.add_column(heading, justify="right" if numeric else "left")
    for leg, states in found["states"].items():
        for state, sums in states.items():
            table.add_row(leg, state, f"{sums['events']:,}", f"{sums['quantity']:,}")
        for currency, nanos in found["amounts"].get(leg, {}).items():
            amounts = (format_nanos(nanos[name], 2) for name in ("amount_nanos", "surcharge_nanos"))
            table.add_row(leg, "costs", "", "", *amounts, escape(currency))
    return table
