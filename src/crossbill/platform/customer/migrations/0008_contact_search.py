"""The words and numbers of contacts, indexed so that a search costs what it finds."""

from django.db import migrations

INDEXES = migrations.RunSQL(
    sql="""
    CREATE INDEX contact_by_words ON customer_contact USING gin (
        customer_words(name || ' ' || email));
    CREATE INDEX contact_by_phone ON customer_contact (
        translate(phone, ' -/().\u00a0', '') text_pattern_ops);
    """,
    reverse_sql="DROP INDEX contact_by_phone; DROP INDEX contact_by_words;",
)


class Migration(migrations.Migration):
    dependencies = [("customer", "0007_contact_key")]

    operations = [INDEXES]
