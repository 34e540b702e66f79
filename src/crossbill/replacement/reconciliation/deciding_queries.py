"""What pages and commands ask about the work on findings: whose, how old, how each stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation.deciding import (
    Given,
    Standing,
    Worth,
    standing,
    why_not,
)
from crossbill.replacement.reconciliation.models import (
    Acceptance,
    Difference,
    Finding,
    Gate,
    Submission,
)
from crossbill.replacement.reconciliation.remedies import place_of

BLOCK = "block"
PEOPLE = "people"


class NoSuchFinding(Refusal):
    """The wave has no finding of this number. Look at the work list for those that it has."""

    code: ClassVar[str] = "NO_SUCH_FINDING"


@dataclass(frozen=True)
class WorkFilter:
    """What a work list asks for; an empty part asks for nothing."""

    class_code: str = ""
    wave_id: int | None = None
    owner: str = ""
    status: str = ""


EVERYTHING = WorkFilter()


@dataclass(frozen=True)
class Work:
    """A finding as work: whose it is, since when, how it stands, and where it is mended."""

    finding: Finding
    owner: str
    age_days: int
    standing: Standing
    value_minor: int
    place: str
    acceptance: Acceptance | None
    comments: int


@dataclass(frozen=True)
class Act:
    """Something that somebody did about a finding."""

    at: datetime
    by: str
    what: str
    words: str
    attachments: list[Any]


def worth_of(finding: Finding) -> Worth:
    """What a finding is worth; of one account at most all of it, where that was not kept."""
    value = finding.over_minor - finding.under_minor
    largest = value if finding.largest_minor is None else finding.largest_minor
    return Worth(finding.currency, value, largest)


def accounts_differing(finding: Finding) -> set[str]:
    """Whose differences a finding explains, as the differences name them."""
    own = Difference.objects.filter(wave=finding.wave, finding_number=finding.number)
    return set(own.values_list("account_key", flat=True).distinct())


def decided_by(replacement: Replacement) -> str:
    """Whether the terms decide alone, or people before the gate."""
    return str(replacement.spec["replacement"]["gate"].get("decide", "terms"))


def decision_by_terms(finding: Finding) -> str:
    """What the gate's terms say of the finding's class."""
    classes = finding.wave.replacement.spec["replacement"]["gate"].get("classes", {})
    return str(classes.get(finding.class_code, {}).get("decision", BLOCK))


def is_compared(wave: Wave) -> bool:
    """Whether old and new of the wave were compared."""
    return compared_at(wave) is not None


def compared_at(wave: Wave) -> datetime | None:
    """When the wave's findings came about."""
    stage = wave.replacement.run.stages.filter(name=f"reconcile-{wave.position}").first()
    return stage.finished_at if stage else None


def given_to(finding: Finding) -> list[Given]:
    """The acceptances of a finding, for the rules."""
    return [_given(acceptance) for acceptance in finding.acceptances.all()]


def _given(acceptance: Acceptance) -> Given:
    revocation = getattr(acceptance, "revocation", None)
    who = revocation.made_by.get_username() if revocation else ""
    return Given(acceptance.valid_until_date, who)


def standing_on(finding: Finding, day: date) -> Standing:
    """How a finding stands on a day."""
    return standing(decision_by_terms(finding), given_to(finding), day)


def work_list(replacement: Replacement, wanted: WorkFilter, today: date) -> list[Work]:
    """The findings that fit, what is open first, then by value; each as work."""
    found = with_decisions(Finding.objects.filter(replacement=replacement))
    if wanted.wave_id is not None:
        found = found.filter(wave_id=wanted.wave_id)
    if wanted.class_code:
        found = found.filter(class_code=wanted.class_code)
    born = {
        wave.id: compared_at(wave) for wave in replacement.waves.select_related("replacement__run")
    }
    work = [_work(finding, born[finding.wave_id], today) for finding in found]
    fitting = [
        each
        for each in work
        if wanted.owner in ("", each.owner) and wanted.status in ("", each.standing)
    ]
    return sorted(fitting, key=_order)


def with_decisions(found: "QuerySet[Finding]") -> "QuerySet[Finding]":
    """Findings with all that people did about them."""
    return found.select_related("wave__replacement__carrier").prefetch_related(
        "acceptances__made_by",
        "acceptances__revocation__made_by",
        "assignments__made_by",
        "comments__made_by",
        "comments__attachments",
    )


_ORDER = [Standing.EXPIRED, Standing.OPEN, Standing.ACCEPTED, Standing.BY_TERMS]


def _order(work: Work) -> tuple[int, int, int, int]:
    finding = work.finding
    return _ORDER.index(work.standing), -work.value_minor, finding.wave.position, finding.number


def _work(finding: Finding, since: datetime | None, today: date) -> Work:
    acceptances = list(finding.acceptances.all())
    return Work(
        finding=finding,
        owner=owner_of(finding),
        age_days=(today - since.date()).days if since else 0,
        standing=standing_on(finding, today),
        value_minor=worth_of(finding).finding_minor,
        place=place_of(finding.class_code),
        acceptance=acceptances[-1] if acceptances else None,
        comments=len(finding.comments.all()),
    )


def owner_of(finding: Finding) -> str:
    """Who has to act on a finding: the one whom it was given to last."""
    assignments = list(finding.assignments.all())
    return assignments[-1].owner if assignments else finding.owner


def finding_numbered(wave: Wave, number: int) -> Finding:
    """A finding of a wave by its number."""
    found = with_decisions(Finding.objects.filter(wave=wave, number=number)).first()
    if found is None:
        cure = f"see `crossbill reconcile work {wave.replacement.carrier.code} {wave.position}`"
        what = f"{wave.name} has no such finding"
        raise NoSuchFinding(what, field="finding", value=str(number), cure=cure)
    return found


def submission_of(wave: Wave) -> Submission | None:
    """Who took the wave to its gate, if anybody did."""
    return Submission.objects.select_related("made_by").filter(wave=wave).first()


def is_open(wave: Wave) -> bool:
    """Whether people can still decide of the wave's findings."""
    if decided_by(wave.replacement) != PEOPLE or not is_compared(wave):
        return False
    return submission_of(wave) is None and not Gate.objects.filter(wave=wave).exists()


def acceptances(finding: Finding, today: date) -> list[tuple[Acceptance, str]]:
    """Every acceptance of a finding, with why it does not count today; the last one first."""
    rows = [(each, why_not(_given(each), today)) for each in finding.acceptances.all()]
    return rows[::-1]


def waits_for(wave: Wave) -> str:
    """What the wave's gate waits for, in words; empty where it can be decided."""
    if submission_of(wave) is not None:
        return ""
    return f"{wave.name} waits for people: work its findings, then take it to its gate"


def decisions(wave: Wave) -> list[dict[str, Any]]:
    """Every acceptance of a wave's findings, and whether it counted when it went to its gate."""
    submission = submission_of(wave)
    return decisions_on(wave, submission.day) if submission else []


def decisions_on(wave: Wave, day: date) -> list[dict[str, Any]]:
    """Every acceptance of a wave's findings, and whether it counts on a day."""
    found = Acceptance.objects.filter(finding__wave=wave).select_related(
        "finding", "made_by", "revocation__made_by"
    )
    return [_decision(each, day) for each in found.order_by("finding__number", "id")]


def _decision(acceptance: Acceptance, day: date) -> dict[str, Any]:
    names = ("reason", "limit_minor", "account_limit_minor", "value_minor", "account_value_minor")
    finding, why = acceptance.finding, why_not(_given(acceptance), day)
    return {name: getattr(acceptance, name) for name in names} | {
        "finding": finding.number,
        "class_code": finding.class_code,
        "accounts": finding.accounts,
        "currency": finding.currency,
        "valid_until": str(acceptance.valid_until_date),
        "accepted_by": acceptance.made_by.get_username(),
        "counts": not why,
        "why_not": why,
    }


def by_people(today: date) -> Exists:
    """Whether people accepted a difference: at the gate of its wave, or before it as of today."""
    own = Acceptance.objects.filter(
        finding__wave=OuterRef("wave"),
        finding__number=OuterRef("finding_number"),
        revocation__isnull=True,
    )
    at_the_gate = Q(finding__wave__submission__day__lte=F("valid_until_date"))
    before = Q(finding__wave__submission__isnull=True, valid_until_date__gte=today)
    return Exists(own.filter(at_the_gate | before))


def has_accepted(wave: Wave, user: AbstractUser) -> bool:
    """Whether a person has accepted findings of the wave, and nobody has revoked it."""
    standing = Acceptance.objects.filter(finding__wave=wave, revocation__isnull=True)
    return standing.filter(made_by=user).exists()


def ended_since(gate: Gate, today: date) -> str:
    """Which findings were accepted at the gate and are no longer, in words; empty where none."""
    numbers = counted(gate.facts.get("decisions", []))
    found = with_decisions(Finding.objects.filter(wave=gate.wave, number__in=numbers))
    words = ((f.number, _why_ended(given_to(f), today)) for f in found.order_by("number"))
    return "; ".join(f"finding {number}: {why}" for number, why in words if why)


def _why_ended(given: Sequence[Given], today: date) -> str:
    why = [why_not(each, today) for each in given]
    return why[-1] if all(why) else ""


def counted(made: Iterable[dict[str, Any]]) -> list[int]:
    """The numbers of the findings that people accepted, of what `decisions` gives."""
    return sorted({decision["finding"] for decision in made if decision["counts"]})


def acts(finding: Finding) -> list[Act]:
    """What people did about a finding, in time."""
    done = [
        Act(a.made_at, a.made_by.get_username(), "accepted", a.reason, [])
        for a in finding.acceptances.all()
    ]
    ended = [a.revocation for a in finding.acceptances.all() if hasattr(a, "revocation")]
    done += [Act(r.made_at, r.made_by.get_username(), "revoked", r.reason, []) for r in ended]
    done += [
        Act(a.made_at, a.made_by.get_username(), "assigned", a.owner, [])
        for a in finding.assignments.all()
    ]
    done += [
        Act(c.made_at, c.made_by.get_username(), "said", c.text, list(c.attachments.all()))
        for c in finding.comments.all()
    ]
    return sorted(done, key=lambda act: act.at)
