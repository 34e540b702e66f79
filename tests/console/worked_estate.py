"""A wave of the small change-over whose findings wait for people: two that block, one that not."""

import estate
import pyarrow as pa
from django.utils.timezone import now, timedelta

from crossbill.engine.datasets import FINDING_MEMBER
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation.models import Finding
from crossbill.runs.models import Stage

POSITION = 4
TAXED, UNKNOWN = [estate.key(n) for n in (181, 182)], estate.key(183)
DAYS = 3


def add(store: Store, replacement: Replacement) -> Wave:
    """Compare the last wave, of which people decide; its gate waits."""
    classes = {"FORMAT": {"decision": "accept", "owner": "data"}}
    gate = replacement.spec["replacement"]["gate"]
    gate |= {"decide": "people", "classes": classes}
    replacement.save()
    wave = replacement.waves.get(position=POSITION)
    Stage.objects.create(
        run=replacement.run, name=f"reconcile-{POSITION}", title="Compare wave 4", position=9,
        finished_at=now() - timedelta(days=DAYS),
    )  # fmt: skip
    _found(
        wave, 1, "TAX", TAXED, over_minor=150, under_minor=-50, largest_minor=150, owner="tax",
        shared="tax code NY01", description="2 accounts: tax code NY01",
    )  # fmt: skip
    _found(wave, 2, "UNEXPLAINED", [UNKNOWN], under_minor=-900, largest_minor=900,
           description="1 account that nothing sets apart")  # fmt: skip
    _found(wave, 3, "FORMAT", [UNKNOWN], owner="data", description="1 account: a blank")
    rows = [{"number": 1, "account_key": key, "over_minor": 0, "under_minor": 0} for key in TAXED]
    rows += [
        {"number": n, "account_key": UNKNOWN, "over_minor": 0, "under_minor": 0} for n in (2, 3)
    ]
    table = pa.Table.from_pylist(rows, schema=FINDING_MEMBER.arrow)
    path = store.path(estate.CARRIER, f"wave-{POSITION}", "finding_member.parquet")
    store.write_table(path, table, FINDING_MEMBER)
    return wave


def _found(wave: Wave, number: int, class_code: str, accounts: list[str], **facts: object) -> None:
    given = {"over_minor": 0, "under_minor": 0, "largest_minor": 0, "owner": "billing"} | facts
    Finding.objects.create(
        replacement=wave.replacement, wave=wave, number=number, class_code=class_code,
        accounts=len(accounts), differences=len(accounts), currency="USD", fix="mend it", **given,
    )  # fmt: skip
