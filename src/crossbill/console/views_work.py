"""The work list, what people decide of findings, and files that go with comments."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate

from crossbill.config.environment import read_environment
from crossbill.console.access import action, page
from crossbill.console.decision_form import (
    AcceptForm,
    AssignForm,
    CommentForm,
    RevokeForm,
    done,
)
from crossbill.console.pages import ROWS, chosen, number, text, to_save
from crossbill.console.terms_and_contacts import RefusableForm
from crossbill.console.views_findings import show_finding
from crossbill.console.views_runs import hand_over
from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation import attachments
from crossbill.replacement.reconciliation import deciding_operations as operations
from crossbill.replacement.reconciliation import deciding_queries as queries
from crossbill.replacement.reconciliation.attachments import File
from crossbill.replacement.reconciliation.deciding import Standing
from crossbill.replacement.reconciliation.deciding_operations import ACCEPT, COMMENT, Accepted
from crossbill.replacement.reconciliation.models import Attachment, Finding
from crossbill.replacement.reconciliation.queries import finding_choices

MAY_READ = "reconciliation.view_finding"
MOST_CHOSEN = 500


@page(MAY_READ)
def work(request: HttpRequest) -> HttpResponse:
    """Findings as work by owner, class, wave and status: what is open first."""
    return _work(request, AcceptForm(), AssignForm())


@action(ACCEPT)
def accept(request: HttpRequest) -> HttpResponse:
    """Accept what was ticked in the list; or say beside the field why not."""
    form = AcceptForm(request.POST)
    if done(form, lambda: _accept(request, form, _meant(request))):
        return redirect(_back(request))
    return _work(request, form, AssignForm())


@action(COMMENT)
def assign(request: HttpRequest) -> HttpResponse:
    """Give what was ticked in the list to somebody."""
    form = AssignForm(request.POST)
    if done(form, lambda: _assign(request, form, _meant(request))):
        return redirect(_back(request))
    return _work(request, AcceptForm(), form)


def _meant(request: HttpRequest) -> list[int]:
    """The findings that were ticked, or all of the list as it is filtered."""
    replacement = chosen(request).replacement
    if not request.POST.get("all") or replacement is None:
        return _ticked(request)
    return [each.finding.id for each in _fitting(request, replacement)]


def _ticked(request: HttpRequest) -> list[int]:
    """The findings that were ticked; what is no number was not on the page."""
    given = request.POST.getlist("finding")[:MOST_CHOSEN]
    return [int(each) for each in given if each.isdecimal() and each.isascii() and len(each) < 19]


def _back(request: HttpRequest) -> str:
    """The list as it was filtered."""
    return f"{request.path.rsplit('/', 2)[0]}/?{request.GET.urlencode()}"


def _work(request: HttpRequest, accepting: AcceptForm, assigning: AssignForm) -> HttpResponse:
    choice = chosen(request)
    context: dict[str, Any] = {
        "chosen": choice,
        "replacement": choice.replacement,
        "wanted": _wanted(request),
        "accept_form": accepting,
        "assign_form": assigning,
        "ticked": _ticked(request),
        "everything": bool(request.POST.get("all")),
    }
    if choice.replacement is not None:
        context |= _found(request, choice.replacement)
    return render(request, "console/work.html", context)


def _wanted(request: HttpRequest) -> queries.WorkFilter:
    return queries.WorkFilter(
        class_code=text(request, "class"),
        wave_id=number(request, "wave"),
        owner=text(request, "owner"),
        status=text(request, "status"),
    )


def _fitting(request: HttpRequest, replacement: Replacement) -> list[queries.Work]:
    return queries.work_list(replacement, _wanted(request), localdate())


def _found(request: HttpRequest, replacement: Replacement) -> dict[str, Any]:
    every = queries.work_list(replacement, queries.EVERYTHING, localdate())
    return {
        "work": Paginator(_fitting(request, replacement), ROWS).get_page(
            request.GET.get("page", "1")
        ),
        "owners": sorted({each.owner for each in every}),
        "class_codes": finding_choices(replacement.id, "class_code"),
        "statuses": list(Standing),
        "waves": replacement.waves.order_by("position"),
        "counts": [(s, sum(each.standing == s for each in every)) for s in Standing],
        "people_decide": queries.decided_by(replacement) == queries.PEOPLE,
    }


# One finding

Deed = tuple[type[RefusableForm], Callable[[HttpRequest, Any, list[int]], None]]


@action(ACCEPT)
def accept_finding(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Accept one finding, or revoke what was accepted of it."""
    return _decide(request, finding_id, {"accept": (AcceptForm, _accept), "revoke": _REVOKE})


@action(COMMENT)
def comment_finding(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Say something of one finding, or give it to somebody."""
    deeds = {"comment": (CommentForm, _comment), "assign": (AssignForm, _assign)}
    return _decide(request, finding_id, deeds)


def _decide(request: HttpRequest, finding_id: int, deeds: dict[str, Deed]) -> HttpResponse:
    finding = get_object_or_404(Finding, id=finding_id)
    asked = request.POST.get("do", "")
    if asked not in deeds:
        return redirect("finding", finding.id)
    make_form, do = deeds[asked]
    form = make_form(request.POST, request.FILES, auto_id=f"{asked}_%s")
    if done(form, lambda: do(request, form, [finding.id])):
        return redirect("finding", finding.id)
    return show_finding(request, finding.id, {asked: form})


def _user(request: HttpRequest) -> AbstractUser:
    return cast("AbstractUser", request.user)


def _accept(request: HttpRequest, form: AcceptForm, ids: list[int]) -> None:
    done = operations.accept(
        finding_ids=ids,
        user=_user(request),
        reason=form.cleaned_data["reason"],
        limits=form.limits(),
        valid_until=form.cleaned_data["until"],
        today=localdate(),
    )
    _tell(request, done)


def _tell(request: HttpRequest, done: Accepted) -> None:
    count = len(done.acceptances)
    messages.success(request, f"{count} finding{'s' * (count != 1)} accepted.")
    for finding, why in done.left_out:
        what = f"Finding {finding.number} of {finding.wave.name} was left out: {why}."
        messages.warning(request, what)


def _revoke(request: HttpRequest, form: RevokeForm, ids: list[int]) -> None:
    reason = form.cleaned_data["reason"]
    operations.revoke(finding_id=ids[0], user=_user(request), reason=reason)
    messages.success(request, "What was accepted is accepted no longer.")


_REVOKE: Deed = (RevokeForm, _revoke)


def _assign(request: HttpRequest, form: AssignForm, ids: list[int]) -> None:
    owner = form.cleaned_data["owner"]
    made = operations.assign(finding_ids=ids, user=_user(request), owner=owner)
    messages.success(request, f"{len(made)} finding{'s' * (len(made) != 1)} given to {owner}.")


def _comment(request: HttpRequest, form: CommentForm, ids: list[int]) -> None:
    given = form.cleaned_data["file"]
    operations.comment(
        finding_id=ids[0],
        user=_user(request),
        text=form.cleaned_data["text"],
        files=[File(given.name, given.read(attachments.MOST_BYTES + 1))] if given else [],
        store=Store(read_environment().store_url),
    )
    messages.success(request, "Your comment stands below.")


@page("reconciliation.view_attachment")
def attachment(request: HttpRequest, attachment_id: int) -> HttpResponse:
    """A file that goes with a comment: to be saved, and never shown as a page of ours."""
    every = Attachment.objects.select_related("comment__finding__wave__replacement__carrier")
    found = get_object_or_404(every, id=attachment_id)
    try:
        content = attachments.content(Store(read_environment().store_url), found)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("finding", found.comment.finding_id)
    answer = to_save(content, found.name, found.content_type)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@action(ACCEPT)
def accept_again(request: HttpRequest, wave_id: int) -> HttpResponse:
    """Accept what an earlier mock accepted, within the same limits and up to the same days."""
    wave = get_object_or_404(Wave, id=wave_id)
    try:
        done = operations.accept_again(wave_id=wave.id, user=_user(request), today=localdate())
        _tell(request, done)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("wave", wave_id=wave.id)


@action(ACCEPT)
def submit(request: HttpRequest, wave_id: int) -> HttpResponse:
    """Take a wave to its gate, and let a worker go on with the run that waits for it."""
    wave = get_object_or_404(Wave, id=wave_id)
    try:
        operations.submit(wave_id=wave.id, user=_user(request), today=localdate())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        hand_over(request, wave.replacement_id)
    return redirect("wave", wave_id=wave.id)
