"""What pages and reports ask about a reconciliation: bills that agree, differences, gates."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import Count, Q, QuerySet, Sum
from django.utils.timezone import localdate

from crossbill.core.refusal import Refusal
from crossbill.engine.datasets import FINDING_MEMBER
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import (
    AccountMove,
    Replacement,
    SuspendedRecord,
    Wave,
)
from crossbill.replacement.migration.queries import suspended_records
from crossbill.replacement.reconciliation.deciding_queries import by_people, is_compared
from crossbill.replacement.reconciliation.models import Difference, Finding, Gate, Signature
from crossbill.replacement.reconciliation.reconcile import FOLLOWS

BLOCK = "block"
WHOLE_BILL = ("total_minor", "*")
BILL_COUNTS = ("compared", "equal", "explained", "unexplained")


class NoSuchWave(Refusal):
    """There is no such carrier that moves, or no such wave of it. Use what the message names."""

    code: ClassVar[str] = "NO_SUCH_WAVE"


class NoSuchMove(Refusal):
    """The extract has no such account. Check the key."""

    code: ClassVar[str] = "NO_SUCH_MOVE"


class OtherEvidence(Refusal):
    """The gate was decided by other evidence than was read, or not yet. Read what it shows now."""

    code: ClassVar[str] = "OTHER_EVIDENCE"


@dataclass(frozen=True)
class AccountStanding:
    """Where an account stands in its change-over, and everything found about it."""

    move: AccountMove
    differences: "list[Difference]"
    suspended: list[SuspendedRecord]


@dataclass(frozen=True)
class BillMatch:
    """Compared bills: equal to the cent, differing for a known reason, or unexplained."""

    compared: int = 0
    equal: int = 0
    explained: int = 0
    unexplained: int = 0


@dataclass(frozen=True)
class Money:
    """What the new bills of a class are higher and lower by, never netted."""

    currency: str
    over_minor: int
    under_minor: int


@dataclass(frozen=True)
class ClassTotal:
    """The differences of one class: how many, of how many accounts, how much of billed money."""

    class_code: str
    differences: int
    accounts: int
    blocking: int
    money: list[Money] = field(default_factory=list)


@dataclass(frozen=True)
class DifferenceFilter:
    """What a list of differences asks for; an empty part asks for nothing."""

    class_code: str = ""
    wave_id: int | None = None
    decision: str = ""
    owner: str = ""


@dataclass(frozen=True)
class FindingFilter:
    """What a list of findings asks for; an empty part asks for nothing."""

    class_code: str = ""
    wave_id: int | None = None
    owner: str = ""


EVERY_FINDING = FindingFilter()


@dataclass(frozen=True)
class Explained:
    """An account of a finding: why it differs, and all that its new bills differ by."""

    account_key: str
    evidence: list[str]
    money: list[Money]


@dataclass(frozen=True)
class NextGate:
    """The first wave that is not live, its gate if there is one, and what stands in its way."""

    wave: Wave
    gate: Gate | None
    failed_rules: list[dict[str, object]]
    signatures_missing: int
    blocking: list[dict[str, object]]
    compared: bool


def wave_named(carrier_code: str, wave: str) -> Wave:
    """A wave by its carrier and by its name or position."""
    own = waves_of(carrier_code)
    found = [each for each in own if wave in (each.name, str(each.position))]
    if not found:
        cure = "use one of " + ", ".join(f"{each.position} ({each.name})" for each in own)
        raise NoSuchWave("There is no such wave", field="wave", value=wave, cure=cure)
    return found[0]


def waves_of(carrier_code: str) -> list[Wave]:
    """The waves of a carrier in their order; a refusal where it does not move."""
    waves = Wave.objects.select_related("replacement__carrier", "replacement__run")
    own = list(waves.filter(replacement__carrier__code=carrier_code).order_by("position"))
    if own:
        return own
    codes = Wave.objects.values_list("replacement__carrier__code", flat=True).distinct()
    there = ", ".join(codes.order_by("replacement__carrier__code"))
    cure = f"use one of {there}" if there else "run `crossbill replace` first: it makes one"
    raise NoSuchWave("Nothing is moved here", field="carrier", value=carrier_code, cure=cure)


def account_standing(carrier_code: str, account_key: str) -> AccountStanding:
    """One account of a carrier that moves, with its differences and suspended records."""
    replacement = waves_of(carrier_code)[0].replacement
    moves = AccountMove.objects.filter(replacement=replacement).select_related("wave")
    move = moves.filter(account_key=account_key).first()
    if move is None:
        what = "No account of this key is moved"
        raise NoSuchMove(what, field="account", value=account_key, cure="check the key")
    differences = find_differences(replacement.id, DifferenceFilter(), account_key=account_key)
    return AccountStanding(
        move, list(differences), list(suspended_records(replacement.id, account_key))
    )


def decided_gate(wave: Wave, *, seen_sha256: str) -> Gate:
    """The gate of a wave, where it was decided by the evidence that a person has read."""
    gate = gate_of(wave)
    if gate is None:
        cure = "run `crossbill replace` until the wave has its gate"
        raise OtherEvidence("There is no gate yet", field="wave", value=wave.name, cure=cure)
    if gate.evidence_sha256 != seen_sha256:
        cure = f"read the evidence of {wave.name} (`crossbill reconcile pack`), and give its hash"
        what = "The gate was decided by other evidence"
        raise OtherEvidence(what, field="--evidence", value=seen_sha256[:64], cure=cure)
    return gate


def bill_match(replacement_id: int) -> BillMatch:
    """The compared bills of all waves, whether they came to their gates or wait for people."""
    waves = Wave.objects.filter(replacement_id=replacement_id).select_related("replacement__run")
    bills = [compared_bills(wave) for wave in waves]
    return BillMatch(**{name: sum(getattr(part, name) for part in bills) for name in BILL_COUNTS})


def compared_bills(wave: Wave) -> BillMatch:
    """A wave's bills as its gate counted them, or before it as they were compared."""
    gate = gate_of(wave)
    if gate is not None:
        return BillMatch(**{name: gate.facts.get("bills", {}).get(name, 0) for name in BILL_COUNTS})
    stages = wave.replacement.run.stages.filter(name=f"reconcile-{wave.position}")
    done = stages.filter(finished_at__isnull=False).first()
    counts = {n: done.notes.get(f"bills {n}", 0) if done else 0 for n in BILL_COUNTS[1:]}
    return BillMatch(compared=sum(counts.values()), **counts)


def differences_by_class(replacement_id: int, *, wave_id: int | None = None) -> list[ClassTotal]:
    """Differences by class, the most frequent first; money only where it is billed money."""
    found = Difference.objects.filter(replacement_id=replacement_id).order_by()
    if wave_id is not None:
        found = found.filter(wave_id=wave_id)
    rows = found.values("class_code").annotate(
        differences=Count("id"),
        accounts=Count("account_key", distinct=True),
        blocking=Count("id", filter=Q(decision=BLOCK) & ~by_people(localdate())),
    )
    money = _money_by(found, "class_code")
    return [
        ClassTotal(money=money[row["class_code"]], **row)
        for row in rows.order_by("-differences", "class_code")
    ]


def _money_by(found: "QuerySet[Difference]", column: str) -> dict[str, list[Money]]:
    """Sums of the bills' totals by a column, so that each cent counts once, where its bill is."""
    totals = found.filter(entity="bill", field__in=WHOLE_BILL, amount_minor__isnull=False)
    rows = (
        totals.order_by()
        .values(column, "currency")
        .annotate(
            over=Sum("amount_minor", filter=Q(amount_minor__gt=0), default=0),
            under=Sum("amount_minor", filter=Q(amount_minor__lt=0), default=0),
        )
    )
    money: dict[str, list[Money]] = defaultdict(list)
    for row in rows.order_by(column, "currency"):
        amounts = Money(row["currency"] or "", int(row["over"]), int(row["under"]))
        money[row[column]].append(amounts)
    return money


def find_differences(
    replacement_id: int, wanted: DifferenceFilter, *, account_key: str = ""
) -> "QuerySet[Difference]":
    """The differences that fit, those of one account together."""
    found = Difference.objects.filter(replacement_id=replacement_id).select_related("wave")
    found = found.annotate(by_people=by_people(localdate()))
    if account_key:
        found = found.filter(account_key=account_key)
    for name in ("class_code", "wave_id", "decision", "owner"):
        if value := getattr(wanted, name):
            found = found.filter(**{name: value})
    return found.order_by("account_key", "entity", "record_key", "field", "id")


def findings(replacement_id: int, wanted: FindingFilter = EVERY_FINDING) -> "QuerySet[Finding]":
    """The causes that fit, of all waves, those of most accounts first."""
    found = Finding.objects.filter(replacement_id=replacement_id).select_related("wave")
    for name in ("class_code", "wave_id", "owner"):
        if value := getattr(wanted, name):
            found = found.filter(**{name: value})
    return found.order_by("-accounts", "wave__position", "number")


def alike_accounts(finding: Finding) -> int:
    """How many accounts of the wave differ in the same way, for this cause or another.

    An account is in one finding of a class, subject and currency.
    """
    alike = Finding.objects.filter(
        wave=finding.wave,
        class_code=finding.class_code,
        subject=finding.subject,
        currency=finding.currency,
    )
    return int(alike.aggregate(every=Sum("accounts"))["every"] or 0)


def accounts_of(store: Store, finding: Finding) -> list[str]:
    """Whose differences a finding explains, in order."""
    rows = _members(store, finding.wave, ("number", "=", finding.number))
    return sorted(rows["account_key"].to_pylist())


def findings_of_account(store: Store, wave: Wave, account_key: str) -> list[Finding]:
    """The causes of an account's differences in its wave."""
    rows = _members(store, wave, ("account_key", "=", account_key))
    return list(Finding.objects.filter(wave=wave, number__in=rows["number"].to_pylist()))


def _members(store: Store, wave: Wave, condition: tuple[str, str, Any]) -> pa.Table:
    """The rows of FINDING_MEMBER that fit; none where the wave's tables are not stored."""
    folder = (wave.replacement.carrier.code, f"wave-{wave.position}")
    path = store.path(*folder, f"{FINDING_MEMBER.name}.parquet")
    if not store.exists(path):
        return FINDING_MEMBER.empty()
    with store.open(path) as file:
        return pq.read_table(file, filters=[condition])


def explained(finding: Finding, account_keys: Iterable[str]) -> list[Explained]:
    """These accounts of a finding, each with its evidence and what its bills differ by."""
    keys = list(account_keys)
    own = Difference.objects.filter(wave=finding.wave, account_key__in=keys)
    evidence = _evidence(own.filter(class_code=finding.class_code))
    money = _money_by(own, "account_key")
    return [Explained(key, list(evidence[key]), money[key]) for key in keys]


def _evidence(found: "QuerySet[Difference]") -> dict[str, dict[str, None]]:
    """What is said of each account, once; not what only follows from its lines."""
    said: dict[str, dict[str, None]] = defaultdict(dict)
    rows = found.exclude(evidence__startswith=FOLLOWS).order_by("id")
    for key, evidence in rows.values_list("account_key", "evidence"):
        said[key][evidence] = None
    return said


def choices(replacement_id: int, column: str) -> list[str]:
    """The values that stand in one column of the differences, for a list of choices."""
    found = Difference.objects.filter(replacement_id=replacement_id).order_by(column)
    return list(found.values_list(column, flat=True).distinct())


def finding_choices(replacement_id: int, column: str) -> list[str]:
    """The values that stand in one column of the findings, for a list of choices."""
    found = Finding.objects.filter(replacement_id=replacement_id).order_by(column)
    return list(found.values_list(column, flat=True).distinct())


def gate_of(wave: Wave) -> Gate | None:
    """The wave's gate, if it was reconciled."""
    return Gate.objects.filter(wave=wave).first()


def signatures_of(gate: Gate) -> "QuerySet[Signature]":
    """Who signed the gate, in order."""
    return gate.signatures.select_related("user").order_by("signed_at", "id")


def signatures_needed(replacement: Replacement) -> int:
    """How many people must sign a gate of this change-over."""
    return int(replacement.spec["replacement"]["gate"]["approvers"])


def next_gate(replacement: Replacement) -> NextGate | None:
    """What blocks the next wave; None when every wave is live."""
    wave = replacement.waves.filter(live_at__isnull=True).order_by("position").first()
    if wave is None:
        return None
    gate = gate_of(wave)
    return NextGate(
        wave=wave,
        gate=gate,
        failed_rules=[rule for rule in gate.rules if not rule["holds"]] if gate else [],
        signatures_missing=_signatures_missing(replacement, gate),
        compared=is_compared(wave),
        blocking=blocking_by_owner(wave),
    )


def _signatures_missing(replacement: Replacement, gate: Gate | None) -> int:
    given = gate.signatures.count() if gate else 0
    return max(0, signatures_needed(replacement) - given)


def blocking_by_owner(wave: Wave) -> list[dict[str, object]]:
    """The differences of a wave that block their accounts, by who has to clear them."""
    found = Difference.objects.filter(wave=wave, decision=BLOCK).order_by()
    found = found.exclude(by_people(localdate()))
    counted = found.values("owner", "class_code").annotate(
        differences=Count("id"), accounts=Count("account_key", distinct=True)
    )
    return list(counted.order_by("-accounts", "owner", "class_code"))
