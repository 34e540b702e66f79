"""What a reconciliation found of the small change-over: causes, and controls that were run."""

import estate
import pyarrow as pa
from django.contrib.auth import get_user_model

from crossbill.engine.datasets import FINDING_MEMBER
from crossbill.engine.store import Store
from crossbill.platform.customer.models import Carrier
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation import attachments
from crossbill.replacement.reconciliation.control import catalogue
from crossbill.replacement.reconciliation.models import (
    Attachment,
    Comment,
    ControlRow,
    ControlRun,
    Finding,
)
from crossbill.runs.models import Run

ROUNDED = [estate.key(number) for number in (64, *range(66, 120))]
SHARED = "product fibre-100, agent A7"


def add(store: Store, replacement: Replacement) -> None:
    """Findings of the first two waves; the second has one of more accounts than a page has rows."""
    first, second = replacement.waves.order_by("position")[:2]
    billing = {"owner": "billing", "fix": "round as the old system does"}
    _found(
        first, 1, [estate.CLEAN], class_code="ENCODING", subject="customer name", owner="data",
        fix="read the file in its character set", description="1 account, customer name: garbled",
    )  # fmt: skip
    _found(
        first, 2, [estate.DIFFERING], class_code="PRICE_VERSION", over_minor=98,
        owner="catalogue", fix="agree on the price", mended_accounts=1, left_accounts=0,
        description="1 account; as in C0000000003: version 2023 gives the old 49.00",
    )  # fmt: skip
    _found(
        second, 1, ROUNDED, class_code="ROUNDING", shared=SHARED, matching=60, over_minor=55,
        under_minor=-7, mended_accounts=53, left_accounts=2, **billing,
        description=f"55 accounts: {SHARED}; as in C0000000064: 13.37",
    )  # fmt: skip
    _found(
        second, 2, [estate.key(62)], class_code="ROUNDING", under_minor=-1, **billing,
        description="1 account that nothing sets apart",
    )  # fmt: skip
    _said(store, Finding.objects.get(wave=first, number=1))
    _controls(first)
    _stored(store, first, [(1, estate.CLEAN), (2, estate.DIFFERING)])
    _stored(store, second, [*((1, key) for key in ROUNDED), (2, estate.key(62))])


def _said(store: Store, finding: Finding) -> None:
    """A comment with a file."""
    user, _ = get_user_model().objects.get_or_create(username="migration.lead")
    comment = Comment.objects.create(finding=finding, text="see the letter", made_by=user)
    file = attachments.File("letter.txt", b"Dear Sirs")
    Attachment.objects.create(
        comment=comment, name=file.name, content_type=attachments.content_type(file),
        size_bytes=len(file.content), sha256=attachments.keep(store, estate.CARRIER, file),
    )  # fmt: skip


def _controls(wave: Wave) -> None:
    """Two runs of one control that got better, one of another without data."""
    for figures in (OFF, OFF[:-1]):
        totals = [
            {"unit": "minor USD", "rows": 100, "equal": 40, "within": 0, "over": len(figures) - 2,
             "under": 1, "missing": 1, "extra": 0, "left": 100_000, "right": 100_520,
             "over_by": 583, "under_by": 63}
        ]  # fmt: skip
        run = _run(wave, "tax", outcome="failed", totals=totals)
        ControlRow.objects.bulk_create(ControlRow(run=run, **figure) for figure in figures)
    _run(wave, "ageing", outcome="no data", reason="There is no old open item")


def _figure(number: int, left: int, right: int | None, verdict: str) -> dict[str, object]:
    less = None if right is None else right - left
    return {"key": f"NY01|{estate.key(number)}", "unit": "minor USD", "left_value": left,
            "right_value": right, "difference": less, "verdict": verdict}  # fmt: skip


OFF = [
    _figure(0, 1063, 1000, "under"),
    _figure(1, 1200, None, "missing"),
    *(_figure(number, 1000, 1011, "over") for number in range(2, 55)),
]


def _run(wave: Wave, control: str, **found: object) -> ControlRun:
    terms = catalogue()[control].terms.model_dump(mode="json")
    return ControlRun.objects.create(wave=wave, control=control, terms=terms, **found)


def add_run(wave: Wave, control: str, unit: str, *figures: tuple[str, int, int]) -> ControlRun:
    """A run of a control that found these figures too low: key, old, new."""
    totals = [dict.fromkeys(("rows", "under", "left", "under_by"), len(figures)) | {"unit": unit}]
    none = dict.fromkeys(("equal", "within", "over", "missing", "extra", "right", "over_by"), 0)
    run = _run(wave, control, outcome="failed", totals=[none | each for each in totals])
    for key, old, new in figures:
        ControlRow.objects.create(
            run=run, key=key, unit=unit, left_value=old, right_value=new, difference=new - old,
            verdict="under",
        )  # fmt: skip
    return run


def nothing_yet(replacement: Replacement, code: str) -> Replacement:
    """Another change-over, planned with one wave and not reconciled."""
    carrier = Carrier.objects.create(code=code, name=code)
    run = Run.objects.create(
        key=f"replacement/{code}",
        kind="replacement",
        title=code,
        input_hash="ab" * 32,
        stage_count=1,
    )
    other = Replacement.objects.create(
        carrier=carrier, run=run, name=code, as_of_date=estate.JUNE,
        spec=replacement.spec,
    )  # fmt: skip
    Wave.objects.create(replacement=other, position=1, name="Wave 1", cutover_date=estate.JUNE)
    return other


def _found(wave: Wave, number: int, accounts: list[str], **facts: object) -> None:
    counts = {"accounts": len(accounts), "differences": len(accounts)}
    sums = {"over_minor": 0, "under_minor": 0, "currency": "USD"}
    given = sums | facts
    Finding.objects.create(
        replacement=wave.replacement, wave=wave, number=number, **counts, **given
    )


def _stored(store: Store, wave: Wave, members: list[tuple[int, str]]) -> None:
    worth = {"over_minor": 0, "under_minor": 0}
    rows = [{"number": number, "account_key": key} | worth for number, key in members]
    table = pa.Table.from_pylist(rows, schema=FINDING_MEMBER.arrow)
    path = store.path(estate.CARRIER, f"wave-{wave.position}", "finding_member.parquet")
    store.write_table(path, table, FINDING_MEMBER)
