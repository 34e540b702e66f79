"""The words of names and addresses, indexed so that a search costs what it finds."""

from django.db import migrations

# The twin of `words_of` in search.py. Accents go first, so that making small needs ASCII only and
# does not depend on the collation of the database.
WORDS = migrations.RunSQL(
    sql=r"""
    CREATE FUNCTION customer_words(said text) RETURNS tsvector
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT array_to_tsvector(array_remove(string_to_array(regexp_replace(
            replace(lower(regexp_replace(normalize(said, NFD), '[\u0300-\u036f]', '', 'g')),
                    'ß', 'ss'),
            '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xa0]+', ' ', 'g'), ' '), ''))
    $$;
    """,
    reverse_sql="DROP FUNCTION customer_words(text);",
)
INDEXES = migrations.RunSQL(
    sql="""
    CREATE INDEX customer_by_name ON customer_customer USING gin (customer_words(name));
    CREATE INDEX account_by_address ON customer_billingaccount USING gin (customer_words(
        coalesce(street, '') || ' ' || coalesce(city, '') || ' ' ||
        coalesce(region, '') || ' ' || coalesce(postcode, '')));
    """,
    reverse_sql="DROP INDEX account_by_address; DROP INDEX customer_by_name;",
)


class Migration(migrations.Migration):
    dependencies = [("customer", "0001_initial")]

    operations = [WORDS, INDEXES]
