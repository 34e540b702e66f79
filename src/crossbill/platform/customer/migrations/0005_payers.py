"""Who pays for whom, and which part."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customer", "0004_account_changes_keep"),
    ]

    operations = [
        migrations.CreateModel(
            name="Payer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("payer_key", models.CharField(max_length=40)),
                ("category", models.CharField(blank=True, max_length=10, null=True)),
                ("share_ppm", models.PositiveIntegerField(help_text="Millionths")),
                ("valid_from", models.DateField(help_text="Of a bill period its first day counts")),
                (
                    "valid_to",
                    models.DateField(
                        blank=True, help_text="First day no longer paid so", null=True
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payers",
                        to="customer.billingaccount",
                    ),
                ),
            ],
            options={
                "ordering": ["account", "category", "payer_key", "valid_from"],
                "indexes": [models.Index(fields=["payer_key"], name="payer_by_key")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "category", "payer_key", "valid_from"),
                        name="payer_once_a_day",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("share_ppm__range", (1, 1000000))),
                        name="payer_pays_a_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to__isnull", True),
                            ("valid_to__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="payer_ends_after_it_starts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__isnull", True),
                            ("category__in", ["recurring", "usage", "one_time"]),
                            _connector="OR",
                        ),
                        name="payer_category_is_known",
                    ),
                ],
            },
        ),
    ]
