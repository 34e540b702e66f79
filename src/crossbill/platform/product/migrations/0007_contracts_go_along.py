"""A contract goes with what a change makes of a product: it is borne there, and not in two places.

Until now the product that ended kept its contract too, so that an upgrade cost what leaving costs.
"""

from django.db import migrations

# A contract's end appears and disappears; it never becomes another day.
KEPT = migrations.RunSQL(
    sql="""
    CREATE FUNCTION product_product_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        may_change text[] := ARRAY['end_date', 'contract_end_date'];
    BEGIN
        IF to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
           OR NEW.contract_end_date <> OLD.contract_end_date THEN
            RAISE EXCEPTION 'of product_product only end_date changes, and whether a contract is '
                'borne; another content is a new row'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;

    DROP TRIGGER product_product_is_kept ON product_product;
    CREATE TRIGGER product_product_is_kept BEFORE UPDATE ON product_product
        FOR EACH ROW EXECUTE FUNCTION product_product_only_ends();
    """,
    reverse_sql="""
    DROP TRIGGER product_product_is_kept ON product_product;
    CREATE TRIGGER product_product_is_kept BEFORE UPDATE ON product_product
        FOR EACH ROW EXECUTE FUNCTION product_only_its_end_changes('end_date');
    DROP FUNCTION product_product_only_ends();
    """,
)

# Of what the last change has suspended, or made another product that was held for a day.
GONE_ALONG = migrations.RunSQL(
    sql="""
    UPDATE product_product p SET contract_end_date = NULL
    FROM product_productchange c LEFT JOIN product_product r ON r.id = c.resulting_product_id
    WHERE c.product_id = p.id AND p.contract_end_date IS NOT NULL
      AND c.id = (SELECT max(id) FROM product_productchange
                  WHERE product_id = p.id OR resulting_product_id = p.id)
      AND (c.kind = 'suspend'
           OR r.id <> p.id AND (r.end_date IS NULL OR r.end_date > r.start_date));
    """,
    reverse_sql=migrations.RunSQL.noop,
)


class Migration(migrations.Migration):
    dependencies = [("product", "0006_changes_keep")]
    operations = [KEPT, GONE_ALONG]
