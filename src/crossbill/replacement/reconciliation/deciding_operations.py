"""Writes of people who work the findings of a wave: accept, revoke, assign, comment, submit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.platform.allowed import refuse_long, require
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation import attachments, deciding
from crossbill.replacement.reconciliation.attachments import File
from crossbill.replacement.reconciliation.deciding import Limits
from crossbill.replacement.reconciliation.deciding_queries import (
    BLOCK,
    PEOPLE,
    accounts_differing,
    decided_by,
    decision_by_terms,
    is_compared,
    standing_on,
    with_decisions,
    worth_of,
)
from crossbill.replacement.reconciliation.models import (
    Acceptance,
    Assignment,
    Attachment,
    Comment,
    Finding,
    Gate,
    Revocation,
    Submission,
)
from crossbill.replacement.reconciliation.trend import earlier

ACCEPT = "reconciliation.accept_finding"
COMMENT = "reconciliation.add_comment"
LONGEST_TEXT = 5_000
NOTHING = Limits(0, 0)
LONGEST_OWNER = 60


class CannotDecide(Refusal):
    """This cannot be decided so, now, or by this person. Read why; nothing was changed."""

    code: ClassVar[str] = "CANNOT_DECIDE"


class NothingAccepted(Refusal):
    """None of the findings could be accepted so. Read why of each; nothing was changed."""

    code: ClassVar[str] = "NOTHING_ACCEPTED"


@dataclass(frozen=True)
class Accepted:
    """What was accepted, and what was left out and why."""

    acceptances: list[Acceptance]
    left_out: list[tuple[Finding, str]]


@transaction.atomic
def accept(  # noqa: PLR0913 - what an acceptance is made of
    *,
    finding_ids: Sequence[int],
    user: AbstractUser,
    reason: str,
    limits: Mapping[str, Limits],
    valid_until: date,
    today: date,
) -> Accepted:
    """Accept findings within limits by currency, up to a day; what is over them is left out."""
    may_accept(user)
    require_reason(reason)
    require_last_day(valid_until, today)
    found = _locked(finding_ids)
    looked_at = [(f, closed or _why_not(f, limits, today)) for f, closed in found]
    fitting = [finding for finding, why in looked_at if not why]
    left_out = [(finding, why) for finding, why in looked_at if why]
    if not fitting:
        told = "; ".join(f"finding {f.number} of {f.wave.name}: {words}" for f, words in left_out)
        cure = "choose findings that are open, or state limits that they keep"
        raise NothingAccepted(f"Nothing was accepted: {told or 'no finding fits'}", cure=cure)
    made = [
        _accepted(finding, user, reason.strip(), limits.get(finding.currency, NOTHING), valid_until)
        for finding in fitting
    ]
    return Accepted(made, left_out)


def _accepted(
    finding: Finding, user: AbstractUser, reason: str, limit: Limits, valid_until: date
) -> Acceptance:
    worth = worth_of(finding)
    return Acceptance.objects.create(
        finding=finding,
        reason=reason,
        limit_minor=limit.finding_minor,
        account_limit_minor=limit.account_minor,
        value_minor=worth.finding_minor,
        account_value_minor=worth.account_minor,
        valid_until_date=valid_until,
        made_by=user,
    )


@transaction.atomic
def accept_again(*, wave_id: int, user: AbstractUser, today: date) -> Accepted:
    """Accept what an earlier mock accepted, as it did: same reason, limits and last day.

    What has ended since, is over its limits now, or meets other accounts is left out.
    """
    may_accept(user)
    wave = open_wave(wave_id)
    held = with_decisions(Finding.objects.filter(wave=wave)).order_by("number")
    found = [(f, f_before) for f in held if _is_held(f, today) and (f_before := _before(f))]
    why = {finding: _why_not_again(finding, before, today) for finding, before in found}
    made = [
        _accepted(finding, user, before.reason, _limits_of(before), before.valid_until_date)
        for finding, before in found
        if not why[finding]
    ]
    return Accepted(made, [(finding, why[finding]) for finding, _ in found if why[finding]])


def _is_held(finding: Finding, today: date) -> bool:
    return standing_on(finding, today) in deciding.HOLDING


def _before(finding: Finding) -> Acceptance | None:
    """The last acceptance of the same cause in an earlier mock that nobody has revoked."""
    same = {
        name: getattr(finding, name) for name in ("class_code", "subject", "shared", "currency")
    }
    made = Acceptance.objects.filter(
        revocation__isnull=True,
        finding__replacement__in=earlier(finding.wave.replacement),
        **{f"finding__{name}": value for name, value in same.items()},
    )
    return made.select_related("finding").order_by("made_at", "id").last()


def _why_not_again(finding: Finding, before: Acceptance, today: date) -> str:
    """Why what was accepted before does not hold for a finding; empty where it does."""
    if ended := deciding.why_not(deciding.Given(before.valid_until_date), today):
        return ended
    if not finding.shared and accounts_differing(finding) - accounts_differing(before.finding):
        return "its accounts share nothing, and they were others then"
    return deciding.why_over(worth_of(finding), {finding.currency: _limits_of(before)})


def _limits_of(acceptance: Acceptance) -> Limits:
    return Limits(acceptance.limit_minor, acceptance.account_limit_minor)


def _why_not(finding: Finding, limits: Mapping[str, Limits], today: date) -> str:
    """Why a finding is left out; empty where it is accepted."""
    if decision_by_terms(finding) != BLOCK:
        return "the gate's terms accept its class already"
    if standing_on(finding, today) == deciding.Standing.ACCEPTED:
        return "it is accepted already"
    return deciding.why_over(worth_of(finding), limits)


@transaction.atomic
def revoke(*, finding_id: int, user: AbstractUser, reason: str) -> int:
    """End every acceptance of a finding that nobody has ended; gives how many there were."""
    may_accept(user)
    require_reason(reason)
    finding = Finding.objects.select_related("wave").get(id=finding_id)
    wave = Wave.objects.select_for_update().get(id=finding.wave_id)
    if wave.live_at is not None:
        raise CannotDecide(f"{wave.name} is live", cure="bill the customers what they are owed")
    standing = list(finding.acceptances.filter(revocation__isnull=True))
    if not standing:
        raise CannotDecide("Nobody has accepted this finding", cure="there is nothing to revoke")
    for acceptance in standing:
        Revocation.objects.create(acceptance=acceptance, reason=reason.strip(), made_by=user)
    return len(standing)


@transaction.atomic
def assign(*, finding_ids: Sequence[int], user: AbstractUser, owner: str) -> list[Assignment]:
    """Say who has to act on findings from now on."""
    require(user, COMMENT, CannotDecide, "assign findings")
    named = owner.strip()
    if not named or len(named) > LONGEST_OWNER or not named.isprintable():
        cure = f"name a person or a team in at most {LONGEST_OWNER} characters"
        raise CannotDecide(
            "This is no owner", field="owner", value=named[:LONGEST_OWNER], cure=cure
        )
    found = Finding.objects.filter(id__in=finding_ids).order_by("wave__position", "number")
    return [Assignment.objects.create(finding=each, owner=named, made_by=user) for each in found]


@transaction.atomic
def comment(
    *, finding_id: int, user: AbstractUser, text: str, files: Sequence[File], store: Store
) -> Comment:
    """Say something of a finding, with files that show it."""
    require(user, COMMENT, CannotDecide, "comment on findings")
    said = text.strip()
    if not said or len(said) > LONGEST_TEXT:
        cure = f"write at least a word and at most {LONGEST_TEXT:,} characters"
        raise CannotDecide("This is no comment", field="text", cure=cure)
    types = [attachments.content_type(file) for file in files]
    finding = Finding.objects.select_related("wave__replacement__carrier").get(id=finding_id)
    made = Comment.objects.create(finding=finding, text=said, made_by=user)
    carrier = finding.wave.replacement.carrier.code
    for file, content_type in zip(files, types, strict=True):
        Attachment.objects.create(
            comment=made,
            name=file.name,
            content_type=content_type,
            size_bytes=len(file.content),
            sha256=attachments.keep(store, carrier, file),
        )
    return made


@transaction.atomic
def submit(*, wave_id: int, user: AbstractUser, today: date) -> Submission:
    """Take a wave to its gate, which is decided by the acceptances that count today."""
    may_accept(user)
    wave = open_wave(wave_id)
    if not is_compared(wave):
        cure = "run `crossbill replace` until it waits for people"
        raise CannotDecide(f"Old and new of {wave.name} were not compared yet", cure=cure)
    return Submission.objects.create(wave=wave, day=today, made_by=user)


def may_accept(user: AbstractUser) -> None:
    """Refuse whoever may not accept differences."""
    require(user, ACCEPT, CannotDecide, "accept findings")


def require_reason(reason: str) -> None:
    """Refuse a reason that says nothing, or too much."""
    if not reason.strip():
        raise CannotDecide("A reason is missing", field="reason", cure="say why")
    refuse_long(reason, CannotDecide)


def require_last_day(valid_until: date, today: date) -> None:
    """Refuse a last day that is over, or further ahead than anybody may accept for."""
    if wrong := deciding.why_not_until(valid_until, today):
        raise CannotDecide(f"Nothing was accepted: {wrong}", field="until", value=str(valid_until))


def _locked(finding_ids: Sequence[int]) -> list[tuple[Finding, str]]:
    """The findings in their order, each with why its wave is closed to people, if it is.

    Their waves are locked, so that nobody takes them to their gates meanwhile.
    """
    rows = Finding.objects.filter(id__in=finding_ids).order_by("wave__position", "number")
    waves = sorted(set(rows.values_list("wave_id", flat=True)))
    closed = {wave_id: _why_closed(_locked_wave(wave_id)) for wave_id in waves}
    return [(each, closed[each.wave_id]) for each in rows.select_related("wave__replacement")]


def _locked_wave(wave_id: int) -> Wave:
    waves = Wave.objects.select_for_update(of=("self",)).select_related("replacement")
    return waves.get(id=wave_id)


def open_wave(wave_id: int) -> Wave:
    """A wave of which people decide, locked; a refusal where they do not, or not any more."""
    wave = _locked_wave(wave_id)
    if why := _why_closed(wave):
        cure = "what is decided later, or where the terms decide, belongs to the next mock"
        raise CannotDecide(f"{why[:1].upper()}{why[1:]}", cure=cure)
    return wave


def _why_closed(wave: Wave) -> str:
    """Why people decide nothing of a wave, or nothing any more; empty where they do."""
    if decided_by(wave.replacement) != PEOPLE:
        return f"the gate of {wave.name} is decided by its terms alone"
    if Submission.objects.filter(wave=wave).exists() or Gate.objects.filter(wave=wave).exists():
        return f"{wave.name} was taken to its gate"
    return ""
