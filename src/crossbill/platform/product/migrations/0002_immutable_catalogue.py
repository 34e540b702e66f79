"""Published prices and tax rates are never changed, and no two versions of one overlap."""

from django.db import migrations

from crossbill.runs.immutable import append_only

# The embedded PostgreSQL has no btree_gist, so equality is written as overlap of one-point ranges.
NO_OVERLAP = migrations.RunSQL(
    sql="""
    CREATE FUNCTION crossbill_point(value text) RETURNS numrange LANGUAGE sql IMMUTABLE STRICT AS
        $$ SELECT numrange(hashtextextended(value, 0)::numeric,
                           hashtextextended(value, 0)::numeric, '[]') $$;
    ALTER TABLE product_productofferingprice ADD CONSTRAINT price_versions_do_not_overlap
        EXCLUDE USING gist (int8range(offering_id, offering_id, '[]') WITH &&,
                            crossbill_point(currency) WITH &&,
                            daterange(valid_from, valid_to) WITH &&);
    ALTER TABLE product_taxrate ADD CONSTRAINT tax_rates_do_not_overlap
        EXCLUDE USING gist (int8range(carrier_id, carrier_id, '[]') WITH &&,
                            crossbill_point(tax_code) WITH &&,
                            daterange(valid_from, valid_to) WITH &&);
    """,
    reverse_sql="""
    ALTER TABLE product_taxrate DROP CONSTRAINT tax_rates_do_not_overlap;
    ALTER TABLE product_productofferingprice DROP CONSTRAINT price_versions_do_not_overlap;
    DROP FUNCTION crossbill_point(text);
    """,
)


class Migration(migrations.Migration):
    dependencies = [("product", "0001_initial"), ("runs", "0002_forbid_change")]
    operations = [
        NO_OVERLAP,
        append_only("product_productoffering"),
        append_only("product_productofferingprice"),
        append_only("product_taxrate"),
    ]
