"""A version of a catalogue stays as it was loaded, and only moves on: draft, published, retired."""

from django.db import migrations

# A constraint can say what a row may be, only a trigger what it may become.
KEPT = migrations.RunSQL(
    sql="""
    ALTER TABLE product_catalogueversion
        ADD CONSTRAINT catalogue_text_is_not_huge
            CHECK (octet_length(content) BETWEEN 1 AND 16 * 1024 * 1024),
        ADD CONSTRAINT catalogue_text_has_its_hash
            CHECK (sha256 = encode(sha256(convert_to(content, 'UTF8')), 'hex'));

    CREATE FUNCTION product_keep_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.status <> 'draft' THEN
                RAISE EXCEPTION 'a version of a catalogue begins as a draft, not %', NEW.status
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF TG_OP = 'DELETE' THEN
            IF OLD.status <> 'draft' THEN
                RAISE EXCEPTION 'version % of catalogue % is %: it is kept',
                    OLD.number, OLD.name, OLD.status
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN OLD;
        END IF;
        IF (NEW.id, NEW.carrier_id, NEW.name, NEW.number, NEW.valid_from, NEW.content, NEW.sha256,
            NEW.effect, NEW.drafted_by_id, NEW.drafted_at)
            IS DISTINCT FROM
           (OLD.id, OLD.carrier_id, OLD.name, OLD.number, OLD.valid_from, OLD.content, OLD.sha256,
            OLD.effect, OLD.drafted_by_id, OLD.drafted_at)
        THEN
            RAISE EXCEPTION 'version % of catalogue % stays as it was loaded; load a new one',
                OLD.number, OLD.name USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF (OLD.status, NEW.status) NOT IN (('draft', 'published'), ('published', 'retired')) THEN
            RAISE EXCEPTION 'version % of catalogue % cannot go from % to %',
                OLD.number, OLD.name, OLD.status, NEW.status
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF OLD.status = 'published'
            AND (NEW.published_by_id, NEW.published_at)
                IS DISTINCT FROM (OLD.published_by_id, OLD.published_at)
        THEN
            RAISE EXCEPTION 'who published version % of catalogue %, and when, stays',
                OLD.number, OLD.name USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;

    CREATE TRIGGER product_catalogueversion_is_kept
        BEFORE INSERT OR UPDATE OR DELETE ON product_catalogueversion
        FOR EACH ROW EXECUTE FUNCTION product_keep_catalogue();
    CREATE TRIGGER product_catalogueversion_is_not_emptied
        BEFORE TRUNCATE ON product_catalogueversion
        FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
    """,
    reverse_sql="""
    DROP TRIGGER product_catalogueversion_is_not_emptied ON product_catalogueversion;
    DROP TRIGGER product_catalogueversion_is_kept ON product_catalogueversion;
    DROP FUNCTION product_keep_catalogue();
    ALTER TABLE product_catalogueversion
        DROP CONSTRAINT catalogue_text_has_its_hash,
        DROP CONSTRAINT catalogue_text_is_not_huge;
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("product", "0003_catalogueversion"),
        ("runs", "0002_forbid_change"),
    ]
    operations = [KEPT]
