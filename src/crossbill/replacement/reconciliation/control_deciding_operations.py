"""Writes of people who accept what a control found on a wave, or end that."""

from collections.abc import Mapping
from datetime import date

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation.control_deciding import Break, limits_of, why_over
from crossbill.replacement.reconciliation.control_deciding_queries import acceptances_of, breaks_of
from crossbill.replacement.reconciliation.control_queries import last_run
from crossbill.replacement.reconciliation.deciding import Limits
from crossbill.replacement.reconciliation.deciding_operations import (
    CannotDecide,
    NothingAccepted,
    may_accept,
    open_wave,
    require_last_day,
    require_reason,
)
from crossbill.replacement.reconciliation.models import (
    ControlAcceptance,
    ControlRevocation,
    ControlRun,
)


@transaction.atomic
def accept_control(  # noqa: PLR0913 - what an acceptance is made of
    *,
    wave_id: int,
    control: str,
    user: AbstractUser,
    reason: str,
    figures: int,
    limits: Mapping[str, Limits],
    valid_until: date,
    today: date,
) -> list[ControlAcceptance]:
    """Accept all that the last run of a control found, up to a day, and nothing worse.

    ``figures`` is the most that may differ in each unit, ``limits`` by how much amounts may.
    """
    may_accept(user)
    require_reason(reason)
    require_last_day(valid_until, today)
    run = last_run(open_wave(wave_id), control)
    found = [(each, limits_of(each.unit, figures, limits)) for each in _breaks(run)]
    if over := "; ".join(why for each, most in found if (why := why_over(each, most))):
        cure = "mend what differs, or state limits that it keeps"
        raise NothingAccepted(f"Nothing was accepted: {over}", field=control, cure=cure)
    return [
        ControlAcceptance.objects.create(
            run=run,
            unit=each.unit,
            reason=reason.strip(),
            limit_figures=most.figures,
            figures=each.figures,
            limit_value=most.value,
            value=each.value,
            valid_until_date=valid_until,
            made_by=user,
        )
        for each, most in found
    ]


def _breaks(run: ControlRun) -> list[Break]:
    found = breaks_of(run)
    if not found:
        why = run.reason if run.outcome == ControlRun.Outcome.NO_DATA else "nothing differs"
        cure = "a control without data is not accepted: see that the extract has its table"
        raise CannotDecide(f"There is nothing to accept of {run.control}: {why}", cure=cure)
    return found


@transaction.atomic
def revoke_control(*, wave_id: int, control: str, user: AbstractUser, reason: str) -> int:
    """End every acceptance of a control on a wave that nobody has ended; gives how many."""
    may_accept(user)
    require_reason(reason)
    wave = Wave.objects.select_for_update().get(id=wave_id)
    if wave.live_at is not None:
        raise CannotDecide(f"{wave.name} is live", cure="bill the customers what they are owed")
    standing = list(acceptances_of(wave, control).filter(revocation__isnull=True))
    if not standing:
        what = f"Nobody has accepted what {control} found"
        raise CannotDecide(what, cure="there is nothing to revoke")
    for each in standing:
        ControlRevocation.objects.create(acceptance=each, reason=reason.strip(), made_by=user)
    return len(standing)
