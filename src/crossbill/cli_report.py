"""The `crossbill report` commands: what the board reads, from live data."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from crossbill.config import ready

report_app = typer.Typer(help="Reports from live data.", no_args_is_help=True)


@report_app.callback()
def _reports() -> None:
    """Keeps `quarterly` a word of its own while it is the only report."""


@report_app.command("quarterly")
def quarterly(
    quarter: Annotated[str, typer.Option(help="The quarter, as in 2024Q2.")],
    carrier: Annotated[
        str | None, typer.Option(help="Code of the carrier; without it, the newest change-over's.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the Markdown and the PDF. Default: the current folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object instead.")
    ] = False,
) -> None:
    """Write the quarterly report as Markdown and PDF, computed from the books."""
    ready()
    from django.utils import timezone

    from crossbill.replacement.programme.facts import as_plain
    from crossbill.replacement.programme.operations import write_report
    from crossbill.replacement.programme.quarter import Quarter
    from crossbill.replacement.programme.queries import (
        find_replacement,
        quarterly_facts,
        replacements_of,
    )

    asked = Quarter.parse(quarter)
    known = [] if carrier else replacements_of(asked)
    chosen = known[0] if known else find_replacement(carrier_code=carrier)
    if len(known) > 1:
        codes = ", ".join(each.carrier.code for each in known)
        note = f"Several carriers have figures in {quarter}; this is the newest of {codes}."
        typer.echo(f"{note} Name another with --carrier.", err=True)
    facts = quarterly_facts(
        replacement_id=chosen.pk,
        quarter=asked,
        as_of_date=asked.as_of(timezone.localdate()),
    )
    folder = out or (None if as_json else Path())
    files = write_report(facts=facts, folder=folder) if folder else []
    if as_json:
        sys.stdout.write(json.dumps(as_plain(facts), indent=2, ensure_ascii=False) + "\n")
    else:
        for file in files:
            Console(soft_wrap=True).print(f"Written: {file}", highlight=False)
