"""The database's tables: which changes are pending, and applying them once however many ask."""

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import OperationalError, connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from crossbill.config import MIGRATION_LOCK
from crossbill.config.client import unreachable


class WholeMigrations(MigrationExecutor):
    """Applies each migration and notes it as done in one transaction.

    Django by itself notes those with indexes or foreign keys afterwards, and a kill between the two
    would leave tables that the next command tries to make again.
    """

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """As Django's; one that asks to be in no transaction is in none."""
        if not migration.atomic:
            return super().apply_migration(state, migration, fake, fake_initial)
        with transaction.atomic():
            return super().apply_migration(state, migration, fake, fake_initial)


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
            _apply()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _apply() -> None:
    """What Django's own command does, by ``WholeMigrations``."""
    executor = WholeMigrations(connection)
    executor.loader.check_consistent_history(connection)
    targets = executor.loader.graph.leaf_nodes()
    state = executor._create_project_state(with_applied_migrations=True)
    told = {"verbosity": 0, "interactive": False, "db": connection.alias}
    told["plan"] = plan = executor.migration_plan(targets)
    emit_pre_migrate_signal(**told, apps=state.apps)  # renames of models add operations to the plan
    executor.migrate(targets, plan=plan, state=state.clone())
    emit_post_migrate_signal(**told)
