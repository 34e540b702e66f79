"""Changes of accounts are never changed; of a contact only the end is."""

from django.db import migrations

from crossbill.runs.immutable import append_only

KEPT = migrations.RunSQL(
    sql="""
    CREATE FUNCTION customer_contact_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.valid_to IS NOT NULL
            OR to_jsonb(NEW) - 'valid_to' IS DISTINCT FROM to_jsonb(OLD) - 'valid_to' THEN
            RAISE EXCEPTION 'a contact can only end, once; another content is a new row'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;

    CREATE TRIGGER customer_contact_is_kept BEFORE UPDATE ON customer_contact
        FOR EACH ROW EXECUTE FUNCTION customer_contact_only_ends();
    """,
    reverse_sql="""
    DROP TRIGGER customer_contact_is_kept ON customer_contact;
    DROP FUNCTION customer_contact_only_ends();
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("customer", "0003_account_terms_and_contacts"),
        ("runs", "0002_forbid_change"),
    ]
    operations = [append_only("customer_accountchange"), KEPT]
