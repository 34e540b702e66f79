"""A catalogue that a change-over takes over is loaded and published by nobody."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Either two people, or nobody at all."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("product", "0007_contracts_go_along"),
    ]

    operations = [
        migrations.AlterField(
            model_name="catalogueversion",
            name="drafted_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveConstraint("catalogueversion", "catalogue_status_fits"),
        migrations.RemoveConstraint("catalogueversion", "catalogue_two_people"),
        migrations.AddConstraint(
            "catalogueversion",
            models.CheckConstraint(
                name="catalogue_status_fits",
                condition=models.Q(
                    status="draft",
                    published_by__isnull=True,
                    published_at__isnull=True,
                    retired_at__isnull=True,
                )
                | models.Q(status="published", published_at__isnull=False, retired_at__isnull=True)
                | models.Q(status="retired", published_at__isnull=False, retired_at__isnull=False),
            ),
        ),
        migrations.AddConstraint(
            "catalogueversion",
            models.CheckConstraint(
                name="catalogue_two_people_or_nobody",
                condition=models.Q(status="draft", drafted_by__isnull=False)
                | models.Q(drafted_by__isnull=True, published_by__isnull=True)
                | models.Q(drafted_by__isnull=False, published_by__isnull=False)
                & ~models.Q(published_by=models.F("drafted_by")),
            ),
        ),
    ]
