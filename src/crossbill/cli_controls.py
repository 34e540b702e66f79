"""`crossbill reconcile list`, `run` and `show`: the catalogue of controls on a wave."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, JustifyMethod
from rich.markup import escape

from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.config import ready

if TYPE_CHECKING:
    from crossbill.replacement.migration.models import Wave
    from crossbill.replacement.reconciliation.models import ControlRun

CARRIER = typer.Argument(help="Code of the carrier.")
WAVE = typer.Argument(help="Name or number of the wave.")
CONTROL = typer.Argument(help="The control, as `crossbill reconcile list` names it.")
FAILED_EXIT = 1
ROWS_SHOWN = 50


def list_controls(
    carrier: Annotated[str | None, typer.Argument(help="Code of the carrier.")] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """List the controls, and with a carrier how each stands on each of its waves."""
    ready()
    from crossbill.replacement.reconciliation.control import catalogue
    from crossbill.replacement.reconciliation.control_queries import standings

    waves = named_waves(carrier) if carrier else []
    last = {
        (wave.position, each.control.id): each.last for wave in waves for each in standings(wave)
    }
    if json:
        controls = [{"control": c.id, **c.terms.model_dump()} for c in catalogue().values()]
        print_json({"controls": controls, "runs": [plain_run(run) for run in last.values() if run]})
        return
    headings = [f">{wave.name}" for wave in waves] or ["level", "owner"]
    table = new_table("Controls", "control", *headings)
    for control in catalogue().values():
        terms = control.terms
        told = "" if terms.blocking else " (for information)"
        said = f"{control.id}: {terms.title}{told}"
        found = [_word(last[wave.position, control.id]) for wave in waves]
        table.add_row(escape(said), *(found or [terms.level, terms.owner]))
    Console().print(table)


def run_controls(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str | None, typer.Argument(help="One wave; without it, all compared.")] = None,
    control: Annotated[str | None, typer.Option(help="One control; without it, all.")] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Run the controls on a wave and put on record what they find; 1 where a blocking one fails."""
    ready()
    from crossbill.config.environment import read_environment
    from crossbill.engine.store import Store
    from crossbill.replacement.reconciliation import control_runs
    from crossbill.replacement.reconciliation.control_queries import compared_waves
    from crossbill.replacement.reconciliation.queries import wave_named

    waves = [wave_named(carrier, wave)] if wave else compared_waves(named_waves(carrier))
    store = Store(read_environment().store_url)
    runs = [
        run
        for each in waves
        for run in control_runs.run_controls(wave=each, store=store, only=control)
    ]
    if json:
        print_json([plain_run(run) for run in runs])
    else:
        show_runs(runs, times=False)
    if any(run.outcome == "failed" and run.terms["blocking"] for run in runs):
        raise typer.Exit(FAILED_EXIT)


def show_control(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    control: Annotated[str, CONTROL],
    everything: Annotated[
        bool, typer.Option("--all", help="Every figure that is kept, not only what differs.")
    ] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Show what a control found last on a wave: its terms, its sums, and each figure."""
    ready()
    from crossbill.replacement.reconciliation.control import figure_words, unit_words
    from crossbill.replacement.reconciliation.control_queries import kept_rows, last_run
    from crossbill.replacement.reconciliation.queries import wave_named

    run = last_run(wave_named(carrier, wave), control)
    rows = kept_rows(run, everything=everything)
    if json:
        names = ("key", "unit", "left_value", "right_value", "difference", "verdict")
        print_json(plain_run(run) | {"terms": run.terms, "rows": list(rows.values(*names))})
        return
    typer.echo(f"{run.terms['title']}: {run.outcome} on {run.wave} at {run.ran_at:%Y-%m-%d %H:%M}")
    typer.echo(f"  {run.terms['compares']}")
    if run.reason:
        typer.echo(f"  {run.reason}")
    Console().print(_units(run))
    count = rows.count()
    table = new_table("Figures", "what", "unit", ">old", ">new", ">new less old", "")
    for row in rows[:ROWS_SHOWN]:
        figures = (row.left_value, row.right_value, row.difference)
        values = [figure_words(figure, row.unit) for figure in figures]
        table.add_row(escape(row.key), escape(unit_words(row.unit)), *values, row.verdict)
    if count:
        Console().print(table)
    if count > ROWS_SHOWN:
        typer.echo(f"{ROWS_SHOWN} of {count:,} figures; all of them with --json")


def named_waves(carrier: str) -> "list[Wave]":
    """The waves of a carrier's change-over, in order."""
    from crossbill.replacement.reconciliation.queries import waves_of

    return waves_of(carrier)


def show_runs(runs: "list[ControlRun]", *, times: bool) -> None:
    """A line a run: how many figures and how many differ, over and under; then what lacks data."""
    from crossbill.replacement.reconciliation.control_queries import open_count

    headings = ("outcome", ">figures", ">differ", ">within", "over by", "under by")
    table = new_table("Controls", "control", "wave", *(["at"] if times else []), *headings)
    for run in runs:
        table.add_row(
            run.control,
            escape(run.wave.name),
            *([f"{run.ran_at:%Y-%m-%d %H:%M}"] if times else []),
            run.outcome,
            f"{sum(unit['rows'] for unit in run.totals):,}",
            f"{open_count(run):,}",
            f"{sum(unit['within'] for unit in run.totals):,}",
            _amounts(run, "over_by"),
            _amounts(run, "under_by"),
        )
    Console().print(table)
    lacking = [run for run in runs if run.outcome == "no data"]
    for said in dict.fromkeys(f"{r.control} on {r.wave.name}: {r.reason}" for r in lacking):
        typer.echo(f"No data: {said}")


def _amounts(run: "ControlRun", name: str) -> str:
    from crossbill.replacement.reconciliation.control import figure_words, unit_words

    units = [(u[name], u["unit"]) for u in run.totals if u[name]]
    return escape(", ".join(f"{figure_words(v, unit)} {unit_words(unit)}" for v, unit in units))


def _units(run: "ControlRun") -> Table:
    """What both sides add up to, unit by unit."""
    from crossbill.replacement.reconciliation.control import figure_words, unit_words

    table = new_table("Sums", "unit", ">figures", ">equal", ">old", ">new", ">over by", ">under by")
    for sums in run.totals:
        unit, counts = sums["unit"], [f"{sums[name]:,}" for name in ("rows", "equal")]
        figures = [figure_words(sums[n], unit) for n in ("left", "right", "over_by", "under_by")]
        table.add_row(escape(unit_words(unit)), *counts, *figures)
    return table


def _word(run: "ControlRun | None") -> str:
    """How a control stands on a wave, in a cell."""
    from crossbill.replacement.reconciliation.control_queries import open_count

    if run is None:
        return "not run"
    return f"{open_count(run):,} differ" if run.outcome == "failed" else run.outcome


def plain_run(run: "ControlRun") -> dict[str, Any]:
    """A run as plain values."""
    names = ("control", "outcome", "reason", "totals")
    return {name: getattr(run, name) for name in names} | {
        "wave": run.wave.name,
        "ran_at": run.ran_at.isoformat(),
    }


def new_table(title: str, *headings: str) -> Table:
    """A table for people; a heading that begins with > is over numbers."""
    table = Table(title=title)
    for heading in headings:
        number = heading.startswith(">")
        justify: JustifyMethod = "right" if number else "left"
        table.add_column(escape(heading.removeprefix(">")), justify=justify)
    return table
