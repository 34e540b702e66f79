"""`crossbill reconcile trend`: whether it gets better from mock to mock, and what is left."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_controls import named_waves, new_table, plain_run, show_runs
from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.config import ready
from crossbill.core.money import MINOR_DIGITS, format_minor

if TYPE_CHECKING:
    from crossbill.replacement.reconciliation.trend import BurnDown, Mock


def trend(
    carrier: Annotated[str, typer.Argument(help="Code of the carrier.")],
    control: Annotated[str | None, typer.Option(help="Only the runs of one control.")] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Show match rate, classes and what is unexplained by mock, what is left, and the controls."""
    ready()
    from django.utils.timezone import localdate

    from crossbill.replacement.reconciliation import trend as trends
    from crossbill.replacement.reconciliation.control_queries import history

    waves = named_waves(carrier)
    runs = list(history(waves, control))
    mocks = [] if control else trends.mocks(waves[0].replacement)
    burning = None if control else trends.burn_down(waves[0].replacement, localdate())
    if json:
        found: dict[str, Any] = {"controls": [plain_run(run) for run in runs]}
        if burning is not None:
            found = {"mocks": _mocks(mocks), "burn_down": _burning(burning)} | found
        print_json(found)
        return
    if burning is not None:
        _show_mocks(mocks)
        _show_burning(burning)
    show_runs(runs, times=True)


def _mocks(mocks: "list[Mock]") -> list[dict[str, Any]]:
    """Each mock as plain values."""
    return [
        {
            "carrier": each.replacement.carrier.code,
            "begun_at": each.replacement.created_at.isoformat(),
            "bills": asdict(each.match),
            "classes": each.classes,
            "unexplained_minor": each.unexplained,
        }
        for each in mocks
    ]


def _burning(burning: "BurnDown") -> dict[str, Any]:
    days = [{"day": day, "findings": count} for day, count in burning.days]
    return {"cutover": burning.cutover, "days": days}


def _show_mocks(mocks: "list[Mock]") -> None:
    """A line a mock; then a line a class, with a column a mock."""
    from crossbill.replacement.document.blocks import percent_text

    table = new_table("Mocks", "mock", "begun", ">bills", ">equal", ">explained", ">unexplained",
                      "unexplained, less and more")  # fmt: skip
    for each in mocks:
        match = each.match
        rate = percent_text(match.equal, match.compared)
        counts = [f"{match.compared:,}", rate, f"{match.explained:,}", f"{match.unexplained:,}"]
        worth = ", ".join(_amount(minor, code) for code, minor in each.unexplained.items())
        begun = f"{each.replacement.created_at:%Y-%m-%d}"
        table.add_row(escape(each.replacement.carrier.code), begun, *counts, worth)
    codes = sorted({code for each in mocks for code in each.classes})
    names = [f">{each.replacement.carrier.code}" for each in mocks]
    classes = new_table("Accounts by class", "class", *names)
    for code in codes:
        classes.add_row(code, *(f"{each.classes.get(code, 0):,}" for each in mocks))
    Console().print(table, classes)


def _amount(minor: int, currency: str) -> str:
    digits = MINOR_DIGITS.get(currency)
    return f"{format_minor(minor, digits)} {currency}" if digits is not None else f"{minor:,}"


def _show_burning(burning: "BurnDown") -> None:
    """How many findings held accounts back on the first day, at most, and today."""
    if not burning.days:
        typer.echo("No wave has been compared yet.")
        return
    (first, count), (last, left) = burning.days[0], burning.days[-1]
    most = max(count for _, count in burning.days)
    day = burning.cutover
    passed = day is not None and day < last
    cutover = f"the cutover of {day} has passed" if passed else f"the next cutover is on {day}"
    typer.echo(
        f"Findings that hold accounts back: {count:,} on {first}, {most:,} at most, "
        f"{left:,} on {last}; {cutover}"
    )
