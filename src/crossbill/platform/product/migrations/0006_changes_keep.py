"""Changes are never changed; of a product, and of an identifier's holder, only the end is."""

from django.db import migrations

from crossbill.runs.immutable import append_only

# An end may move, for that is what a change is; who held what, since when, may not.
KEPT = migrations.RunSQL(
    sql="""
    CREATE FUNCTION product_only_its_end_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_jsonb(NEW) - TG_ARGV[0] IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV[0] THEN
            RAISE EXCEPTION 'of % only % changes; another content is a new row',
                TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;

    CREATE TRIGGER product_product_is_kept BEFORE UPDATE ON product_product
        FOR EACH ROW EXECUTE FUNCTION product_only_its_end_changes('end_date');
    CREATE TRIGGER product_serviceidentifier_is_kept BEFORE UPDATE ON product_serviceidentifier
        FOR EACH ROW EXECUTE FUNCTION product_only_its_end_changes('valid_to');
    CREATE TRIGGER product_serviceidentifier_is_not_deleted
        BEFORE DELETE OR TRUNCATE ON product_serviceidentifier
        FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
    ALTER TABLE product_serviceidentifier ADD CONSTRAINT identifier_has_one_holder
        EXCLUDE USING gist (int8range(carrier_id, carrier_id, '[]') WITH &&,
                            crossbill_point(identifier) WITH &&,
                            daterange(valid_from, valid_to) WITH &&);
    """,
    reverse_sql="""
    ALTER TABLE product_serviceidentifier DROP CONSTRAINT identifier_has_one_holder;
    DROP TRIGGER product_serviceidentifier_is_not_deleted ON product_serviceidentifier;
    DROP TRIGGER product_serviceidentifier_is_kept ON product_serviceidentifier;
    DROP TRIGGER product_product_is_kept ON product_product;
    DROP FUNCTION product_only_its_end_changes();
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("product", "0005_productchange_serviceidentifier"),
        ("runs", "0002_forbid_change"),
    ]
    operations = [KEPT, append_only("product_productchange")]
