"""What accounts have promised to spend; never changed or deleted, it can end earlier."""

import django.db.models.deletion
from django.db import migrations, models

ONLY_ENDS = migrations.RunSQL(
    sql="""
    CREATE TRIGGER concession_commitment_is_kept BEFORE UPDATE ON concession_commitment
        FOR EACH ROW EXECUTE FUNCTION concession_only_ends();
    CREATE TRIGGER concession_commitment_is_not_deleted
        BEFORE DELETE OR TRUNCATE ON concession_commitment
        FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
    """,
    reverse_sql="""
    DROP TRIGGER concession_commitment_is_not_deleted ON concession_commitment;
    DROP TRIGGER concession_commitment_is_kept ON concession_commitment;
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("concession", "0005_ends_come_nearer"),
        ("customer", "0007_contact_key"),
        ("product", "0010_feature"),
    ]

    operations = [
        migrations.CreateModel(
            name="Commitment",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("commitment_key", models.CharField(max_length=60)),
                (
                    "category",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("recurring", "Recurring"),
                            ("usage", "Usage"),
                            ("one_time", "One Time"),
                        ],
                        max_length=10,
                        null=True,
                    ),
                ),
                (
                    "amount_minor",
                    models.BigIntegerField(help_text="So much a bill period, after discounts"),
                ),
                (
                    "prorated",
                    models.BooleanField(help_text="Part of a period needs its share only"),
                ),
                (
                    "tax_category",
                    models.CharField(help_text="Of what is added to reach it", max_length=40),
                ),
                ("valid_from", models.DateField()),
                (
                    "valid_to",
                    models.DateField(blank=True, help_text="First day no longer valid", null=True),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commitments",
                        to="customer.billingaccount",
                    ),
                ),
                (
                    "carrier",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="customer.carrier",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="product.product",
                    ),
                ),
            ],
            options={
                "ordering": ["account", "valid_from", "commitment_key"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("carrier", "commitment_key"), name="commitment_once_per_carrier"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)),
                        name="commitment_is_of_an_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__isnull", True),
                            ("category__in", ["recurring", "usage", "one_time"]),
                            _connector="OR",
                        ),
                        name="commitment_category_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to__isnull", True),
                            ("valid_to__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="commitment_ends_after_it_starts",
                    ),
                ],
            },
        ),
        ONLY_ENDS,
    ]
