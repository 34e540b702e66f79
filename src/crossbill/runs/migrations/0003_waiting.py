"""A run may wait for people."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0002_forbid_change"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="status",
            field=models.CharField(
                choices=[
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("waiting", "Waiting"),
                ],
                default="running",
                max_length=10,
            ),
        ),
    ]
