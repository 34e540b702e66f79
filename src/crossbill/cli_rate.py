"""``crossbill rate``: usage in a file, priced by a catalogue, without a database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.cli_rate_deck import deck_app
from crossbill.cli_rate_shards import rate_shards_command
from crossbill.cli_rate_spark import rate_spark_command
from crossbill.cli_table import Table
from crossbill.core.money import format_nanos, parse_nanos
from crossbill.engine.rating_datasets import RATED_USAGE, USAGE_ADJUSTMENT, USAGE_CHARGE
from crossbill.platform.rating.afford import afforded
from crossbill.platform.rating.explain import Explanation, explain
from crossbill.platform.rating.rate_again import adjustment_sums, rated_again
from crossbill.platform.rating.rate_files import rated_files
from crossbill.platform.rating.rated_result import (
    document,
    refuse_output,
    result_files,
    write_result,
    write_table,
)
from crossbill.platform.usage import guide

SUSPENDED_EXIT = 1
CATALOGUE = typer.Option(help="The catalogue of rating, a YAML file.")
USAGE = typer.Option(help="The usage: a CSV or Parquet file.")
POLICY = typer.Option(help="A policy of the catalogue, instead of each service's own.")

rate_app = typer.Typer(help="Rate usage, and explain what it costs.", no_args_is_help=True)
rate_app.add_typer(deck_app, name="deck")
rate_app.command("shards")(rate_shards_command)
rate_app.command("spark")(rate_spark_command)


@rate_app.callback(invoke_without_command=True)
def rate(  # noqa: PLR0913 - the options of the command
    context: typer.Context,
    catalogue: Annotated[Path | None, CATALOGUE] = None,
    usage: Annotated[Path | None, USAGE] = None,
    out: Annotated[Path | None, typer.Option(help="Where the rated usage goes.")] = None,
    charges: Annotated[
        Path | None, typer.Option(help="Where the sums go that a bill charges.")
    ] = None,
    policy: Annotated[str | None, POLICY] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Rate a file of usage; 1 where some of it is suspended."""
    if context.invoked_subcommand is not None:
        return
    if catalogue is None or usage is None:
        raise typer.BadParameter("state --catalogue and --usage")
    outputs = [*(result_files(out) if out else ()), *([charges] if charges else [])]
    refuse_output(outputs, read=(catalogue, usage))
    with rated_files(catalogue=catalogue, usage=usage, until=_tomorrow(), policy=policy) as rated:
        if out is not None:
            write_result(rated, out)
        if charges is not None:
            write_table(rated, rated.tables["usage_charge"], USAGE_CHARGE, charges)
        found = document(rated)
    if json:
        print_json(found)
    else:
        _show(found, out)
    if found["usage"]["suspended"]["events"]:
        raise typer.Exit(SUSPENDED_EXIT)


@rate_app.command("explain")
def explain_event(  # noqa: PLR0913 - the options of the command
    event: Annotated[str, typer.Argument(help="The key of the event.")],
    catalogue: Annotated[Path, CATALOGUE],
    usage: Annotated[Path, USAGE],
    policy: Annotated[str | None, POLICY] = None,
    leg: Annotated[str, typer.Option(help="retail or wholesale")] = guide.RETAIL,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say step by step what an event of the file costs, and why."""
    with rated_files(
        catalogue=catalogue, usage=usage, until=_tomorrow(), policy=policy, detail=True
    ) as rated:
        found = explain(rated, event, leg)
    if json:
        print_json(as_document(found))
    else:
        _show_explanation(found)
    if found.amount_nanos is None or not found.agrees:
        raise typer.Exit(SUSPENDED_EXIT)


@rate_app.command()
def afford(
    event: Annotated[str, typer.Argument(help="The key of the event.")],
    balance: Annotated[str, typer.Argument(help="The money that there is, such as 5.00.")],
    catalogue: Annotated[Path, CATALOGUE],
    usage: Annotated[Path, USAGE],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say how much of an event a prepaid balance can pay, after its allowances."""
    nanos = parse_nanos(balance)
    with rated_files(catalogue=catalogue, usage=usage, until=_tomorrow(), detail=True) as rated:
        found = afforded(rated, event, nanos)
    if json:
        print_json(found)
        return
    typer.echo(
        f"{found['free_quantity']:,} are free, {found['paid_quantity']:,} are paid with "
        f"{found['cost']} {found['currency']}, {found['unpaid_quantity']:,} are not paid; "
        f"{found['balance']} {found['currency']} are left"
    )


@rate_app.command()
def again(  # noqa: PLR0913 - the options of the command
    before: Annotated[Path, typer.Argument(help="What `crossbill rate` wrote before.")],
    catalogue: Annotated[Path, CATALOGUE],
    usage: Annotated[Path, USAGE],
    closed_until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day that is not billed yet.")
    ],
    out: Annotated[Path, typer.Option(help="Where the usage goes as it stands now.")],
    adjustments: Annotated[Path, typer.Option(help="Where the adjustments go.")],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Rate again: open days are replaced, billed days get adjustments of their events."""
    refuse_output((out, adjustments), read=(before, catalogue, usage))
    with rated_files(catalogue=catalogue, usage=usage, until=_tomorrow()) as rated:
        result = rated_again(rated, before, closed_until.date())
        write_table(rated, result.standing, RATED_USAGE, out)
        write_table(rated, result.adjustment, USAGE_ADJUSTMENT, adjustments)
        found = adjustment_sums(rated, result.adjustment)
    if json:
        print_json(found)
        return
    for row in found["adjustments"]:
        typer.echo(
            f"{row['reason']}: {row['events']:,} events, {row['difference']} {row['currency']}"
        )
    typer.echo(f"Adjustments: {adjustments}")


def as_document(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON."""
    amount = None if found.amount_nanos is None else format_nanos(found.amount_nanos)
    return {
        "usage_key": found.usage_key,
        "leg": found.leg,
        "amount": amount,
        "currency": found.currency,
        "agrees": found.agrees,
        "steps": [{"step": step, "what": what} for step, what in found.steps],
    }


def _tomorrow() -> datetime:
    """Usage of the future is a switch's wrong clock; a day is left for clocks that are fast."""
    return datetime.now(UTC) + timedelta(days=1)


def _show(found: dict[str, Any], out: Path | None) -> None:
    console = Console()
    console.print(_states(found))
    console.print(_charges(found))
    for code, reason in found["suspended"].items():
        console.print(
            escape(f"Suspended: {reason['events']:,} {code}, {reason['what']} ({reason['cure']})")
        )
    if out is not None:
        console.print(escape(f"Rated usage: {out}"))


def _states(found: dict[str, Any]) -> Table:
    table = Table(title=escape(f"{found['catalogue']}: what became of the usage"))
    for heading in ("", "events", "quantity"):
        table.add_column(heading, justify="right" if heading else "left")
    for state in ("in", "rated", "duplicate", "suspended"):
        row = found["usage"][state]
        table.add_row(state, f"{row['events']:,}", f"{row['quantity']:,}")
    return table


def _charges(found: dict[str, Any]) -> Table:
    table = Table(title="What it costs")
    for heading in ("leg", "charge", "events", "used", "charged", "amount", "surcharges", ""):
        text = heading in ("leg", "charge", "")
        table.add_column(heading, justify="left" if text else "right")
    for row in found["charges"]:
        table.add_row(
            row["leg"], escape(row["charge"]), f"{row['events']:,}", f"{row['quantity']:,}",
            f"{row['billed_quantity']:,}", row["amount"], row["surcharges"], row["currency"],
        )  # fmt: skip
    return table


def _show_explanation(found: Explanation) -> None:
    table = Table(title=escape(f"{found.usage_key} ({found.leg})"), show_header=False)
    table.add_column("step")
    table.add_column("what")
    for step, what in found.steps:
        table.add_row(step, escape(what))
    console = Console()
    console.print(table)
    if found.amount_nanos is not None:
        amount = f"{format_nanos(found.amount_nanos, 2)} {found.currency}"
        verdict = "worked out again: it agrees" if found.agrees else "WORKED OUT AGAIN: IT DIFFERS"
        console.print(escape(f"{amount}, {verdict}"))
