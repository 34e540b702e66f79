"""Findings are evidence, as the differences are: they are added and never changed."""

import django.db.models.deletion
from django.db import migrations, models

from crossbill.runs.immutable import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("migration", "0002_immutable"),
        ("reconciliation", "0003_control_runs"),
    ]

    operations = [
        migrations.CreateModel(
            name="Finding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(help_text="Within the wave")),
                ("class_code", models.CharField(max_length=30)),
                (
                    "subject",
                    models.CharField(
                        blank=True, help_text="A field with own causes", max_length=100
                    ),
                ),
                (
                    "shared",
                    models.CharField(
                        blank=True, help_text="What its accounts share", max_length=300
                    ),
                ),
                ("description", models.TextField()),
                ("accounts", models.BigIntegerField()),
                (
                    "matching",
                    models.BigIntegerField(
                        blank=True, help_text="Who share it, all told", null=True
                    ),
                ),
                ("differences", models.BigIntegerField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("over_minor", models.BigIntegerField(help_text="What the new side has more")),
                ("under_minor", models.BigIntegerField(help_text="What it has less, below zero")),
                ("owner", models.CharField(max_length=60)),
                ("fix", models.TextField()),
                (
                    "mended_accounts",
                    models.BigIntegerField(blank=True, help_text="By the fix, tried", null=True),
                ),
                (
                    "left_accounts",
                    models.BigIntegerField(blank=True, help_text="That still differ", null=True),
                ),
                (
                    "replacement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="migration.replacement",
                    ),
                ),
                (
                    "wave",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="migration.wave",
                    ),
                ),
            ],
            options={
                "ordering": ["wave", "number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("wave", "number"), name="finding_number_once_a_wave"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("over_minor__gte", 0), ("under_minor__lte", 0)),
                        name="finding_never_nets_over_and_under",
                    ),
                ],
            },
        ),
        append_only("reconciliation_finding"),
    ]
