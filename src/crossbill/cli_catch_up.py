"""`crossbill reconcile catch-up`: a later extract of the old system against the books."""

from pathlib import Path
from typing import Annotated

import typer

from crossbill.cli_controls import CARRIER, FAILED_EXIT, named_waves, plain_run, show_runs
from crossbill.cli_input import ONE_OBJECT, day_of
from crossbill.cli_json import print_json
from crossbill.cli_progress import TerminalProgress
from crossbill.config import ready

CONTROL = "after_catch_up"


def catch_up(
    carrier: Annotated[str, CARRIER],
    extract: Annotated[Path, typer.Option(help="The folder with the later extract.")],
    as_of: Annotated[str, typer.Option(help="Its business day, as 2024-06-15.")],
    wave: Annotated[str | None, typer.Option(help="One wave; without it, all compared.")] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Read a later extract beside the loaded one and run `after_catch_up`; 1 where it fails."""
    ready()
    from crossbill.config.environment import read_environment
    from crossbill.engine.store import Store
    from crossbill.replacement.migration.later_extract import read_later_extract
    from crossbill.replacement.reconciliation.control_queries import compared_waves
    from crossbill.replacement.reconciliation.control_runs import run_controls
    from crossbill.replacement.reconciliation.queries import wave_named

    every = named_waves(carrier)
    waves = [wave_named(carrier, wave)] if wave else compared_waves(every)
    store = Store(read_environment().store_url)
    with TerminalProgress() as progress:
        later = read_later_extract(
            replacement=every[0].replacement,
            data=extract,
            as_of_date=day_of(as_of, "--as-of"),
            store=store,
            progress=progress,
        )
    runs = [run for w in waves for run in run_controls(wave=w, store=store, only=CONTROL)]
    if json:
        print_json({"as_of_date": later.as_of_date, "runs": [plain_run(run) for run in runs]})
    else:
        show_runs(runs, times=False)
    if any(run.outcome == "failed" for run in runs):
        raise typer.Exit(FAILED_EXIT)
