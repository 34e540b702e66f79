"""A later extract of the same system, read beside what was loaded."""

import django.db.models.deletion
from django.db import migrations, models

from crossbill.runs.immutable import append_only


class Migration(migrations.Migration):
    dependencies = [("migration", "0002_immutable"), ("runs", "0002_forbid_change")]
    operations = [
        migrations.CreateModel(
            name="LaterExtract",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("as_of_date", models.DateField(help_text="Its business date")),
                (
                    "folder",
                    models.CharField(
                        help_text="Below the carrier's part of the store", max_length=120
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "replacement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="later_extracts",
                        to="migration.replacement",
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="runs.run"
                    ),
                ),
            ],
            options={"ordering": ["replacement", "id"]},
        ),
        append_only("migration_laterextract"),
    ]
