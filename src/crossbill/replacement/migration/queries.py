"""What pages and reports ask about a change-over: its waves, its accounts, its fallout."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar

from django.db.models import Count, Max, QuerySet

from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.platform.billing.preview import NEW_RULES
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.rating.current import Current, current
from crossbill.replacement.migration.models import (
    AccountMove,
    Replacement,
    SuspendedRecord,
    Wave,
)

State = AccountMove.State
NO_CLASS = "-"  # in a filter: accounts that stay for no class of their own


class OldPolicyNotKnown(Refusal):
    """Nobody has said by which rules this carrier bills. Name a policy's YAML file."""

    code: ClassVar[str] = "OLD_POLICY_NOT_KNOWN"


@dataclass(frozen=True)
class WaveStanding:
    """How many accounts of a wave stand in each state; together they are the whole wave.

    Without a wave: accounts that no wave takes.
    """

    wave: Wave | None
    live: int
    loaded: int
    planned: int
    fallout: int

    @property
    def accounts(self) -> int:
        """All accounts of the wave."""
        return self.live + self.loaded + self.planned + self.fallout

    @property
    def to_go(self) -> int:
        """Accounts that are neither on the new platform nor kept on the old one."""
        return self.loaded + self.planned


@dataclass(frozen=True)
class Fallout:
    """Accounts that stay on the old system for one class of reason."""

    class_code: str
    accounts: int
    example: str


@dataclass(frozen=True)
class MoveFilter:
    """What a list of accounts asks for; an empty part asks for nothing, wave 0 for no wave."""

    state: str = ""
    wave_id: int | None = None
    class_code: str = ""
    hard: bool = False


def replacements() -> QuerySet[Replacement]:
    """All change-overs, the newest first."""
    return Replacement.objects.select_related("carrier", "run").order_by("-created_at", "-id")


def rating_catalogue(replacement: Replacement) -> Current | None:
    """The catalogue by which the usage of a change-over is rated, as its files stand now."""
    terms = replacement.spec["replacement"].get("rating")
    if not terms:
        return None
    return current(Path(replacement.spec["spec_path"]).parent / terms["catalogue"])


def billed_periods(replacement: Replacement) -> list[tuple[date, date]]:
    """The compared bill periods of a change-over, half-open."""
    periods = replacement.spec["replacement"]["periods"]
    return [(date.fromisoformat(p["from"]), date.fromisoformat(p["to"])) for p in periods]


def old_policy(replacement: Replacement) -> Policy:
    """The rules by which the old system bills."""
    return Policy.from_mapping(replacement.spec["replacement"]["old_policy"])


def new_policy(replacement: Replacement) -> Policy | None:
    """The rules by which bills are to be made after; none where the change-over does not say."""
    stated = replacement.spec["replacement"].get("new_policy")
    return Policy.from_mapping(stated) if stated else None


def carriers_old_policy(carrier_id: int) -> Policy:
    """The rules by which the old system of a carrier bills; refuses where nobody has said them."""
    replacement = replacements().filter(carrier_id=carrier_id).first()
    if replacement is None:
        raise OldPolicyNotKnown(
            "no change-over of this carrier says its rules", cure="give --policy FILE.yaml"
        )
    return old_policy(replacement)


def carriers_new_policy(carrier_id: int) -> Policy:
    """The rules of a carrier's bills from now on: as its change-over states, else the usual."""
    replacement = replacements().filter(carrier_id=carrier_id).first()
    stated = new_policy(replacement) if replacement else None
    return stated or NEW_RULES


def wave_standings(replacement_id: int) -> list[WaveStanding]:
    """Where each wave of a change-over stands, in their order; last what no wave takes."""
    moves = AccountMove.objects.filter(replacement_id=replacement_id).order_by()
    counts = {
        (row["wave_id"], row["state"]): row["accounts"]
        for row in moves.values("wave_id", "state").annotate(accounts=Count("id"))
    }
    waves = Wave.objects.filter(replacement_id=replacement_id).order_by("position")
    none = [_standing(None, counts)] if any(wave_id is None for wave_id, _ in counts) else []
    return [_standing(wave, counts) for wave in waves] + none


def _standing(wave: Wave | None, counts: dict[tuple[int | None, str], int]) -> WaveStanding:
    wave_id = wave.id if wave else None
    by_state = {str(state): counts.get((wave_id, state), 0) for state in State.values}
    return WaveStanding(wave=wave, **by_state)


def state_counts(standings: Iterable[WaveStanding]) -> dict[str, int]:
    """The accounts of all waves by state."""
    rows = list(standings)
    return {state: sum(getattr(row, state) for row in rows) for state in State.values}


def fallout_by_class(replacement_id: int, *, wave_id: int | None = None) -> list[Fallout]:
    """Accounts that stay on the old system, by class, the most frequent first."""
    moves = AccountMove.objects.filter(replacement_id=replacement_id, state=State.FALLOUT)
    if wave_id is not None:
        moves = moves.filter(wave_id=wave_id)
    rows = moves.order_by().values("class_code").annotate(n=Count("id"), example=Max("reason"))
    return [
        Fallout(row["class_code"], row["n"], row["example"])
        for row in rows.order_by("-n", "class_code")
    ]


def find_moves(
    replacement: Replacement, wanted: MoveFilter, account_keys: list[str] | None = None
) -> QuerySet[AccountMove]:
    """The accounts that fit, of all or of these, in key order."""
    moves = AccountMove.objects.filter(replacement=replacement).select_related("wave")
    if account_keys is not None:
        moves = moves.filter(account_key__in=account_keys)
    if wanted.state:
        moves = moves.filter(state=wanted.state)
    if wanted.wave_id is not None:
        moves = moves.filter(wave_id=wanted.wave_id or None)
    if wanted.class_code:
        moves = moves.filter(class_code=wanted.class_code.replace(NO_CLASS, ""))
    if wanted.hard:
        moves = moves.exclude(hard_reasons="")
    return moves.order_by("account_key")


def account_names(carrier_id: int, account_keys: Iterable[str]) -> dict[str, str]:
    """The customer's name of each account that was taken over."""
    accounts = BillingAccount.objects.filter(
        carrier_id=carrier_id, account_key__in=list(account_keys)
    )
    return dict(accounts.values_list("account_key", "customer__name"))


def fallout_classes(replacement_id: int) -> list[str]:
    """The classes that keep accounts on the old system, for a list of choices."""
    moves = AccountMove.objects.filter(replacement_id=replacement_id).exclude(class_code="")
    return list(moves.order_by("class_code").values_list("class_code", flat=True).distinct())


def suspended_records(replacement_id: int, account_key: str) -> QuerySet[SuspendedRecord]:
    """The records of one account that could not be taken over."""
    records = SuspendedRecord.objects.filter(replacement_id=replacement_id)
    return records.filter(account_key=account_key).order_by("file", "line", "code")


def suspended_by_code(replacement_id: int) -> list[dict[str, object]]:
    """How many records each reason suspended, with its owner, the most frequent first."""
    records = SuspendedRecord.objects.filter(replacement_id=replacement_id).order_by()
    counted = records.values("code", "class_code", "owner").annotate(
        records=Count("id"), accounts=Count("account_key", distinct=True), message=Max("message")
    )
    return list(counted.order_by("-records", "code"))
