"""The work list of differences."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crossbill.console.access import page
from crossbill.console.pages import chosen, number, page_of, text
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.reconciliation import queries
from crossbill.replacement.reconciliation.queries import DifferenceFilter


@page("reconciliation.view_difference")
def differences(request: HttpRequest) -> HttpResponse:
    """Differences by class, wave, decision and owner."""
    choice = chosen(request)
    wanted = DifferenceFilter(
        class_code=text(request, "class"),
        wave_id=number(request, "wave"),
        decision=text(request, "decision"),
        owner=text(request, "owner"),
    )
    context = {"chosen": choice, "replacement": choice.replacement, "wanted": wanted}
    if choice.replacement is not None:
        context |= _found(request, choice.replacement, wanted)
    return render(request, "console/differences.html", context)


def _found(
    request: HttpRequest, replacement: Replacement, wanted: DifferenceFilter
) -> dict[str, object]:
    return {
        "differences": page_of(request, queries.find_differences(replacement.id, wanted)),
        "class_codes": queries.choices(replacement.id, "class_code"),
        "decisions": queries.choices(replacement.id, "decision"),
        "owners": queries.choices(replacement.id, "owner"),
        "waves": replacement.waves.order_by("position"),
    }
