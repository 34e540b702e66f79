"""Makes a table append-only in PostgreSQL, so that history cannot be changed by any program."""

from django.db import migrations

FORBID = migrations.RunSQL(
    sql="""
    CREATE FUNCTION crossbill_forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is immutable: % refused; a correction is a new row', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END $$;
    """,
    reverse_sql="DROP FUNCTION crossbill_forbid_change();",
)


def append_only(table: str) -> migrations.RunSQL:
    """The operation that refuses UPDATE, DELETE and TRUNCATE on one table."""
    return migrations.RunSQL(
        sql=f"""
        CREATE TRIGGER {table}_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
        """,
        reverse_sql=f"DROP TRIGGER {table}_is_immutable ON {table};",
    )
