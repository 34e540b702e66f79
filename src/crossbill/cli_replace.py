"""`crossbill demo` and `crossbill replace`: the change-over and its summary."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_progress import TerminalProgress
from crossbill.cli_table import Table

GATE_REFUSED = 1
MOST_SHOWN = 10
NAME_SIGNS = 32  # of a summed field, beside its four amounts
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def run_demo(
    accounts: Annotated[
        int, typer.Option(help="How many accounts the sample carrier has.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same carrier.")] = 42,
    as_json: Json = False,
) -> None:
    """Generate a sample carrier, replace its billing system, and score what was found."""
    from crossbill.config import ready
    from crossbill.config.environment import read_environment

    ready()
    from crossbill.sample.demo import demo, went_as_designed

    with TerminalProgress() as progress:
        result = demo(accounts=accounts, seed=seed, home=read_environment().home, progress=progress)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _show(result)
        _show_rule_changes(result["rule_changes"])
        _show_findings(result["findings"])
        _show_defects(result["defects"])
        _show_control_defects(result["control_defects"])
        _show_end(result)
    raise typer.Exit(0 if went_as_designed(result) else GATE_REFUSED)


def replace(
    spec: Annotated[
        Path, typer.Argument(help="replacement.yaml: what to move, and by which rules.")
    ],
    data: Annotated[Path, typer.Option(help="The folder with the old system's extract.")],
    carrier: Annotated[
        str | None, typer.Option(help="Carrier code to use instead of the one in the file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move a carrier's accounts from an extract, bill them in the shadow, decide at the gates."""
    from crossbill.config import ready

    ready()
    from crossbill.replacement import operations
    from crossbill.replacement.queries import summary

    with TerminalProgress() as progress:
        replacement = operations.replace(
            spec_path=spec, data=data, carrier_code=carrier, progress=progress
        )
    result = summary(replacement)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _show_totals(result["control_totals"])
        _show(result)
        _show_classes(result["classes"])
        _show_rule_changes(result["rule_changes"])
        _show_findings(result["findings"])
        _show_end(result)
    raise typer.Exit(GATE_REFUSED if result["gate"] == "refused" else 0)


def _show(result: dict[str, Any]) -> None:
    console = Console()
    waves = Table(title=f"Accounts of {result['carrier']}", title_justify="left")
    for name in ("Wave", "Planned", "Live", "Stay on the old system", "Gate", "Signatures"):
        waves.add_column(name, justify="left" if name in ("Wave", "Gate") else "right")
    for wave in result["waves"]:
        numbers = [f"{wave[key]:,}" for key in ("planned", "moved", "fallout")]
        waves.add_row(wave["name"], *numbers, wave["gate"], str(wave["signatures"]))
    states = [f"{count:,} {state}" for state, count in result["states"].items()]
    console.print(waves)
    console.print(f"{result['accounts']:,} accounts: {', '.join(states)}")
    bills = result["bills"]
    console.print(
        f"{bills['compared']:,} old bills compared with shadow bills: {bills['equal']:,} equal, "
        f"{bills['explained']:,} explained, {bills['unexplained']:,} unexplained"
    )
    console.print(f"{result['own_prices']:,} products are held at a price of the customer's own")


def _show_rule_changes(changes: list[dict[str, Any]]) -> None:
    """What customers will see on bills by the new rules, beside the old bills."""
    if not changes:
        return
    table = Table(title="What the new rules change on these bills", title_justify="left")
    for name in ("Rule", "Was", "Becomes"):
        table.add_column(name)
    for name in ("Bills", "More", "Less", ""):
        table.add_column(name, justify="right")
    for row in changes:
        texts = [row[name].replace("_", " ") for name in ("rule", "was", "becomes")]
        less = row["less"].removeprefix("-")  # the column's name says which way
        table.add_row(*texts, f"{row['bills']:,}", row["more"], less, row["currency"])
    Console().print(table)


def _show_totals(totals: list[dict[str, Any]]) -> None:
    """What came in and where it ended, stage by stage, with the sums of the money fields."""
    table = Table(title="Control totals", title_justify="left")
    table.add_column("Stage")
    for name in ("In", "Accepted", "Duplicate", "Suspended"):
        table.add_column(name, justify="right")
    for total in totals:
        counts = [f"{total[k]:,}" for k in ("in", "accepted", "duplicate", "suspended")]
        table.add_row(total["stage"], *counts)
        for name, sums in total["sums"].items():
            amounts = [_apart(sums[k]) for k in ("in", "accepted", "duplicate", "suspended")]
            table.add_row(_in_lines(_summed(name, total["currency"])), *amounts)
    Console().print(table)


def _in_lines(summed: str) -> str:
    """A summed field below its stage; a long file's name on a line of its own, not broken."""
    file, _, field = summed.rpartition(".")
    return f"  {summed}" if len(summed) <= NAME_SIGNS else f"  {file}\n    {field}"


def _apart(amount: str) -> str:
    """A decimal with its thousands apart."""
    whole, point, part = amount.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{part}"


def _summed(name: str, currency: str) -> str:
    """A summed field, and what its sum is in.

    Quantities are seconds, bytes and messages: together they only show that none is lost.
    """
    field = name.removesuffix("_nanos").removesuffix("_minor")
    return f"{field}, {currency if field != name else 'check sum'}"


def _show_classes(classes: dict[str, int]) -> None:
    if not classes:
        return
    table = Table(title="What was found", title_justify="left")
    table.add_column("Class")
    table.add_column("Accounts", justify="right")
    for code, accounts in classes.items():
        table.add_row(code, f"{accounts:,}")
    Console().print(table)


def _show_findings(findings: list[dict[str, Any]]) -> None:
    """The causes of most differences, each in a sentence with who has to act."""
    if not findings:
        return
    table = Table(title="Findings", title_justify="left", show_lines=True)
    for name in ("Wave", "Class", "What differs", "Owner and fix"):
        table.add_column(name)
    for finding in findings[:MOST_SHOWN]:
        described = escape(finding["description"])
        remedy = escape(f"{finding['owner']}: {finding['fix']}")
        table.add_row(finding["wave"], finding["class"], described, remedy)
    console = Console()
    console.print(table)
    if len(findings) > MOST_SHOWN:
        console.print(f"{len(findings) - MOST_SHOWN} more, of fewer accounts: --json shows all")


def _show_defects(defects: dict[str, dict[str, int]]) -> None:
    table = Table(title="Seeded defects", title_justify="left")
    table.add_column("Class")
    for name in ("seeded", "found", "right class", "false"):
        table.add_column(name, justify="right")
    for code, score in defects.items():
        table.add_row(code, *(f"{score[k]:,}" for k in ("seeded", "found", "right_class", "false")))
    Console().print(table)


def _show_control_defects(defects: dict[str, dict[str, int]]) -> None:
    table = Table(title="Seeded for controls to find", title_justify="left")
    table.add_column("Control")
    for name in ("seeded", "found", "false"):
        table.add_column(name, justify="right")
    for control, score in defects.items():
        table.add_row(control, *(f"{score[k]:,}" for k in ("seeded", "found", "false")))
    Console().print(table)


def _show_end(result: dict[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"Gates: {result['gate']}.")
    for wave in result["waves"]:
        for rule in wave["broken"]:
            console.print(escape(f"{wave['name']} was refused: {rule}"))
    if result["waits_for"]:
        console.print(escape(f"{result['waits_for']}."))
        code = result["carrier"]
        console.print(f"To see the findings as work: .venv/bin/crossbill reconcile work {code}")
    console.print(
        "To look at it in the browser: [bold].venv/bin/crossbill console --demo-login[/bold]"
    )
