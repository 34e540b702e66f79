"""The trend: mocks side by side, and what is left to decide until the cutover."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localdate

from crossbill.console import charts
from crossbill.console.access import page
from crossbill.console.pages import chosen
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.reconciliation import trend as trends
from crossbill.replacement.reconciliation.trend import BurnDown, Mock


@page("reconciliation.view_finding")
def trend(request: HttpRequest) -> HttpResponse:
    """Match rate, classes and unexplained value by mock; open findings by day."""
    choice = chosen(request)
    context = {"chosen": choice, "replacement": choice.replacement}
    if choice.replacement is not None:
        context |= _facts(choice.replacement)
    return render(request, "console/trend.html", context)


def _facts(replacement: Replacement) -> dict[str, object]:
    mocks = trends.mocks(replacement)
    codes = sorted({code for each in mocks for code in each.classes})
    burning = trends.burn_down(replacement, localdate())
    return {
        "mocks": [(each, list(each.unexplained.items())) for each in mocks],
        "by_class": [
            (code, [(each, each.classes.get(code, 0)) for each in mocks]) for code in codes
        ],
        "rates": _rates(mocks),
        "burning": burning,
        "passed": burning.cutover is not None and burning.cutover < localdate(),
        "left": burning.days[-1][1] if burning.days else 0,
        "curve": _curve(burning),
    }


def _rates(mocks: Sequence[Mock]) -> charts.Line | None:
    """Equal bills in hundredths of a percent; nothing to draw of fewer than two with bills."""
    told = [each.match for each in mocks if each.match.compared]
    shares = [charts.share_hundredths(match.equal, match.compared) for match in told]
    return charts.line(list(enumerate(shares)), len(told) - 1, 10_000) if len(told) > 1 else None


def _curve(burning: BurnDown) -> charts.Line | None:
    """Open findings over the days up to the cutover, or up to today where that has passed.

    Level over each day, so that the first one shows, too.
    """
    if not burning.days:
        return None
    first, last = burning.days[0][0], burning.days[-1][0]
    end = max(last, burning.cutover or last)
    counts = [((day - first).days, count) for day, count in burning.days]
    points = [(place + step, count) for place, count in counts for step in (0, 1)]
    return charts.line(points, (end - first).days + 1, max(count for _, count in counts))
