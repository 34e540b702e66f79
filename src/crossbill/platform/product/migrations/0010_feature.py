"""What services can do or must not do, taken over with them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("product", "0009_own_price_of_a_bundle"),
    ]

    operations = [
        migrations.CreateModel(
            name="Feature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("feature_code", models.CharField(max_length=40)),
                ("valid_from", models.DateField()),
                (
                    "valid_to",
                    models.DateField(blank=True, help_text="First day no longer", null=True),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="features",
                        to="product.product",
                    ),
                ),
            ],
            options={
                "ordering": ["product", "feature_code", "valid_from"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("product", "feature_code", "valid_from"),
                        name="feature_begins_once_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to__isnull", True),
                            ("valid_to__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="feature_ends_after_it_starts",
                    ),
                ],
            },
        ),
    ]
