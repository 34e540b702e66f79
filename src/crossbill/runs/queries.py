"""What pages and commands ask about runs."""

from django.db import connection

from crossbill.runs.models import Run


def is_alive(run: Run) -> bool:
    """Whether a process holds the run's lock now; a running run that is not alive was interrupted."""
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
    """The state for a person: done, failed, running or interrupted."""
    if run.status == Run.Status.RUNNING and not is_alive(run):
        return "interrupted"
    return str(run.status)


def receipts(run: Run, stage: str) -> dict[str, dict[str, object]]:
    """The stored receipts of a stage by chunk key."""
    chunks = run.stages.get(name=stage).chunks
    return dict(chunks.values_list("key", "receipt"))
