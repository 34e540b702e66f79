"""The database's tables: which changes are pending, and applying them once however many ask."""

from django.apps import apps
from django.contrib.auth import get_permission_codename
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


def _is_complete() -> bool:
    """Whether all is done: after the last migration Django makes the permissions."""
    return not pending_changes() and not _missing_permissions()


def _missing_permissions() -> set[tuple[str, str]]:
    """What a kill between the last migration and the end of the command has left out."""
    models = [model._meta for model in apps.get_models()]
    wanted = {
        (model.app_label, get_permission_codename(action, model))
        for model in models
        for action in model.default_permissions
    }
    wanted |= {(model.app_label, codename) for model in models for codename, _ in model.permissions}
    found = "SELECT app_label, codename FROM auth_permission JOIN django_content_type c "
    with connection.cursor() as cursor:
        cursor.execute(found + "ON c.id = content_type_id")
        return wanted - set(cursor.fetchall())


def bring_up_to_date() -> None:
    """Apply the pending migrations; of several commands one does it and the others wait."""
    if _is_complete():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        if not _is_complete():
            call_command("migrate", verbosity=0, interactive=False)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
