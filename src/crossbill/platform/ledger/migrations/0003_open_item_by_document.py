"""Documents are found by the beginning of their number, in any collation."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_immutable_and_balanced")]

    operations = [
        migrations.AddIndex(
            model_name="openitem",
            index=models.Index(
                fields=["carrier", "document_number"],
                name="open_item_by_document",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            ),
        ),
    ]
