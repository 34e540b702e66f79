"""Findings: the causes of differences, and one with its accounts and its proposed fix."""

from collections.abc import Mapping

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate

from crossbill.config.environment import read_environment
from crossbill.console.access import page
from crossbill.console.decision_form import AcceptForm, AssignForm, CommentForm, RevokeForm
from crossbill.console.pages import ROWS, chosen, number, page_of, text
from crossbill.console.terms_and_contacts import RefusableForm
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.migration.queries import account_names
from crossbill.replacement.reconciliation import deciding_queries, queries
from crossbill.replacement.reconciliation.deciding import Standing
from crossbill.replacement.reconciliation.deciding_operations import ACCEPT, COMMENT
from crossbill.replacement.reconciliation.models import Finding
from crossbill.replacement.reconciliation.queries import FindingFilter
from crossbill.replacement.reconciliation.remedies import place_of

MAY_READ = "reconciliation.view_finding"


@page(MAY_READ)
def findings(request: HttpRequest) -> HttpResponse:
    """The causes by class, wave and owner, those of most accounts first."""
    choice = chosen(request)
    wanted = FindingFilter(
        class_code=text(request, "class"),
        wave_id=number(request, "wave"),
        owner=text(request, "owner"),
    )
    context = {"chosen": choice, "replacement": choice.replacement, "wanted": wanted}
    if choice.replacement is not None:
        context |= _found(request, choice.replacement, wanted)
    return render(request, "console/findings.html", context)


def _found(
    request: HttpRequest, replacement: Replacement, wanted: FindingFilter
) -> dict[str, object]:
    return {
        "findings": page_of(request, queries.findings(replacement.id, wanted)),
        "class_codes": queries.finding_choices(replacement.id, "class_code"),
        "owners": queries.finding_choices(replacement.id, "owner"),
        "waves": replacement.waves.order_by("position"),
    }


@page(MAY_READ)
def finding(request: HttpRequest, finding_id: int) -> HttpResponse:
    """One cause: what its accounts share, what it is worth, who mends it how, and whom it meets."""
    return show_finding(request, finding_id, {})


def show_finding(
    request: HttpRequest, finding_id: int, sent: Mapping[str, RefusableForm]
) -> HttpResponse:
    """The page of a finding, with what was sent and refused where it was written."""
    every = deciding_queries.with_decisions(Finding.objects.all())
    shown = get_object_or_404(every, id=finding_id)
    replacement = shown.wave.replacement
    keys = queries.accounts_of(Store(read_environment().store_url), shown)
    listed = Paginator(keys, ROWS).get_page(request.GET.get("page", "1"))
    return render(
        request,
        "console/finding.html",
        {
            "finding": shown,
            "replacement": replacement,
            "alike": queries.alike_accounts(shown),
            "listed": listed,
            "accounts": queries.explained(shown, listed),
            "names": account_names(replacement.carrier_id, listed),
            **_decisions(request, shown, sent),
        },
    )


def _decisions(
    request: HttpRequest, shown: Finding, sent: Mapping[str, RefusableForm]
) -> dict[str, object]:
    """What people did about a finding, and the forms to do more of it."""
    today = localdate()
    standing = deciding_queries.standing_on(shown, today)
    is_open = deciding_queries.is_open(shown.wave)
    accepts = is_open and request.user.has_perm(ACCEPT)
    revokes = shown.wave.live_at is None and request.user.has_perm(ACCEPT)
    return {
        "standing": standing,
        "worth": deciding_queries.worth_of(shown),
        "owner": deciding_queries.owner_of(shown),
        "place": place_of(shown.class_code),
        "is_open": is_open,
        "acts": deciding_queries.acts(shown),
        "acceptances": deciding_queries.acceptances(shown, today),
        "can_accept": accepts and standing in (Standing.OPEN, Standing.EXPIRED),
        "can_revoke": revokes and standing == Standing.ACCEPTED,
        "can_comment": request.user.has_perm(COMMENT),
        "accept_form": sent.get("accept") or AcceptForm(auto_id="accept_%s"),
        "revoke_form": sent.get("revoke") or RevokeForm(auto_id="revoke_%s"),
        "comment_form": sent.get("comment") or CommentForm(auto_id="comment_%s"),
        "assign_form": sent.get("assign") or AssignForm(auto_id="assign_%s"),
    }
