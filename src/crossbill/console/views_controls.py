"""Controls: the catalogue with how each stands on each wave, and one run with its figures."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate

from crossbill.console import charts
from crossbill.console.access import action, page
from crossbill.console.decision_form import AcceptControlForm, RevokeForm, done
from crossbill.console.pages import ROWS, chosen, page_of, text
from crossbill.console.terms_and_contacts import RefusableForm
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.reconciliation import (
    control_deciding_operations as operations,
)
from crossbill.replacement.reconciliation import control_deciding_queries, control_queries
from crossbill.replacement.reconciliation.control_queries import open_count
from crossbill.replacement.reconciliation.deciding_operations import ACCEPT
from crossbill.replacement.reconciliation.deciding_queries import is_open
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
    return _control_run(request, _run(run_id), {})


def _run(run_id: int) -> ControlRun:
    every = ControlRun.objects.select_related("wave__replacement__carrier")
    return get_object_or_404(every, id=run_id)


def _control_run(
    request: HttpRequest, run: ControlRun, forms: dict[str, RefusableForm]
) -> HttpResponse:
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
            **_decided(request, run, forms),
        },
    )


def _decided(
    request: HttpRequest, run: ControlRun, forms: dict[str, RefusableForm]
) -> dict[str, object]:
    """What people accepted of the control on this wave, and what this person may do about it."""
    made = control_deciding_queries.acceptances_of(run.wave, run.control)
    today = localdate()
    accepted = [(each, control_deciding_queries.why_not_on(each, today)) for each in made]
    mine = request.user.has_perm(ACCEPT) and is_open(run.wave)
    last = control_queries.last_run(run.wave, run.control)
    return {
        "accepted": accepted,
        "can_accept": mine and last == run and run.outcome == ControlRun.Outcome.FAILED,
        "can_revoke": mine and made.filter(revocation__isnull=True).exists(),
        "accept_form": forms.get("accept", AcceptControlForm(auto_id="accept_%s")),
        "revoke_form": forms.get("revoke", RevokeForm(auto_id="revoke_%s")),
    }


@action(ACCEPT)
def accept_control(request: HttpRequest, run_id: int) -> HttpResponse:
    """Accept what a control found, or end that; what refuses it stands in the form."""
    run = _run(run_id)
    asked = request.POST.get("do", "")
    if asked not in DEEDS:
        return redirect("control_run", run.id)
    make_form, do = DEEDS[asked]
    form = make_form(request.POST, auto_id=f"{asked}_%s")
    if not done(form, lambda: do(request, run, form)):
        return _control_run(request, run, {asked: form})
    return redirect("control_run", run.id)


def _accept(request: HttpRequest, run: ControlRun, form: AcceptControlForm) -> None:
    found = form.cleaned_data
    operations.accept_control(
        wave_id=run.wave_id,
        control=run.control,
        user=cast("AbstractUser", request.user),
        reason=found["reason"],
        figures=found["figures"],
        limits=form.limits(),
        valid_until=found["until"],
        today=localdate(),
    )
    messages.success(request, f"Accepted until {found['until']}.")


def _revoke(request: HttpRequest, run: ControlRun, form: RevokeForm) -> None:
    operations.revoke_control(
        wave_id=run.wave_id,
        control=run.control,
        user=cast("AbstractUser", request.user),
        reason=form.cleaned_data["reason"],
    )
    messages.success(request, "What was accepted is accepted no longer.")


DEEDS: dict[str, tuple[type[RefusableForm], Callable[[HttpRequest, ControlRun, Any], None]]] = {
    "accept": (AcceptControlForm, _accept),
    "revoke": (RevokeForm, _revoke),
}


def _trend(runs: Sequence[ControlRun]) -> dict[str, object] | None:
    """How many figures differed run by run; nothing to draw of fewer than two with data."""
    told = [run for run in runs if run.outcome != ControlRun.Outcome.NO_DATA]
    counts = [open_count(run) for run in told]
    if len(told) < 2:
        return None
    curve = charts.line(list(enumerate(counts)), len(counts) - 1, max(counts))
    return {"curve": curve, "counts": counts, "first": told[0], "last": told[-1]}
