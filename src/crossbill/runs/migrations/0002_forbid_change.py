"""The function by which tables become append-only."""

from django.db import migrations

from crossbill.runs.immutable import FORBID


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]
    operations = [FORBID]
