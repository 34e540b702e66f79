"""A discount is never changed or deleted; it can end, once."""

from django.db import migrations

ONLY_ENDS = migrations.RunSQL(
    sql="""
    CREATE FUNCTION concession_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.valid_to IS NOT NULL
            OR to_jsonb(NEW) - 'valid_to' IS DISTINCT FROM to_jsonb(OLD) - 'valid_to' THEN
            RAISE EXCEPTION 'of % only the end can be set, once; other terms are a new row',
                TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;

    CREATE TRIGGER concession_discount_is_kept BEFORE UPDATE ON concession_discount
        FOR EACH ROW EXECUTE FUNCTION concession_only_ends();
    CREATE TRIGGER concession_discount_is_not_deleted
        BEFORE DELETE OR TRUNCATE ON concession_discount
        FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
    """,
    reverse_sql="""
    DROP TRIGGER concession_discount_is_not_deleted ON concession_discount;
    DROP TRIGGER concession_discount_is_kept ON concession_discount;
    DROP FUNCTION concession_only_ends();
    """,
)


class Migration(migrations.Migration):
    dependencies = [("concession", "0001_initial"), ("runs", "0002_forbid_change")]
    operations = [ONLY_ENDS]
