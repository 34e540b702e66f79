"""A change-over small enough to check with a pencil: three waves, thirteen accounts, one budget."""

import uuid
from datetime import UTC, date, datetime

from django.contrib.auth import get_user_model

from crossbill.platform.customer.models import BillingAccount, Carrier, Customer
from crossbill.platform.ledger.models import JournalEntry, OpenItem, Posting
from crossbill.replacement.migration.models import AccountMove, Replacement, Wave
from crossbill.replacement.programme.format import Programme
from crossbill.replacement.programme.operations import take_over_programme
from crossbill.replacement.reconciliation.models import Difference, Gate, Signature
from crossbill.runs.models import Run, Stage

EVIDENCE = "5e" * 32
WAVES = (
    ("Wave 1", date(2024, 5, 18), ("live",) * 6 + ("fallout",)),
    ("Wave 2", date(2024, 6, 15), ("live",) * 3 + ("fallout",)),
    ("Wave 3", date(2024, 7, 20), ("planned",) * 2),
)
BILLS = (
    {"compared": 14, "equal": 11, "explained": 2, "unexplained": 1},
    {"compared": 8, "equal": 7, "explained": 1, "unexplained": 0},
)
# wave, account, entity, field, amount, class, decision
DIFFERENCES = (
    (1, "A07", "bill", "total_minor", 981, "PRICE_VERSION", "block"),
    (1, "A07", "bill_line", "net_minor", 900, "PRICE_VERSION", "block"),
    (1, "A02", "bill", "total_minor", -1, "ROUNDING", "accept"),
    (1, "A03", "customer", "name", None, "FORMAT", "accept"),
    (2, "A11", "bill", "total_minor", -337, "UNEXPLAINED", "block"),
    (2, "A08", "bill", "total_minor", 1, "ROUNDING", "accept"),
)
PROGRAMME = {
    "programme": 1,
    "currency": "USD",
    "summary": "Plain accounts go *first*; the <hardest> go last.",
    "milestones": [
        {"code": "M1", "name": "Mapping signed", "owner": "Catalogue", "due_date": "2024-03-29",
         "achieved_date": "2024-04-05"},
        {"code": "M2", "name": "First wave", "owner": "Migration", "due_date": "2024-05-18",
         "wave": "1 live"},
        {"code": "M3", "name": "Test scripts | agreed", "owner": "Testing",
         "due_date": "2024-06-28"},
        {"code": "M4", "name": "Last wave", "owner": "Migration", "due_date": "2024-07-20",
         "wave": "3 live"},
        {"code": "M5", "name": "Board approval", "owner": "Board", "due_date": "2024-01-19",
         "achieved_date": "2024-01-19"},
    ],
    "risks": [
        {"code": "B1", "kind": "blocker", "title": "No tax approval", "owner": "Tax",
         "impact": "high", "mitigation": "Sent again", "raised_date": "2024-05-13"},
        {"code": "R1", "kind": "risk", "title": "Clerks are slow", "owner": "Training",
         "likelihood": "medium", "impact": "low", "mitigation": "Courses",
         "raised_date": "2024-04-15"},
        {"code": "R2", "kind": "risk", "title": "Closed long ago", "owner": "Training",
         "likelihood": "low", "impact": "low", "mitigation": "None", "raised_date": "2024-01-15",
         "closed_date": "2024-06-30"},
    ],
    "objectives": [
        {"code": "O1", "quarter": "2024Q2", "text": "Past", "measure": "x", "owner": "y"},
        {"code": "O2", "quarter": "2024Q3", "text": "Move the rest", "measure": "Wave 3 is live",
         "owner": "Migration"},
    ],
    "teams": [
        {"name": "Platform", "purpose": "Running", "planned_fte": 5, "filled_fte": "4.5",
         "from": "2024-01-08"},
        {"name": "Founders", "purpose": "Start", "planned_fte": 2, "filled_fte": 2,
         "from": "2024-01-08", "to": "2024-06-30"},
    ],
    "budget": [
        {"code": "HOST", "name": "Hosting",
         "planned": {"2024Q1": "1000.00", "2024Q2": 1000, "2024Q3": 3000},
         "booked": [
             {"date": "2024-02-29", "amount": "1100.00", "text": "To February"},
             {"date": "2024-06-30", "amount": "1050.50", "text": "To June"},
             {"date": "2024-07-01", "amount": "999.00", "text": "Not of this quarter"},
         ]},
        {"code": "TEAM", "name": "People", "planned": {"2024Q2": "2000.00"},
         "booked": [
             {"date": "2024-05-31", "amount": "2100.00", "text": "To May"},
             {"date": "2024-06-03", "amount": "-50.50", "text": "Credit note"},
         ]},
    ],
}  # fmt: skip


def build(*, with_programme: bool = True, carrier_code: str = "opticom") -> Replacement:
    """Fill the database."""
    carrier = Carrier.objects.create(code=carrier_code, name="OptiCom Networks Inc.")
    run = Run.objects.create(
        key=f"replace:{carrier_code}", kind="replacement", title="OptiCom", input_hash="ab" * 32,
        status="done", finished_at=datetime(2024, 7, 1, tzinfo=UTC),
    )  # fmt: skip
    Stage.objects.create(
        run=run, name="stage", title="Type the records", position=1, records_in=1_234,
        accepted=1_230, duplicate=3, suspended=1,
    )  # fmt: skip
    replacement = Replacement.objects.create(
        carrier=carrier, run=run, name="OptiCom to Crossbill", as_of_date=date(2024, 6, 1),
        spec={"replacement": {"gate": {"approvers": 2}}},
    )  # fmt: skip
    waves = _waves(replacement)
    _differences(replacement, waves)
    _gates(waves[:2])
    _books(carrier)
    if with_programme:
        programme = Programme.model_validate(PROGRAMME)
        take_over_programme(replacement_id=replacement.pk, programme=programme)
    return replacement


def _waves(replacement: Replacement) -> list[Wave]:
    waves, number = [], 0
    for position, (name, cutover, states) in enumerate(WAVES, start=1):
        wave = Wave.objects.create(
            replacement=replacement, position=position, name=name, cutover_date=cutover
        )
        for state in states:
            number += 1
            kept = state == "fallout"
            AccountMove.objects.create(
                replacement=replacement, wave=wave, account_key=f"A{number:02}", state=state,
                class_code="PRICE_VERSION" if kept else "",
                reason=f"The price of A{number:02} differs" if kept else "",
            )  # fmt: skip
        waves.append(wave)
    return waves


def _differences(replacement: Replacement, waves: list[Wave]) -> None:
    for position, account, entity, field, amount, class_code, decision in DIFFERENCES:
        Difference.objects.create(
            replacement=replacement, wave=waves[position - 1], entity=entity, account_key=account,
            record_key=account, field=field, kind="different", amount_minor=amount,
            currency="USD" if amount is not None else None, class_code=class_code, evidence="seen",
            decision=decision, owner="billing",
        )  # fmt: skip


def _gates(waves: list[Wave]) -> None:
    people = [get_user_model().objects.get_or_create(username=name)[0] for name in ("anna", "bert")]
    for wave, bills in zip(waves, BILLS, strict=True):
        of_wave = [row for row in DIFFERENCES if row[0] == wave.position]
        classes = {
            code: {"differences": sum(row[5] == code for row in of_wave)}
            for code in {row[5] for row in of_wave}
        }
        totals = [{"name": "products", "old": 20, "new": 20}]
        gate = Gate.objects.create(
            wave=wave, rules=[], result="passed", evidence_sha256=EVIDENCE,
            facts={"bills": bills, "classes": classes, "control_totals": totals},
        )  # fmt: skip
        for person in people:
            Signature.objects.create(gate=gate, user=person, evidence_sha256=EVIDENCE)
        wave.live_at = datetime(2026, 11, 23, tzinfo=UTC)
        wave.save()


def _books(carrier: Carrier) -> None:
    """Two accounts with opening balances; the second stays on the old system and is reversed."""
    for key, amount in (("A01", 5_000), ("A07", 700)):
        customer = Customer.objects.create(
            id=uuid.uuid4(), carrier=carrier, customer_key=key, name="N", kind="person", segment="c"
        )
        account = BillingAccount.objects.create(
            id=uuid.uuid4(), carrier=carrier, account_key=key, customer=customer, status="active",
            currency="USD", tax_code="NY01", bill_cycle_day=1, disputed=False,
        )  # fmt: skip
        entry = _entry(carrier, account, f"opening|{key}", amount)
        OpenItem.objects.create(
            id=uuid.uuid4(), carrier=carrier, open_item_key=key, account=account, entry=entry,
            kind="invoice", document_number=key, document_date=date(2024, 5, 1),
            due_date=date(2024, 5, 31), currency="USD", original_minor=amount + 100,
            paid_minor=100, open_minor=amount,
        )  # fmt: skip
        if key == "A07":
            _entry(carrier, account, f"reversal|{key}", -amount, reverses=entry)


def _entry(
    carrier: Carrier,
    account: BillingAccount,
    source: str,
    amount: int,
    reverses: JournalEntry | None = None,
) -> JournalEntry:
    entry = JournalEntry.objects.create(
        id=uuid.uuid4(), carrier=carrier, source=source, kind=source.split("|", maxsplit=1)[0],
        entry_date=date(2024, 6, 1), reverses=reverses,
    )  # fmt: skip
    Posting.objects.bulk_create(  # in one statement: an entry balances at each moment
        Posting(
            entry=entry, account=account, gl_account=gl_account, currency="USD", amount_minor=signed
        )
        for gl_account, signed in (("1200", amount), ("1290", -amount))
    )
    return entry
