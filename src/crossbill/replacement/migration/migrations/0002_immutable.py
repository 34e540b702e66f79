"""What was suspended stays on record."""

from django.db import migrations

from crossbill.runs.immutable import append_only


class Migration(migrations.Migration):
    dependencies = [("migration", "0001_initial"), ("runs", "0002_forbid_change")]
    operations = [append_only("migration_suspendedrecord")]
