"""``crossbill rate deck``: is a rate deck fit for use, and what changes against the one before?"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.core.money import format_nanos, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.platform.rating.deck_review import (
    Change,
    Difference,
    Gap,
    Spread,
    difference,
    gaps,
    jumps,
    spreads,
)
from crossbill.platform.rating.decks import DeckPrice, DeckRow, read_deck

ROWS_SHOWN = 20
PERCENT_DIGITS = 4

deck_app = typer.Typer(help="Rate decks: prefixes, their zones and prices.", no_args_is_help=True)


@deck_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The rate deck, a CSV file.")],
    json: Annotated[bool, ONE_OBJECT] = False,
    against: Annotated[Path | None, typer.Option(help="The deck before it.")] = None,
    jump: Annotated[str, typer.Option(help="Percent by which a price may move.")] = "20",
) -> None:
    """Read a rate deck and say what to look at; what makes it unusable is refused with its line."""
    rows = read_deck(file)
    limit_ppm = _limit_ppm(jump)
    found_jumps = jumps(rows, limit_ppm)
    if against is not None:
        changes = difference(read_deck(against), rows).changes
        found_jumps += [change for change in changes if change.exceeds(limit_ppm)]
    if json:
        print_json(_check_document(file, rows, found_jumps))
    else:
        _show_check(file, rows, found_jumps, jump)


@deck_app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The deck before.")],
    new: Annotated[Path, typer.Argument(help="The deck after.")],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say which prefixes came, went, or changed their price, terms or zone."""
    found = difference(read_deck(old), read_deck(new))
    if json:
        print_json(_difference_document(found))
    else:
        _show_difference(found, f"{old.name} to {new.name}")


class BadPercentage(Refusal):
    """The percentage is not a number from 0 on. Write it as 20 or 12.5."""

    code = "BAD_PERCENTAGE"


def _limit_ppm(percent: str) -> int:
    try:
        limit_ppm = parse_scaled(percent, digits=PERCENT_DIGITS)
    except Refusal as refusal:
        raise BadPercentage(refusal.what, field="jump", value=percent, cure=refusal.cure) from None
    if limit_ppm < 0:
        raise BadPercentage("the percentage is negative", field="jump", value=percent)
    return limit_ppm


# Documents


def _check_document(
    file: Path, rows: Sequence[DeckRow], found_jumps: Sequence[Change]
) -> dict[str, Any]:
    return {
        "file": file.name,
        **_figures(rows),
        "gaps": [_gap(gap) for gap in gaps(rows)],
        "zones_with_several_prices": [_spread(spread) for spread in spreads(rows)],
        "jumps": [_change(change) for change in found_jumps],
    }


def _figures(rows: Sequence[DeckRow]) -> dict[str, int]:
    return {
        "rows": len(rows),
        "prefixes": len({row.prefix for row in rows}),
        "zones": len({row.zone for row in rows}),
        "prices": len({row.price for row in rows if row.price is not None}),
        "longest_prefix": max(len(row.prefix) for row in rows),
    }


def _gap(gap: Gap) -> dict[str, str]:
    return {
        "prefix": gap.prefix,
        "from": gap.from_date.isoformat(),
        "to": gap.to_date.isoformat(),
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "zone": spread.zone,
        "prefixes": spread.prefixes,
        "prices": spread.prices,
        "lowest": format_nanos(spread.lowest_nanos),
        "highest": format_nanos(spread.highest_nanos),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "prefix": change.prefix,
        "zone": change.zone,
        "old": _price(change.old),
        "new": _price(change.new),
        "change_ppm": change.change_ppm,
    }


def _price(price: DeckPrice | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "connect_fee": format_nanos(price.connect_fee_nanos),
        "included_seconds": price.included,
        "rate_per_minute": format_nanos(price.price_nanos),
        "increment_seconds": price.increment,
    }


def _difference_document(found: Difference) -> dict[str, Any]:
    largest = {"largest_rise": found.largest_rise, "largest_fall": found.largest_fall}
    return {
        **found.counts,
        "unchanged": found.unchanged,
        **{name: _change(change) if change else None for name, change in largest.items()},
        "changes": [_change(change) for change in found.changes],
    }


# Tables for people


def _show_check(file: Path, rows: Sequence[DeckRow], found: Sequence[Change], jump: str) -> None:
    console = Console()
    figures = _figures(rows)
    titles = [name.replace("_", " ") for name in figures]
    console.print(_table(file.name, titles, [[f"{n:,}" for n in figures.values()]]))
    found_gaps = [list(_gap(gap).values()) for gap in gaps(rows)]
    wide = [
        [s.zone, f"{s.prefixes:,}", f"{s.prices:,}", *map(format_nanos, _range(s))]
        for s in spreads(rows)
    ]
    _print_table(console, "Days without a price", ["prefix", "from", "to"], found_gaps)
    headings = ["zone", "prefixes", "prices", "lowest", "highest"]
    _print_table(console, "Zones with several prices", headings, wide)
    _print_changes(console, f"Prices that move by more than {jump} %", found)
    console.print(escape(f"{file.name} can be used"))


def _range(spread: Spread) -> tuple[int, int]:
    return spread.lowest_nanos, spread.highest_nanos


def _show_difference(found: Difference, title: str) -> None:
    console = Console()
    counts = {**found.counts, "unchanged": found.unchanged}
    console.print(_table(title, list(counts), [[f"{n:,}" for n in counts.values()]]))
    largest = [change for change in (found.largest_rise, found.largest_fall) if change]
    _print_changes(console, "Largest rise and fall", largest)
    _print_changes(console, "Changes", found.changes)


def _print_changes(console: Console, title: str, changes: Sequence[Change]) -> None:
    rows = [
        [change.prefix, change.zone, change.kind, *_prices(change), _percent(change.change_ppm)]
        for change in changes
    ]
    _print_table(console, title, ["prefix", "zone", "what", "old", "new", "percent"], rows)


def _prices(change: Change) -> list[str]:
    return [format_nanos(p.price_nanos) if p else "" for p in (change.old, change.new)]


def _percent(change_ppm: int | None) -> str:
    if change_ppm is None:
        return ""
    sign = "-" if change_ppm < 0 else "+"
    whole, rest = divmod(abs(change_ppm), 10**PERCENT_DIGITS)
    return f"{sign}{whole}.{rest:0{PERCENT_DIGITS}d}"


def _print_table(
    console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """A table where there is something to show; of a long one the first rows."""
    if rows:
        console.print(_table(title, headings, rows[:ROWS_SHOWN]))
    if len(rows) > ROWS_SHOWN:
        console.print(f"... and {len(rows) - ROWS_SHOWN:,} more; --json lists them all")


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=escape(title))
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*map(escape, row))
    return table
