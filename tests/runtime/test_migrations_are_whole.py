"""A migration is made and noted as done in one step, so that no kill can come between."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from crossbill.config.tables import WholeMigrations


class Killed(BaseException):
    """As far as the transaction goes, what a kill is."""


class Indexed(migrations.Migration):
    """Its index is made last, for which Django notes the migration after its transaction."""

    operations = [
        migrations.CreateModel(
            "Half",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("code", models.CharField(max_length=9, db_index=True)),
            ],
        )
    ]


@pytest.mark.django_db(transaction=True)
def test_what_is_not_noted_is_not_made(monkeypatch):
    executor = WholeMigrations(connection)

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(executor, "record_migration", killed)
    with pytest.raises(Killed):
        executor.apply_migration(ProjectState(), Indexed("0001", "runs"))
    assert "runs_half" not in connection.introspection.table_names()
