"""Who pays is kept: of a payer only the end is set, and the history says from which day."""

from django.db import migrations, models

ONLY_ENDS = migrations.RunSQL(
    sql="""
    CREATE FUNCTION customer_payer_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_jsonb(NEW) - 'valid_to' IS DISTINCT FROM to_jsonb(OLD) - 'valid_to'
            OR coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity') THEN
            RAISE EXCEPTION 'of a payer only the end can be set, and only earlier'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;

    CREATE TRIGGER customer_payer_is_kept BEFORE UPDATE ON customer_payer
        FOR EACH ROW EXECUTE FUNCTION customer_payer_only_ends();
    CREATE TRIGGER customer_payer_is_not_deleted BEFORE DELETE OR TRUNCATE ON customer_payer
        FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
    """,
    reverse_sql="""
    DROP TRIGGER customer_payer_is_not_deleted ON customer_payer;
    DROP TRIGGER customer_payer_is_kept ON customer_payer;
    DROP FUNCTION customer_payer_only_ends();
    """,
)
LASTS = models.Q(
    ("valid_to__isnull", True), ("valid_to__gt", models.F("valid_from")), _connector="OR"
)


class Migration(migrations.Migration):
    dependencies = [("customer", "0005_payers")]
    operations = [
        migrations.AlterField(
            model_name="accountchange",
            name="before",
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AlterField(
            model_name="accountchange",
            name="after",
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AddField(
            model_name="accountchange",
            name="effective_date",
            field=models.DateField(
                blank=True, help_text="First day on which it holds; none: at once", null=True
            ),
        ),
        migrations.RemoveConstraint(model_name="payer", name="payer_once_a_day"),
        migrations.AddConstraint(
            model_name="payer",
            constraint=models.UniqueConstraint(
                condition=LASTS,
                fields=("account", "category", "payer_key", "valid_from"),
                name="payer_once_a_day",
                nulls_distinct=False,
            ),
        ),
        ONLY_ENDS,
    ]
