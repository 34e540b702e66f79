"""Entries are never changed and always balance: PostgreSQL refuses anything else."""

from django.db import migrations

from crossbill.runs.immutable import append_only

# All postings of an entry arrive in one statement, so looking at the statement's rows is enough, and
# costs one grouping per statement instead of one query per row.
BALANCED = migrations.RunSQL(
    sql="""
    CREATE FUNCTION ledger_postings_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE culprit uuid;
    BEGIN
        SELECT entry_id INTO culprit FROM arrived
        GROUP BY entry_id, currency HAVING sum(amount_minor::numeric) <> 0 LIMIT 1;
        IF culprit IS NOT NULL THEN
            RAISE EXCEPTION 'journal entry % does not balance', culprit
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        SELECT p.entry_id INTO culprit FROM ledger_posting p
        JOIN (SELECT entry_id, count(*) AS n FROM arrived GROUP BY entry_id) a USING (entry_id)
        GROUP BY p.entry_id, a.n HAVING count(*) <> a.n LIMIT 1;
        IF culprit IS NOT NULL THEN
            RAISE EXCEPTION 'journal entry % is posted already; reverse it with a new one', culprit
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER ledger_postings_balance AFTER INSERT ON ledger_posting
        REFERENCING NEW TABLE AS arrived
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_postings_balance();
    """,
    reverse_sql="""
    DROP TRIGGER ledger_postings_balance ON ledger_posting;
    DROP FUNCTION ledger_postings_balance();
    """,
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("runs", "0002_forbid_change")]
    operations = [
        append_only("ledger_journalentry"),
        append_only("ledger_posting"),
        append_only("ledger_openitem"),
        BALANCED,
    ]
