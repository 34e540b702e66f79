"""What stands in a pack: the parts of one wave, read from the books in a fixed order."""

import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, ClassVar

from django.db import connection
from psycopg import sql

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.migration.queries import new_policy, old_policy
from crossbill.replacement.reconciliation.attachments import content
from crossbill.replacement.reconciliation.deciding_queries import submission_of
from crossbill.replacement.reconciliation.evidence import tables
from crossbill.replacement.reconciliation.evidence.guide import GUIDE
from crossbill.replacement.reconciliation.evidence.verify import FILES
from crossbill.replacement.reconciliation.models import Attachment, Gate
from crossbill.replacement.reconciliation.queries import signatures_needed
from crossbill.replacement.reconciliation.shadow_bills import folder
from crossbill.runs.models import Stage

Blocks = Iterator[bytes]
OF_A_WAVE = re.compile(r"-(\d+)$")


class EvidenceLost(Refusal):
    """The stored evidence is not what people signed. Restore the store from a backup."""

    code: ClassVar[str] = "EVIDENCE_LOST"


def parts_of(wave: Wave, gate: Gate, store: Store) -> Iterator[tuple[str, Blocks]]:
    """Every part by name, in the order of the pack; the reader's guide comes first."""
    evidence = signed_evidence(wave, gate, store)
    documents: dict[str, Callable[[], Any]] = {
        "pack.json": lambda: _pack(wave, gate),
        "terms.json": lambda: wave.replacement.spec["replacement"],
        "stages.json": lambda: [_stage(stage) for stage in stages_of(wave)],
    }
    yield "README.txt", iter([GUIDE.encode()])
    for name, document in documents.items():
        yield name, iter([as_text(document())])
    yield "evidence.json", iter([evidence])
    for name, table in tables.TABLES.items():
        yield name, _rows(table, wave)
    for sha256, attachment in sorted(_attached(wave).items()):
        yield f"{FILES}{sha256}", iter([content(store, attachment)])


def _attached(wave: Wave) -> dict[str, Attachment]:
    """The files that go with comments on the wave's findings, each once, by hash."""
    found = Attachment.objects.filter(comment__finding__wave=wave)
    rows = found.select_related("comment__finding__wave__replacement__carrier")
    return {each.sha256: each for each in rows}


def as_text(document: Any) -> bytes:
    """A document as JSON that has one form only."""
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, default=str)
    return f"{text}\n".encode()


def signed_evidence(wave: Wave, gate: Gate, store: Store) -> bytes:
    """The bytes under which people put their names, as they were stored."""
    path = store.path(wave.replacement.carrier.code, folder(wave.position), "evidence.json")
    cure = "restore the store from a backup that was made after the gate was decided"
    if not store.exists(path):
        raise EvidenceLost("The gate's evidence is not in the store", file=path, cure=cure)
    if store.hash(path) != gate.evidence_sha256:
        raise EvidenceLost("The gate's evidence was changed in the store", file=path, cure=cure)
    with store.open(path) as file:
        return bytes(file.read())


def _pack(wave: Wave, gate: Gate) -> dict[str, Any]:
    """Whose wave this is, what decided it, and by which versions."""
    replacement = wave.replacement
    after = new_policy(replacement)
    return {
        "pack": 4,
        "packed_by": f"crossbill {version('crossbill')}",
        "carrier": {"code": replacement.carrier.code, "name": replacement.carrier.name},
        "change_over": replacement.name,
        "as_of_date": replacement.as_of_date,
        "wave": wave.name,
        "position": wave.position,
        "cutover_date": wave.cutover_date,
        "live_at": _instant(wave.live_at),
        "policies": {
            "old": old_policy(replacement).as_row(),
            "new": after.as_row() if after else None,
        },
        "gate": {
            "result": gate.result,
            "decided_at": _instant(gate.decided_at),
            "evidence_sha256": gate.evidence_sha256,
            "approvers_needed": signatures_needed(replacement),
        },
        "submitted": _submitted(wave),
    }


def _submitted(wave: Wave) -> dict[str, Any] | None:
    """Who took the wave to its gate, where people decided before it."""
    found = submission_of(wave)
    if found is None:
        return None
    by = found.made_by.get_username()
    return {"by": by, "at": _instant(found.made_at), "day": found.day}


def stages_of(wave: Wave) -> list[Stage]:
    """The stages of the whole extract and those of this wave, in order."""
    stages = wave.replacement.run.stages.order_by("position").prefetch_related("chunks")
    named = [(stage, OF_A_WAVE.search(stage.name)) for stage in stages]
    return [stage for stage, own in named if own is None or int(own[1]) == wave.position]


def _stage(stage: Stage) -> dict[str, Any]:
    """A stage with its control totals and the receipt of each of its chunks."""
    counts = ("records_in", "accepted", "duplicate", "suspended", "sums", "notes")
    return {
        "stage": stage.name,
        "title": stage.title,
        "started_at": _instant(stage.started_at),
        "finished_at": _instant(stage.finished_at),
        "chunks": [
            {"chunk": c.key, "finished_at": _instant(c.finished_at), "receipt": c.receipt}
            for c in sorted(stage.chunks.all(), key=lambda chunk: str(chunk.key))
        ],
    } | {name: getattr(stage, name) for name in counts}


def _instant(at: Any) -> str | None:
    return at.isoformat() if at else None


def _rows(table: tables.Table, wave: Wave) -> Blocks:
    """A table of the books as CSV, straight from the database."""
    parameters = {"wave": wave.id, "replacement": wave.replacement_id}
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(table.query())
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        yield from (bytes(block) for block in copy)
