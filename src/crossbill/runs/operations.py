"""The executor: does each chunk once, whatever kills it, and proves each stage."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from crossbill.core.ids import fingerprint
from crossbill.core.refusal import Refusal
from crossbill.runs import models
from crossbill.runs.progress import Progress
from crossbill.runs.receipt import REFUSED, Receipt, total

# COPY raises the driver's own errors, past Django's.
GIVEN_UP = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class RunIsBusy(Refusal):
    """Another process is doing this run. Wait for it, or look at its page in the console."""

    code: ClassVar[str] = "RUN_IS_BUSY"


class DatabaseLost(Refusal):
    """PostgreSQL went away or could not go on. Nothing is half done: run the command again."""

    code: ClassVar[str] = "DATABASE_LOST"
    exit_code: ClassVar[int] = 3


class InputsChanged(Refusal):
    """The run began with other inputs. Give back the old inputs or use a new name."""

    code: ClassVar[str] = "INPUTS_CHANGED"


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    ``chunks`` names the parts when the stage starts, the same names in every attempt. ``work`` does
    one part inside a transaction together with the mark that it is done; files it writes may be
    written again by a later attempt, so it must write the same bytes. ``waits_for`` says, before
    the stage begins, what people have to do first; empty where it can be done.
    """

    name: str
    title: str
    work: Callable[[str], Receipt]
    chunks: Callable[[], Sequence[str]] = lambda: ("all",)
    waits_for: Callable[[], str] = lambda: ""


def execute(  # noqa: PLR0913 - what names a run
    *,
    key: str,
    kind: str,
    title: str,
    inputs: Mapping[str, str],
    stages: Sequence[Stage],
    progress: Progress,
    prepare: Callable[[models.Run], None] = lambda run: None,
    before_resuming: Callable[[models.Run], None] = lambda run: None,
) -> models.Run:
    """Do the run, or what is left of it. ``inputs`` maps each input's name to its hash.

    Where a stage waits for people, the run is left ``waiting``; a later start looks again.
    ``prepare`` is called with the new run, in the transaction that creates it; ``before_resuming``
    with one that an earlier attempt left unfinished, and may refuse to go on with it.
    """
    with _database_kept(), _alone(key):
        run = _begin(key, kind, title, fingerprint(inputs), len(stages), prepare)
        if run.status == models.Run.Status.DONE:
            return run
        with _failure_recorded(run):
            if run.attempts > 1:
                before_resuming(run)
            for position, stage in enumerate(stages):
                if not _is_begun(run, stage) and (what := stage.waits_for()):
                    _wait(run, what)
                    return run
                _do_stage(run, position, stage, progress)
            _finish(run)
    return run


@contextmanager
def _database_kept() -> Iterator[None]:
    """Tell in a sentence that the database ended the work: it went away, or its disk is full."""
    try:
        yield
    except GIVEN_UP as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DatabaseLost(
            f"PostgreSQL ended the work: {reason}",
            cure="see that it runs and its disk has room, then run the same command again to go on",
        ) from error


@contextmanager
def _alone(key: str) -> Iterator[None]:
    """Hold the run's advisory lock; PostgreSQL frees it however this connection ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        if not cursor.fetchone()[0]:
            raise RunIsBusy(
                f"The run {key} is being done by another process",
                cure="wait until it has ended; its progress is in the console",
            )
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _begin(  # noqa: PLR0913 - passes on what names a run
    key: str,
    kind: str,
    title: str,
    input_hash: str,
    stage_count: int,
    prepare: Callable[[models.Run], None],
) -> models.Run:
    with transaction.atomic():
        run, created = models.Run.objects.get_or_create(
            key=key,
            defaults={
                "kind": kind,
                "title": title,
                "input_hash": input_hash,
                "stage_count": stage_count,
            },
        )
        if created:
            prepare(run)
    if run.input_hash != input_hash:
        raise InputsChanged(
            f"The run {key} began with other inputs",
            cure="give it the files that it began with, or start under another carrier code",
        )
    if not created and run.status != models.Run.Status.DONE:
        run.attempts += 1
        run.status, run.failure = models.Run.Status.RUNNING, ""
        run.save(update_fields=["attempts", "status", "failure"])
    return run


@contextmanager
def _failure_recorded(run: models.Run) -> Iterator[None]:
    """Write down why a run stopped, where the database is still there to write to."""
    try:
        yield
    except Exception as failure:
        if connection.is_usable():
            run.status = models.Run.Status.FAILED
            run.failure = str(failure) if isinstance(failure, Refusal) else type(failure).__name__
            run.save(update_fields=["status", "failure"])
        raise


def _is_begun(run: models.Run, stage: Stage) -> bool:
    return run.stages.filter(name=stage.name).exists()


def _wait(run: models.Run, what: str) -> None:
    run.status = models.Run.Status.WAITING
    run.save(update_fields=["status"])
    models.LogLine.objects.create(run=run, text=what)


def _do_stage(run: models.Run, position: int, stage: Stage, progress: Progress) -> None:
    keys = stage.chunks()
    record, _ = models.Stage.objects.get_or_create(
        run=run,
        name=stage.name,
        defaults={"title": stage.title, "position": position, "chunk_count": len(keys)},
    )
    if record.finished_at is not None:
        return
    done = set(record.chunks.values_list("key", flat=True))
    progress.stage_started(stage.title, len(keys), len(done))
    for key in keys:
        if key not in done:
            _do_chunk(record, stage, key)
            progress.chunk_done()
    summary = _prove(record, len(keys))
    progress.stage_done(stage.title, summary, refused=REFUSED in record.notes)


def _do_chunk(record: models.Stage, stage: Stage, key: str) -> None:
    with transaction.atomic():
        receipt = stage.work(key)
        models.Chunk.objects.create(stage=record, key=key, receipt=receipt.as_json())


def _prove(record: models.Stage, chunk_count: int) -> str:
    """Close the stage with its totals; returns them in words."""
    receipts = list(record.chunks.values_list("receipt", flat=True))
    assert len(receipts) == chunk_count, f"{record}: {len(receipts)} of {chunk_count} chunks"
    receipt = total(receipts)
    with transaction.atomic():
        record.records_in, record.accepted = receipt.records_in, receipt.accepted
        record.duplicate, record.suspended = receipt.duplicate, receipt.suspended
        record.sums, record.notes = receipt.sums, receipt.notes
        record.finished_at = timezone.now()
        record.save()
        models.LogLine.objects.create(run=record.run, text=f"{record.title}: {_words(receipt)}")
    return _words(receipt)


def _words(receipt: Receipt) -> str:
    parts = [f"{receipt.accepted:,} accepted"] if receipt.records_in else []
    parts += [receipt.notes[REFUSED]] if REFUSED in receipt.notes else []
    parts += [f"{receipt.duplicate:,} duplicate"] if receipt.duplicate else []
    parts += [f"{receipt.suspended:,} suspended"] if receipt.suspended else []
    notes = sorted(receipt.notes.items())
    parts += [f"{name} {value:,}" for name, value in notes if _is_count(value)]
    return ", ".join(parts) or "done"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _finish(run: models.Run) -> None:
    run.status, run.finished_at = models.Run.Status.DONE, timezone.now()
    run.save(update_fields=["status", "finished_at"])
