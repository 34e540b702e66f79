"""The database's tables: which changes are pending, and applying them once however many ask."""

from typing import ClassVar
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from crossbill.config import MIGRATION_LOCK
from crossbill.config.environment import read_environment
from crossbill.core.refusal import Refusal


class DatabaseUnreachable(Refusal):
    """PostgreSQL does not answer or turned us away. Check the address and the account."""

    code: ClassVar[str] = "DATABASE_UNREACHABLE"


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


def unreachable(error: Exception) -> DatabaseUnreachable:
    """The refusal for a server that cannot be reached, without the password."""
    url = read_environment().database_url
    parts = urlsplit(url.get_secret_value()) if url else None
    reason = str(error).strip().splitlines()[0]
    return DatabaseUnreachable(
        f"The database cannot be reached: {reason}",
        field="DATABASE_URL" if parts else None,
        value=f"{parts.scheme}://{parts.hostname}{parts.path}" if parts else None,
        cure="Check that the server runs and that DATABASE_URL has the right host, port, database, "
        "user and password; unset it for the embedded PostgreSQL."
        if parts
        else "Run `crossbill db status`, then the command again.",
    )
