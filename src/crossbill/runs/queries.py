"""What pages and commands ask about runs."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, QuerySet

from crossbill.runs.models import LogLine, Run, Stage


def is_alive(run: Run) -> bool:
    """Whether a process holds the run's lock; one that is running and not alive was interrupted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND objsubid = 1 AND granted
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND (classid::bigint << 32) | objid::bigint = hashtextextended(%s, 0)
            )
            """,
            [run.key],
        )
        return bool(cursor.fetchone()[0])


def standing(run: Run) -> str:
    """The state for a person: done, failed, waiting, running or interrupted."""
    if run.status == Run.Status.RUNNING and not is_alive(run):
        return "interrupted"
    return str(run.status)


def receipts(run: Run, stage: str) -> dict[str, dict[str, object]]:
    """The stored receipts of a stage by chunk key."""
    chunks = run.stages.get(name=stage).chunks
    return dict(chunks.values_list("key", "receipt"))


@dataclass(frozen=True)
class StageProgress:
    """One stage with the number of its chunks that are done."""

    stage: Stage
    chunks_done: int

    @property
    def is_finished(self) -> bool:
        """Whether the stage was closed and proved."""
        return self.stage.finished_at is not None


@dataclass(frozen=True)
class RunProgress:
    """How far a run has come, for its page."""

    run: Run
    standing: str
    stages: list[StageProgress]

    @property
    def is_moving(self) -> bool:
        """Whether it is worth looking again in a moment: also one that stopped may be resumed."""
        return self.standing != "done"

    @property
    def percent(self) -> int:
        """Finished stages and the started one's share of chunks, rounded down."""
        if self.standing == "done":
            return 100
        shares = [_stage_percent(progress) for progress in self.stages]
        return min(99, sum(shares) // max(self.run.stage_count, len(shares), 1))


def _stage_percent(progress: StageProgress) -> int:
    if progress.is_finished:
        return 100
    return progress.chunks_done * 100 // max(progress.stage.chunk_count, 1)


def recent() -> QuerySet[Run]:
    """All runs, the newest first."""
    return Run.objects.order_by("-created_at", "-id")


def with_standing(runs: Iterable[Run]) -> list[tuple[Run, str]]:
    """Each run with its state for a person."""
    return [(run, standing(run)) for run in runs]


def progress(run: Run) -> RunProgress:
    """The run's stages and where it stands now."""
    stages = run.stages.annotate(chunks_done=Count("chunks")).order_by("position")
    done = [StageProgress(stage, stage.chunks_done) for stage in stages]
    return RunProgress(run=run, standing=standing(run), stages=done)


def last_words(run: Run, limit: int = 200) -> list[LogLine]:
    """The end of the run's log, in order."""
    return list(run.log_lines.order_by("-id")[:limit])[::-1]
