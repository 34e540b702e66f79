"""The database's tables: which changes are pending, and applying them once however many ask."""

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from crossbill.config import MIGRATION_LOCK
from crossbill.config.client import unreachable


def pending_changes() -> list[str]:
    """The migrations that this release has and the database has not, in their order."""
    try:
        executor = MigrationExecutor(connection)
    except OperationalError as error:
        raise unreachable(error) from None
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def bring_up_to_date() -> None:
    """Apply the pending migrations; of several commands one does it and the others wait."""
    if not pending_changes():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        if pending_changes():
            call_command("migrate", verbosity=0, interactive=False)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
