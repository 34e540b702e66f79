"""``crossbill reconcile``: two extracts and a specification, without loading anything."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from crossbill.cli_infer import infer_policy_command
from crossbill.cli_table import Table
from crossbill.replacement.reconciliation.reconcile_extracts import (
    Reconciliation,
    document,
    reconciled,
    write_result,
)

UNEXPLAINED_EXIT = 1
SELDOM = ("left_out", "combined", "travelled_bytes")  # shown only where a specification asks for it


class WithDefault(TyperGroup):
    """A group one of whose commands needs no name: what is no command's name is its first word."""

    otherwise = "extracts"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words of the command line, with the name that they may leave out."""
        if args and args[0] not in (*self.commands, "--help"):
            args = [self.otherwise, *args]
        return super().parse_args(ctx, args)


reconcile_app = typer.Typer(
    help="Compare old and new; SPEC --left PATH --right PATH compares two extracts.",
    cls=WithDefault,
    no_args_is_help=True,
)
reconcile_app.command("infer-policy")(infer_policy_command)


@reconcile_app.command("extracts")
def reconcile(  # noqa: PLR0913 - each is an option of the command
    spec: Annotated[Path, typer.Argument(help="How the two extracts are written and pair.")],
    left: Annotated[
        Path | None,
        typer.Option(help="Folder or file of the left (old) side, unless it is in a database."),
    ] = None,
    right: Annotated[
        Path | None,
        typer.Option(help="Folder or file of the right (new) side, unless it is in a database."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object only.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for every difference found.")] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Fetch whole tables, of two databases too.")
    ] = False,
    spark: Annotated[
        str | None,
        typer.Option(help="Meet both sides on Spark: sc://host:15002 of a cluster, or local[*]."),
    ] = None,
) -> None:
    """Compare two extracts field by field and say why they differ; 1 where something is open."""
    with reconciled(spec, left, right, whole=whole, spark=spark) as result:
        if out is not None:
            write_result(result, out)
        found = document(result)
    if json:
        typer.echo(json_format.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(result, found, out)
    if not result.explained:
        raise typer.Exit(UNEXPLAINED_EXIT)


def show(result: Reconciliation, found: dict[str, Any], out: Path | None) -> None:
    """The result as tables for people."""
    console = Console()
    console.print(_records(found))
    console.print(_fields(found))
    for side in ("left", "right"):
        for note in found[side]["notes"]:
            console.print(escape(f"Note: {side} {note}"))
    if out is not None:
        console.print(escape(f"Every difference: {out / 'differences.csv'}"))
    verdict = "is explained" if result.explained else "is not explained in full"
    console.print(escape(f"{found['name']} {verdict}"))


def _records(found: dict[str, Any]) -> Table:
    """How the records of both sides were paired."""
    table = Table(title=escape(str(found["name"])))
    for heading in ("", "left", "right"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, key in (
        ("records read", "rows"),
        ("not meant", "left_out"),
        ("suspended", "suspended"),
        ("with a doubled key", "duplicate_rows"),
        ("rows that they make", "combined"),
        ("bytes that travelled", "travelled_bytes"),
    ):
        counts = [found[side][key] for side in ("left", "right")]
        if any(counts) or key not in SELDOM:
            table.add_row(label, *(f"{n:,}" if n is not None else "" for n in counts))
    table.add_row("on this side only", f"{found['missing']:,}", f"{found['extra']:,}")
    table.add_row("matched", *[f"{found['matched']:,}"] * 2)
    for name, left in found["left"]["totals"].items():
        table.add_row(escape(f"total {name}"), left, found["right"]["totals"][name])
    return table


def _fields(found: dict[str, Any]) -> Table:
    """Each field: how many differ, by how much, and why."""
    table = Table(title="Fields")
    for heading in ("field", "different", "right minus left", "why"):
        justify = "left" if heading in ("field", "why") else "right"
        table.add_column(heading, justify=justify)  # type: ignore[arg-type] # one of the words that rich knows
    for name, field in found["fields"].items():
        why = ", ".join(f"{code} {count:,}" for code, count in field["classes"].items())
        table.add_row(escape(name), f"{field['different']:,}", field["value"] or "", why)
    return table
