"""How mocks of one change-over went in time, and what is left of it until the cutover.

A mock is a change-over of the same name, under a carrier code of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import F, Sum

from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation.classify import UNEXPLAINED
from crossbill.replacement.reconciliation.deciding import HOLDING, Given, standing
from crossbill.replacement.reconciliation.deciding_queries import (
    compared_at,
    decision_by_terms,
    is_compared,
    with_decisions,
)
from crossbill.replacement.reconciliation.models import Acceptance, Finding, Gate
from crossbill.replacement.reconciliation.queries import BillMatch

MOST_DAYS = timedelta(days=365)
VERDICTS = ("equal", "explained", "unexplained")


@dataclass(frozen=True)
class Mock:
    """How one change-over came out: its bills, accounts by class, and what nobody explains."""

    replacement: Replacement
    match: BillMatch
    classes: dict[str, int]
    unexplained: dict[str, int]


@dataclass(frozen=True)
class BurnDown:
    """Findings that hold accounts back before their gates, day by day until today.

    ``cutover`` is the day of the next wave, by which none should be left.
    """

    days: list[tuple[date, int]]
    cutover: date | None


def earlier(replacement: Replacement) -> list[Replacement]:
    """The mocks before a change-over, the last one first."""
    same = Replacement.objects.filter(name=replacement.name)
    return list(same.filter(created_at__lt=replacement.created_at).order_by("-created_at", "-id"))


def before_this_wave(wave: Wave, mocks: int) -> dict[str, Any]:
    """What nobody explains of a wave, and did in the last mocks that came to compare it."""
    waves = Wave.objects.filter(position=wave.position, replacement__in=earlier(wave.replacement))
    ordered = waves.select_related("replacement__carrier", "replacement__run")
    compared = [w for w in ordered.order_by("-replacement__created_at") if is_compared(w)]
    return {
        "unexplained_minor": unexplained_minor(wave),
        "earlier": [
            {"carrier": w.replacement.carrier.code, "unexplained_minor": unexplained_minor(w)}
            for w in compared[:mocks]
        ],
    }


def unexplained_minor(wave: Wave) -> int:
    """What nobody explains, more and less added up; of all currencies, as limits are."""
    found = Finding.objects.filter(wave=wave, class_code=UNEXPLAINED)
    return int(found.aggregate(s=Sum(F("over_minor") - F("under_minor")))["s"] or 0)


def mocks(replacement: Replacement) -> list[Mock]:
    """A change-over and its mocks, the first one first."""
    return [_mock(each) for each in [*earlier(replacement)[::-1], replacement]]


def _mock(replacement: Replacement) -> Mock:
    notes = replacement.run.stages.filter(
        name__startswith="reconcile-", finished_at__isnull=False
    ).values_list("notes", flat=True)
    bills = Counter[str]()
    for each in notes:
        bills.update({name: each.get(f"bills {name}", 0) for name in VERDICTS})
    classes: dict[str, int] = defaultdict(int)
    for code, accounts in Finding.objects.filter(replacement=replacement).values_list(
        "class_code", "accounts"
    ):
        classes[code] += accounts
    unexplained = Finding.objects.filter(replacement=replacement, class_code=UNEXPLAINED)
    sums = (
        unexplained.order_by()
        .values("currency")
        .annotate(minor=Sum(F("over_minor") - F("under_minor")))
    )
    match = BillMatch(bills.total(), *(bills[name] for name in VERDICTS))
    worth = {row["currency"]: int(row["minor"]) for row in sums.order_by("currency")}
    return Mock(replacement, match, dict(classes), worth)


def burn_down(replacement: Replacement, today: date) -> BurnDown:
    """How many findings held accounts back on each day since the first comparison."""
    waves = replacement.waves.select_related("replacement__run").order_by("position")
    born = {wave.id: at.date() for wave in waves if (at := compared_at(wave))}
    next_wave = waves.filter(live_at__isnull=True).first() or waves.last()
    cutover = next_wave.cutover_date if next_wave else None
    if not born:
        return BurnDown([], cutover)
    ended = {
        gate.wave_id: gate.decided_at.date()
        for gate in Gate.objects.filter(wave__replacement=replacement)
    }
    found = [
        (born.get(finding.wave_id, today), ended.get(finding.wave_id, date.max), finding)
        for finding in with_decisions(Finding.objects.filter(replacement=replacement))
    ]
    first = max(min(born.values()), today - MOST_DAYS)
    days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    return BurnDown([(day, _holding(found, day)) for day in days], cutover)


def _holding(found: Sequence[tuple[date, date, Finding]], day: date) -> int:
    """Findings that held accounts back on a day: from their comparison until their gate."""
    return sum(
        born <= day < ended
        and standing(decision_by_terms(finding), _given_by(finding, day), day) in HOLDING
        for born, ended, finding in found
    )


def _given_by(finding: Finding, day: date) -> list[Given]:
    """The acceptances that a finding had on a day, as they stood then."""
    made = [each for each in finding.acceptances.all() if each.made_at.date() <= day]
    return [Given(each.valid_until_date, _revoked_by(each, day)) for each in made]


def _revoked_by(acceptance: Acceptance, day: date) -> str:
    revocation = getattr(acceptance, "revocation", None)
    is_past = revocation is not None and revocation.made_at.date() <= day
    return str(revocation.made_by.get_username()) if revocation and is_past else ""
