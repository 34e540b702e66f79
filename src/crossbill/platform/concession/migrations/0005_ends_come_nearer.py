"""What was granted up to a day can end before it; it never ends later."""

from django.db import migrations, models

FUNCTION = """
    CREATE OR REPLACE FUNCTION concession_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF {ended}
            OR to_jsonb(NEW) - 'valid_to' IS DISTINCT FROM to_jsonb(OLD) - 'valid_to' THEN
            RAISE EXCEPTION 'of % only the end can be set, {how}; other terms are a new row',
                TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
"""
ENDS_COME_NEARER = migrations.RunSQL(
    sql=FUNCTION.format(
        ended="coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity')",
        how="and only earlier",
    ),
    reverse_sql=FUNCTION.format(ended="OLD.valid_to IS NOT NULL", how="once"),
)
LASTS = models.Q(
    ("valid_to__isnull", True), ("valid_to__gt", models.F("valid_from")), _connector="OR"
)


class Migration(migrations.Migration):
    dependencies = [("concession", "0004_exemptions_keep"), ("customer", "0006_payers_keep")]
    operations = [
        migrations.RemoveConstraint(model_name="exemption", name="exemption_once_a_day"),
        migrations.AddConstraint(
            model_name="exemption",
            constraint=models.UniqueConstraint(
                condition=LASTS,
                fields=("account", "tax_name", "valid_from"),
                name="exemption_once_a_day",
                nulls_distinct=False,
            ),
        ),
        ENDS_COME_NEARER,
    ]
