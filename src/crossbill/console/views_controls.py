"""Controls: the catalogue with how each stands on each wave, and one run with its figures."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from crossbill.console import charts
from crossbill.console.access import page
from crossbill.console.pages import ROWS, chosen, page_of, text
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.reconciliation import control_queries
from crossbill.replacement.reconciliation.control_queries import open_count
from crossbill.replacement.reconciliation.models import ControlRun

MAY_READ = "reconciliation.view_controlrun"


@page(MAY_READ)
def controls(request: HttpRequest) -> HttpResponse:
    """Every control of the catalogue, with its last result on each wave."""
    choice = chosen(request)
    context = {"chosen": choice, "replacement": choice.replacement}
    if choice.replacement is not None:
        context |= _standings(choice.replacement)
    return render(request, "console/controls.html", context)


def _standings(replacement: Replacement) -> dict[str, object]:
    waves = list(replacement.waves.order_by("position"))
    by_wave = [control_queries.standings(wave) for wave in waves]
    rows = [
        (
            across[0].control,
            [(wave, each.last) for wave, each in zip(waves, across, strict=True)],
        )
        for across in zip(*by_wave, strict=True)
    ]
    return {
        "waves": waves,
        "rows": rows,
        "ran": any(last for _, lasts in rows for _, last in lasts),
    }


@page(MAY_READ)
def control_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run of a control: what it compares, its sums, what differs, and how it went over time."""
    every = ControlRun.objects.select_related("wave__replacement__carrier")
    run = get_object_or_404(every, id=run_id)
    everything = bool(text(request, "all"))
    runs = list(control_queries.history([run.wave], run.control))[-ROWS:]
    return render(
        request,
        "console/control_run.html",
        {
            "run": run,
            "replacement": run.wave.replacement,
            "everything": everything,
            "rows": page_of(request, control_queries.kept_rows(run, everything=everything)),
            "runs": runs[::-1],
            "trend": _trend(runs),
        },
    )


def _trend(runs: Sequence[ControlRun]) -> dict[str, object] | None:
    """How many figures differed run by run; nothing to draw of fewer than two with data."""
    told = [run for run in runs if run.outcome != ControlRun.Outcome.NO_DATA]
    counts = [open_count(run) for run in told]
    if len(told) < 2:
        return None
    curve = charts.line(list(enumerate(counts)), len(counts) - 1, max(counts))
    return {"curve": curve, "counts": counts, "first": told[0], "last": told[-1]}
