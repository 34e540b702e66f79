"""The key of a bill line names its price as well, so it may be longer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0005_deciding")]

    operations = [
        migrations.AlterField(
            model_name="difference",
            name="record_key",
            field=models.CharField(max_length=400),
        ),
    ]
