"""What the system knows of a change-over: waves, bills, differences, fallout, run and ledger."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from django.db.models import Count, Min, QuerySet, Sum

from crossbill.platform.ledger.models import GeneralLedgerAccount, OpenItem, Posting
from crossbill.platform.ledger.queries import unbalanced_entries
from crossbill.replacement.migration.models import AccountMove, Replacement, Wave
from crossbill.replacement.programme.facts import (
    Accounts,
    Bills,
    Check,
    ClassFacts,
    ControlTotal,
    FalloutFacts,
    LedgerFacts,
    MoneyFacts,
    RunFacts,
    StageFacts,
    WaveFacts,
)
from crossbill.replacement.programme.quarter import Quarter
from crossbill.replacement.reconciliation.deciding_queries import is_compared
from crossbill.replacement.reconciliation.models import Difference, Gate
from crossbill.replacement.reconciliation.queries import (
    ClassTotal,
    compared_bills,
    differences_by_class,
    next_gate,
)
from crossbill.runs.models import Run
from crossbill.runs.queries import standing

NOT_REHEARSED = "not rehearsed"
WAITS = "waits for people"
State = AccountMove.State


def waves(replacement: Replacement, quarter: Quarter) -> list[WaveFacts]:
    """All waves in order, as they stand at the end of the quarter."""
    counts = _moves_by_wave(replacement)
    rows = replacement.waves.select_related("gate").annotate(signed=Count("gate__signatures"))
    return [_wave(wave, counts, quarter) for wave in rows.order_by("position")]


def _moves_by_wave(replacement: Replacement) -> Counter[tuple[int | None, str]]:
    moves = AccountMove.objects.filter(replacement=replacement)
    rows = moves.order_by().values_list("wave_id", "state").annotate(count=Count("id"))
    return Counter({(wave, state): count for wave, state, count in rows})


def _wave(wave: Wave, counts: Counter[tuple[int | None, str]], quarter: Quarter) -> WaveFacts:
    gate = getattr(wave, "gate", None)
    return WaveFacts(
        wave_id=wave.pk,
        position=wave.position,
        name=wave.name,
        cutover_date=wave.cutover_date,
        in_quarter=wave.cutover_date in quarter,
        is_live=wave.live_at is not None and wave.cutover_date < quarter.to_date,
        accounts=sum(counts[wave.pk, state] for state in State),
        moved=counts[wave.pk, State.LIVE],
        fallout=counts[wave.pk, State.FALLOUT],
        gate=gate.result if gate else WAITS if is_compared(wave) else NOT_REHEARSED,
        signatures=wave.signed,
        bills=Bills(**asdict(compared_bills(wave))),
    )


def added_bills(parts: Iterable[Bills]) -> Bills:
    """Several waves' bills together."""
    listed = list(parts)
    return Bills(
        compared=sum(part.compared for part in listed),
        equal=sum(part.equal for part in listed),
        explained=sum(part.explained for part in listed),
        unexplained=sum(part.unexplained for part in listed),
    )


def accounts(total: int, waves_so_far: Sequence[WaveFacts]) -> Accounts:
    """All accounts by where they stand after the waves up to the end of the quarter."""
    return Accounts(
        total=total,
        moved_before=sum(wave.moved for wave in waves_so_far if not wave.in_quarter),
        moved_in_quarter=sum(wave.moved for wave in waves_so_far if wave.in_quarter),
        fallout=sum(wave.fallout for wave in waves_so_far),
    )


def gates(replacement: Replacement, quarter: Quarter) -> QuerySet[Gate]:
    """The gates of the quarter's waves, in order."""
    found = Gate.objects.filter(
        wave__replacement=replacement,
        wave__cutover_date__gte=quarter.from_date,
        wave__cutover_date__lt=quarter.to_date,
    )
    return found.select_related("wave").order_by("wave__position")


def classes(
    replacement: Replacement, waves_of_quarter: Iterable[WaveFacts]
) -> tuple[ClassFacts, ...]:
    """Differences by class, the largest value first; accounts stand in one wave, so they add up."""
    by_class: dict[str, list[ClassTotal]] = {}
    for wave in waves_of_quarter:
        for total in differences_by_class(replacement.pk, wave_id=wave.wave_id):
            by_class.setdefault(total.class_code, []).append(total)
    found = (_class(code, parts) for code, parts in by_class.items())
    return tuple(sorted(found, key=lambda c: (-c.absolute_minor, -c.differences, c.class_code)))


def _class(code: str, parts: Sequence[ClassTotal]) -> ClassFacts:
    differences = sum(part.differences for part in parts)
    blocking = sum(part.blocking for part in parts)
    decisions = {"block": blocking, "accept": differences - blocking}
    money = [each for part in parts for each in part.money]
    return ClassFacts(
        class_code=code,
        decision=", ".join(decision for decision, count in decisions.items() if count),
        differences=differences,
        accounts=sum(part.accounts for part in parts),
        money=tuple(
            MoneyFacts(
                currency,
                sum(each.over_minor for each in money if each.currency == currency),
                sum(each.under_minor for each in money if each.currency == currency),
            )
            for currency in sorted({each.currency for each in money})
        ),
    )


def fallout(replacement: Replacement, quarter: Quarter) -> tuple[FalloutFacts, ...]:
    """Accounts that the waves up to the quarter's end left on the old system, by class."""
    left = AccountMove.objects.filter(
        replacement=replacement, state=State.FALLOUT, wave__cutover_date__lt=quarter.to_date
    )
    rows = (
        left.order_by()
        .values("class_code")
        .annotate(accounts=Count("id"), example=Min("account_key"))
    )
    reasons = dict(
        left.filter(account_key__in=[row["example"] for row in rows]).values_list(
            "account_key", "reason"
        )
    )
    found = (
        FalloutFacts(row["class_code"], row["accounts"], row["example"], reasons[row["example"]])
        for row in rows
    )
    return tuple(sorted(found, key=lambda f: (-f.accounts, f.class_code)))


def blocks_next_gate(replacement: Replacement) -> tuple[str, ...]:
    """Why the first wave that is not live is not; empty where all are live."""
    following = next_gate(replacement)
    if following is None:
        return ()
    name = following.wave.name
    if following.gate is None and following.compared:
        return (f"{name} was compared; people have not taken it to its gate yet",)
    if following.gate is None:
        return (f"{name} has not been rehearsed yet",)
    if following.failed_rules:
        return tuple(
            f"{name}: {rule['rule']} (limit {rule['limit']}, found {rule['found']})"
            for rule in following.failed_rules
        )
    return (f"{name} passed its gate; signatures missing: {following.signatures_missing}",)


def run_facts(run: Run) -> RunFacts:
    """The run with the control totals of the finished stages that took records."""
    stages = run.stages.filter(records_in__gt=0).order_by("position")
    return RunFacts(
        title=run.title,
        status=standing(run),
        attempts=run.attempts,
        stages=tuple(
            StageFacts(s.title, s.records_in, s.accepted, s.duplicate, s.suspended) for s in stages
        ),
    )


def control_totals(gates_of_quarter: Iterable[Gate]) -> tuple[ControlTotal, ...]:
    """What the gates counted and summed on both sides."""
    return tuple(
        ControlTotal(gate.wave.name, total["name"], total["old"], total["new"])
        for gate in gates_of_quarter
        for total in gate.facts["control_totals"]
    )


def ledger(carrier_id: int, quarter: Quarter) -> tuple[LedgerFacts, ...]:
    """Receivables, clearing and open items by currency, of entries up to the quarter's end."""
    postings = Posting.objects.filter(
        entry__carrier_id=carrier_id, entry__entry_date__lt=quarter.to_date
    )
    sums = postings.order_by().values_list("currency", "gl_account").annotate(Sum("amount_minor"))
    by_account = {(currency, account): int(total) for currency, account, total in sums}
    items = OpenItem.objects.filter(
        carrier_id=carrier_id,
        entry__entry_date__lt=quarter.to_date,
        entry__reversed_by__isnull=True,
    )
    open_sums = items.order_by().values_list("currency").annotate(Sum("open_minor"))
    open_items = {currency: int(total) for currency, total in open_sums}
    return tuple(
        LedgerFacts(
            currency=currency,
            receivable_minor=by_account.get((currency, GeneralLedgerAccount.RECEIVABLE), 0),
            deposits_minor=by_account.get((currency, GeneralLedgerAccount.CUSTOMER_DEPOSITS), 0),
            clearing_minor=by_account.get((currency, GeneralLedgerAccount.MIGRATION_CLEARING), 0),
            open_items_minor=open_items.get(currency),
        )
        for currency in sorted({c for c, _ in by_account} | set(open_items))
    )


def checks(
    replacement: Replacement,
    run: RunFacts,
    books: Sequence[LedgerFacts],
    gates_of_quarter: Sequence[Gate],
) -> tuple[Check, ...]:
    """What must hold for the report to be true, with the figures of both sides."""
    ended = sum(s.accepted + s.duplicate + s.suspended for s in run.stages)
    found = [
        Check("Records in = accepted + duplicate + suspended", _records_in(run), ended),
        Check("Journal entries that do not balance", 0, unbalanced_entries(replacement.carrier_id)),
        Check(
            "Differences on record = differences in the gates' facts",
            _differences_in(gates_of_quarter),
            Difference.objects.filter(wave__gate__in=gates_of_quarter).count(),
        ),
    ]
    for book in books:
        found.append(
            Check(
                f"Receivables + deposits + clearing in {book.currency} (minor units)",
                0,
                book.receivable_minor + book.deposits_minor + book.clearing_minor,
            )
        )
        if book.open_items_minor is not None:
            found.append(
                Check(
                    f"Receivables = open items in {book.currency} (minor units)",
                    book.receivable_minor,
                    book.open_items_minor,
                )
            )
    return tuple(found)


def _records_in(run: RunFacts) -> int:
    return sum(stage.records_in for stage in run.stages)


def _differences_in(gates_of_quarter: Iterable[Gate]) -> int:
    return sum(
        facts["differences"]
        for gate in gates_of_quarter
        for facts in gate.facts["classes"].values()
    )


def moves_in_all(replacement: Replacement) -> int:
    """All accounts of the old system, each in exactly one state."""
    return AccountMove.objects.filter(replacement=replacement).count()
