"""The wave page: plan, counts, gate, signatures, fallout and differences; and signing the gate."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate

from crossbill.config.environment import read_environment
from crossbill.console.access import action, page
from crossbill.console.pages import page_of, text
from crossbill.console.views_overview import wave_bar
from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.migration.queries import MoveFilter
from crossbill.replacement.reconciliation import (
    control_deciding_queries,
    deciding_queries,
    gate_decision,
    operations,
)
from crossbill.replacement.reconciliation import queries as reconciliation
from crossbill.replacement.reconciliation.deciding import HOLDING
from crossbill.replacement.reconciliation.deciding_operations import ACCEPT
from crossbill.replacement.reconciliation.models import Gate
from crossbill.replacement.reconciliation.queries import DifferenceFilter
from crossbill.replacement.reconciliation.trend import earlier

SIGN = "reconciliation.sign_gate"


@page("migration.view_wave")
def wave(request: HttpRequest, wave_id: int) -> HttpResponse:
    """One wave."""
    shown = get_object_or_404(
        Wave.objects.select_related("replacement__carrier", "replacement__run"), id=wave_id
    )
    return render(
        request,
        "console/wave.html",
        {
            "wave": shown,
            "replacement": shown.replacement,
            "class_code": text(request, "class"),
            **_counts(shown),
            **_gate(request, shown),
            **_decided(request, shown),
            **_lists(request, shown),
        },
    )


def _counts(shown: Wave) -> dict[str, object]:
    standings = migration.wave_standings(shown.replacement_id)
    standing = next(s for s in standings if s.wave == shown)
    return {"standing": standing, "bar": wave_bar(standing)}


def _gate(request: HttpRequest, shown: Wave) -> dict[str, object]:
    gate = reconciliation.gate_of(shown)
    signatures = list(reconciliation.signatures_of(gate)) if gate else []
    signed = any(signature.user_id == request.user.pk for signature in signatures)
    passed = gate is not None and gate.result == Gate.Result.PASSED
    return {
        "gate": gate,
        "signatures": signatures,
        "signatures_needed": reconciliation.signatures_needed(shown.replacement),
        "can_sign": passed
        and not signed
        and not shown.live_at
        and not deciding_queries.has_accepted(shown, cast("AbstractUser", request.user))
        and request.user.has_perm(SIGN),
    }


def _decided(request: HttpRequest, shown: Wave) -> dict[str, object]:
    """What people decided of the wave, where they decide with the gate's terms."""
    is_open = deciding_queries.is_open(shown)
    wanted = deciding_queries.WorkFilter(wave_id=shown.id)
    work = deciding_queries.work_list(shown.replacement, wanted, localdate()) if is_open else []
    return {
        "people_decide": deciding_queries.decided_by(shown.replacement) == deciding_queries.PEOPLE,
        "submission": deciding_queries.submission_of(shown),
        "decisions": deciding_queries.decisions(shown),
        "control_decisions": _of_controls(shown),
        "open_findings": sum(each.standing in HOLDING for each in work),
        "mocks": is_open and bool(earlier(shown.replacement)),
        "can_submit": is_open and request.user.has_perm(ACCEPT),
    }


def _of_controls(shown: Wave) -> list[dict[str, object]]:
    """What people accepted of the wave's controls; whether it counted at its gate, or would now."""
    submission = deciding_queries.submission_of(shown)
    day = submission.day if submission else localdate()
    return control_deciding_queries.decisions_on(shown, day)


def _lists(request: HttpRequest, shown: Wave) -> dict[str, object]:
    fallout = MoveFilter(state=AccountMove.State.FALLOUT, wave_id=shown.id)
    wanted = DifferenceFilter(class_code=text(request, "class"), wave_id=shown.id)
    found = reconciliation.find_differences(shown.replacement_id, wanted)
    return {
        "fallout": page_of(
            request, migration.find_moves(shown.replacement, fallout), "fallout_page"
        ),
        "fallout_classes": migration.fallout_by_class(shown.replacement_id, wave_id=shown.id),
        "classes": reconciliation.differences_by_class(shown.replacement_id, wave_id=shown.id),
        "differences": page_of(request, found),
    }


@action(ACCEPT)
def preview(request: HttpRequest, wave_id: int) -> HttpResponse:
    """What the gate would say today; a button, for it is worked out anew."""
    shown = get_object_or_404(Wave.objects.select_related("replacement__carrier"), id=wave_id)
    store = Store(read_environment().store_url)
    try:
        found = gate_decision.preview(wave=shown, store=store, today=localdate())
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("wave", wave_id=shown.id)
    context = {"wave": shown, "replacement": shown.replacement, "found": found}
    return render(request, "console/gate_preview.html", context)


@action(SIGN)
def sign(request: HttpRequest, gate_id: int) -> HttpResponse:
    """Sign a gate as the person signed in."""
    gate = get_object_or_404(Gate, id=gate_id)
    try:
        operations.sign_gate(gate_id=gate.id, user=request.user)
        messages.success(request, "You signed the gate.")
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("wave", wave_id=gate.wave_id)
