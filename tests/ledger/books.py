"""The smallest set of books that one can break: one carrier, one account, one of each record."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pyarrow as pa
from django.contrib.auth.models import User
from django.db import IntegrityError

from crossbill.platform.customer.models import AccountChange, BillingAccount, Carrier, Customer
from crossbill.platform.ledger.models import Deposit
from crossbill.platform.ledger.operations import post_entries
from crossbill.platform.product.models import Product, ProductChange, ProductOffering
from crossbill.platform.product.operations import Price, Rate, publish_catalogue
from crossbill.replacement.migration.models import (
    LaterExtract,
    Replacement,
    SuspendedRecord,
    Wave,
)
from crossbill.replacement.reconciliation.models import (
    Acceptance,
    Assignment,
    Attachment,
    Comment,
    ControlAcceptance,
    ControlRevocation,
    ControlRow,
    ControlRun,
    Difference,
    Finding,
    Gate,
    Revocation,
    Signature,
    Submission,
)
from crossbill.runs.models import Run

DAY = date(2024, 6, 1)
CUSTOMER, ACCOUNT, ENTRY, ITEM, PRODUCT = (UUID(int=number) for number in range(1, 6))
EVIDENCE = "ab" * 32
REFUSED = (IntegrityError, psycopg.IntegrityError)  # Django wraps the errors of all but COPY


def make_account() -> Carrier:
    """A carrier with one customer and one account."""
    carrier = Carrier.objects.create(code="opticom", name="OptiCom Networks Inc.")
    customer = Customer.objects.create(
        id=CUSTOMER, carrier=carrier, customer_key="C1", name="José", kind="person", segment="RC"
    )
    BillingAccount.objects.create(
        id=ACCOUNT,
        carrier=carrier,
        account_key="C1",
        customer=customer,
        status="active",
        currency="USD",
        tax_code="NY01",
        bill_cycle_day=1,
        disputed=False,
    )
    return carrier


def entries(carrier: Carrier, *ids: UUID) -> pa.Table:
    """Headers of entries, one for each id."""
    return pa.table(
        {
            "id": [str(one) for one in ids],
            "carrier_id": [carrier.id] * len(ids),
            "source": [f"opening|{one.int}" for one in ids],
            "kind": ["opening"] * len(ids),
            "entry_date": pa.array([DAY] * len(ids), pa.date32()),
        }
    )


def postings(*rows: tuple[UUID, str, str, int]) -> pa.Table:
    """Postings from (entry, general-ledger account, currency, minor units)."""
    columns = list(zip(*rows, strict=True)) or [()] * 4
    return pa.table(
        {
            "entry_id": [str(one) for one in columns[0]],
            "account_id": [str(ACCOUNT)] * len(rows),
            "gl_account": pa.array(columns[1], pa.string()),
            "currency": pa.array(columns[2], pa.string()),
            "amount_minor": pa.array(columns[3], pa.int64()),
        }
    )


def open_items(carrier: Carrier, **changed: int) -> pa.Table:
    """One open item, owed in full unless something is changed."""
    amounts = {"original_minor": 1_234, "paid_minor": 0, "open_minor": 1_234} | changed
    row = {
        "id": str(ITEM),
        "carrier_id": carrier.id,
        "open_item_key": "I1",
        "account_id": str(ACCOUNT),
        "entry_id": str(ENTRY),
        "kind": "invoice",
        "document_number": "D1",
        "document_date": DAY,
        "due_date": DAY,
        "currency": "USD",
    }
    return pa.Table.from_pylist([row | amounts])


BALANCED = ((ENTRY, "1200", "USD", 1_234), (ENTRY, "1290", "USD", -1_234))


def make_books() -> Wave:
    """One record in every table whose history must not change; returns the wave."""
    carrier = make_account()
    publish_catalogue(
        carrier_id=carrier.id,
        offerings={"fibre-100": "Fibre 100"},
        prices=[Price("fibre-100", "2024", date(2024, 1, 1), None, "USD", 49_000_000_000)],
        rates=[Rate("NY01", "New York", date(2024, 1, 1), None, 88_750)],
    )
    _make_change(carrier)
    post_entries(
        entries=entries(carrier, ENTRY),
        postings=postings(*BALANCED),
        open_items=open_items(carrier),
    )
    return _make_replacement(carrier)


def _make_change(carrier: Carrier) -> None:
    product = Product.objects.create(
        id=PRODUCT, carrier=carrier, product_key="P1", account_id=ACCOUNT, quantity=1,
        offering=ProductOffering.objects.get(carrier=carrier), start_date=DAY,
    )  # fmt: skip
    user, _ = User.objects.get_or_create(username="lead")
    ProductChange.objects.create(
        carrier=carrier, product=product, kind="cancel", effective_date=DAY, made_by=user
    )
    AccountChange.objects.create(account_id=ACCOUNT, field="bill_language", made_by=user)


def _make_replacement(carrier: Carrier) -> Wave:
    run = Run.objects.create(key="opticom", kind="replacement", title="OptiCom", input_hash="aa")
    replacement = Replacement.objects.create(
        carrier=carrier, run=run, name="OptiCom", as_of_date=DAY, spec={"replacement": {}}
    )
    wave = Wave.objects.create(replacement=replacement, position=1, name="wave 1", cutover_date=DAY)
    SuspendedRecord.objects.create(
        replacement=replacement,
        file="CUSTMAST.DAT",
        line=7,
        stage="stage",
        code="BAD_DATE",
        class_code="FORMAT",
        message="20240230 does not exist",
        owner="data",
        raw=b"\x00\xff",
    )
    Difference.objects.create(
        replacement=replacement,
        wave=wave,
        entity="bill",
        account_key="C1",
        record_key="C1|2024-05-01",
        field="net_minor",
        kind="different",
        class_code="ROUNDING",
        evidence="5331 against 5332",
        decision="accept",
        owner="billing",
    )
    Finding.objects.create(
        replacement=replacement, wave=wave, number=1, class_code="ROUNDING", shared="product P1",
        description="1 account: product P1", accounts=1, differences=1, over_minor=0,
        under_minor=-1, owner="billing", fix="accept",
    )  # fmt: skip
    return wave


def make_later_extract(wave: Wave) -> LaterExtract:
    """Another extract of the wave's system, of a later day."""
    run = Run.objects.create(key="later", kind="later extract", title="Later", input_hash="bb")
    return LaterExtract.objects.create(
        replacement=wave.replacement, run=run, as_of_date=DAY + timedelta(days=14), folder="later"
    )


def make_gate(wave: Wave, *, result: str = "passed") -> Gate:
    """The wave's gate."""
    return Gate.objects.create(
        wave=wave, facts={}, rules=[], result=result, evidence_sha256=EVIDENCE
    )


def make_control_run(wave: Wave) -> ControlRun:
    """A control that found one figure too low."""
    run = ControlRun.objects.create(
        wave=wave, control="tax", terms={"owner": "tax"}, outcome="failed"
    )
    ControlRow.objects.create(
        run=run, key="NY01|C1|2024-05-01", unit="minor USD", left_value=5, right_value=4,
        difference=-1, verdict="under",
    )  # fmt: skip
    return run


def make_control_acceptance(run: ControlRun) -> ControlAcceptance:
    """A clerk's yes to what the control found."""
    clerk, _ = User.objects.get_or_create(username="@clerk")
    return ControlAcceptance.objects.create(
        run=run, unit="minor USD", reason="a cent", limit_figures=1, figures=1, limit_value=1,
        value=1, valid_until_date=DAY, made_by=clerk,
    )  # fmt: skip


def make_acceptance(wave: Wave) -> Acceptance:
    """A clerk's yes to the wave's finding."""
    clerk, _ = User.objects.get_or_create(username="@clerk")  # which a spreadsheet would compute
    return Acceptance.objects.create(
        finding=Finding.objects.get(wave=wave), reason="a cent", limit_minor=1, value_minor=1,
        account_limit_minor=1, account_value_minor=1, valid_until_date=DAY, made_by=clerk,
    )  # fmt: skip


def make_deposit(wave: Wave) -> Deposit:
    """What the account paid in as security; posted by its opening entry."""
    return Deposit.objects.create(
        id=UUID(int=ITEM.int + 1), carrier=wave.replacement.carrier, deposit_key="K1",
        account_id=ACCOUNT, entry_id=ENTRY, received_date=DAY, currency="USD",
        received_minor=5_000, refunded_minor=0,
    )  # fmt: skip


def make_decisions(wave: Wave) -> None:
    """What a clerk decided of the wave's finding, and took back; then the wave went to its gate."""
    acceptance = make_acceptance(wave)
    finding, clerk = acceptance.finding, acceptance.made_by
    Revocation.objects.create(acceptance=acceptance, reason="no cent", made_by=clerk)
    Assignment.objects.create(finding=finding, owner="billing", made_by=clerk)
    comment = Comment.objects.create(finding=finding, text="see there", made_by=clerk)
    Attachment.objects.create(
        comment=comment, name="a.txt", content_type="text/plain", size_bytes=1, sha256=EVIDENCE
    )
    run = ControlRun.objects.create(wave=wave, control="keys", terms={}, outcome="failed")
    of_control = make_control_acceptance(run)
    ControlRevocation.objects.create(acceptance=of_control, reason="no cent", made_by=clerk)
    Submission.objects.create(wave=wave, day=DAY, made_by=clerk)


def sign(gate: Gate, name: str, *, saw: str = EVIDENCE) -> Signature:
    """One person's signature under what that person saw."""
    user, _ = User.objects.get_or_create(username=name)
    return Signature.objects.create(gate=gate, user=user, evidence_sha256=saw)


def go_live(wave: Wave) -> int:
    """Set the wave live, as any program could try to."""
    return Wave.objects.filter(pk=wave.pk).update(live_at=datetime(2024, 6, 1, tzinfo=UTC))
