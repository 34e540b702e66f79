"""Findings: the causes of differences, and one with its accounts and its proposed fix."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from crossbill.config.environment import read_environment
from crossbill.console.access import page
from crossbill.console.pages import ROWS, chosen, number, page_of, text
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.migration.queries import account_names
from crossbill.replacement.reconciliation import queries
from crossbill.replacement.reconciliation.models import Finding
from crossbill.replacement.reconciliation.queries import FindingFilter

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
    every = Finding.objects.select_related("wave__replacement__carrier")
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
        },
    )
