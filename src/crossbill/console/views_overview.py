"""The overview: what a migration lead keeps open."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crossbill.console import charts
from crossbill.console.access import page
from crossbill.console.pages import chosen
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.migration.queries import WaveStanding
from crossbill.replacement.reconciliation import queries as reconciliation
from crossbill.replacement.reconciliation.queries import BillMatch, ClassTotal
from crossbill.runs import queries as runs

SHOWN_RUNS = 5
SHOWN_FINDINGS = 5


@page("migration.view_replacement")
def overview(request: HttpRequest) -> HttpResponse:
    """Waves, bills, differences, what blocks the next gate, fallout and the last runs."""
    choice = chosen(request)
    context = {"chosen": choice, "recent_runs": runs.with_standing(runs.recent()[:SHOWN_RUNS])}
    if choice.replacement is not None:
        context |= _facts(choice.replacement)
    return render(request, "console/overview.html", context)


def _facts(replacement: Replacement) -> dict[str, object]:
    standings = migration.wave_standings(replacement.id)
    classes = reconciliation.differences_by_class(replacement.id)
    match = reconciliation.bill_match(replacement.id)
    states = migration.state_counts(standings)
    return {
        "replacement": replacement,
        "waves": [(standing, wave_bar(standing)) for standing in standings],
        "states": states,
        "accounts": sum(states.values()),
        "to_go": states["planned"] + states["loaded"],
        "match": match,
        "match_bar": match_bar(match),
        "classes": classes,
        "class_bars": class_bars(classes),
        "findings": reconciliation.findings(replacement.id)[:SHOWN_FINDINGS],
        "next_gate": reconciliation.next_gate(replacement),
        "fallout": migration.fallout_by_class(replacement.id),
        "suspended": migration.suspended_by_code(replacement.id),
    }


def wave_bar(standing: WaveStanding) -> list[charts.Segment]:
    """A wave's accounts by state."""
    return charts.stacked(
        [(state, getattr(standing, state)) for state in ("live", "loaded", "planned", "fallout")]
    )


def match_bar(match: BillMatch) -> list[charts.Segment]:
    """The compared bills by outcome."""
    return charts.stacked(
        [(name, getattr(match, name)) for name in ("equal", "explained", "unexplained")]
    )


def class_bars(classes: Iterable[ClassTotal]) -> list[dict[str, object]]:
    """One bar a class and currency; bars of one currency have one scale."""
    rows = [(total.class_code, money) for total in classes for money in total.money]
    scale = {
        money.currency: charts.greatest_amount(
            (other.under_minor, other.over_minor)
            for _, other in rows
            if other.currency == money.currency
        )
        for _, money in rows
    }
    return [
        {
            "class_code": code,
            "money": money,
            "bar": charts.diverging(money.under_minor, money.over_minor, scale[money.currency]),
        }
        for code, money in rows
    ]
