"""What controls found is evidence: a run and its rows are never changed."""

import django.db.models.deletion
from django.db import migrations, models

from crossbill.runs.immutable import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("migration", "0002_immutable"),
        ("reconciliation", "0002_immutable"),
    ]

    operations = [
        migrations.CreateModel(
            name="ControlRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("control", models.CharField(max_length=60)),
                ("terms", models.JSONField(help_text="The control's declaration at that time")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("no data", "No Data"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.TextField(blank=True, default="", help_text="Why there is no data"),
                ),
                (
                    "totals",
                    models.JSONField(
                        default=list, help_text="Per unit: rows by verdict, sums, over, under"
                    ),
                ),
                ("ran_at", models.DateTimeField(auto_now_add=True)),
                (
                    "wave",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="control_runs",
                        to="migration.wave",
                    ),
                ),
            ],
            options={
                "ordering": ["wave", "control", "id"],
            },
        ),
        migrations.CreateModel(
            name="ControlRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.TextField()),
                ("unit", models.CharField(max_length=60)),
                ("left_value", models.BigIntegerField(blank=True, null=True)),
                ("right_value", models.BigIntegerField(blank=True, null=True)),
                (
                    "difference",
                    models.BigIntegerField(blank=True, help_text="Right less left", null=True),
                ),
                ("verdict", models.CharField(max_length=10)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rows",
                        to="reconciliation.controlrun",
                    ),
                ),
            ],
            options={
                "ordering": ["run", "id"],
            },
        ),
        migrations.AddIndex(
            model_name="controlrun",
            index=models.Index(fields=["wave", "control"], name="control_run_by_wave"),
        ),
        migrations.AddConstraint(
            model_name="controlrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", "no data"), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="no_data_has_a_reason",
            ),
        ),
        append_only("reconciliation_controlrun"),
        append_only("reconciliation_controlrow"),
    ]
