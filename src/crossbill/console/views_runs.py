"""Runs: the list, one run with live progress, and resuming one that stopped."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from procrastinate.exceptions import AlreadyEnqueued

from crossbill.console.access import action, page
from crossbill.console.pages import page_of
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.tasks import resume_replacement
from crossbill.runs import queries
from crossbill.runs.models import Run

RESUME = "runs.resume_run"
STOPPED = ("interrupted", "failed", "waiting")


@page("runs.view_run")
def runs(request: HttpRequest) -> HttpResponse:
    """All runs, the newest first."""
    found = page_of(request, queries.recent())
    return render(
        request, "console/runs.html", {"found": found, "rows": queries.with_standing(found)}
    )


@page("runs.view_run")
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run."""
    return render(request, "console/run.html", _progress(request, run_id))


@page("runs.view_run")
def run_progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The part of the run's page that changes, for the page to fetch again."""
    return render(request, "console/_run_progress.html", _progress(request, run_id))


def _progress(request: HttpRequest, run_id: int) -> dict[str, object]:
    shown = get_object_or_404(Run, id=run_id)
    progress = queries.progress(shown)
    replacement = Replacement.objects.filter(run=shown).select_related("carrier").first()
    stopped = progress.standing in STOPPED and replacement is not None
    return {
        "run": shown,
        "progress": progress,
        "replacement": replacement,
        "log": queries.last_words(shown),
        "can_resume": stopped and request.user.has_perm(RESUME),
    }


@action(RESUME)
def resume(request: HttpRequest, run_id: int) -> HttpResponse:
    """Hand a run that stopped to a worker."""
    replacement = get_object_or_404(Replacement.objects.select_related("run"), run_id=run_id)
    if queries.standing(replacement.run) not in STOPPED:
        messages.info(request, "The run has not stopped; there is nothing to resume.")
    else:
        hand_over(request, replacement.id)
    return redirect("run", run_id=run_id)


def hand_over(request: HttpRequest, replacement_id: int) -> None:
    """At most one job of a change-over waits, however often the button is pressed."""
    job = resume_replacement.configure(queueing_lock=f"replacement-{replacement_id}")
    try:
        with transaction.atomic():
            job.defer(replacement_id=replacement_id)
        messages.success(request, "The run goes on as soon as a worker is free.")
    except AlreadyEnqueued:
        messages.info(request, "The run is waiting for a worker already.")
