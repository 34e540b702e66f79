"""Differences, gates and signatures are evidence: never changed, and a gate needs two people."""

from django.db import migrations

from crossbill.runs.immutable import append_only

SIGNED_BY_TWO = migrations.RunSQL(
    sql="""
    CREATE FUNCTION migration_wave_is_signed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.live_at IS NOT NULL AND OLD.live_at IS NULL AND NOT EXISTS (
            SELECT FROM reconciliation_gate g
            JOIN reconciliation_signature s
              ON s.gate_id = g.id AND s.evidence_sha256 = g.evidence_sha256
            WHERE g.wave_id = NEW.id AND g.result = 'passed'
            GROUP BY g.id HAVING count(DISTINCT s.user_id) >= 2
        ) THEN
            RAISE EXCEPTION 'wave % has no passed gate that two people signed', NEW.name
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER migration_wave_is_signed BEFORE INSERT OR UPDATE ON migration_wave
        FOR EACH ROW EXECUTE FUNCTION migration_wave_is_signed();
    """,
    reverse_sql="""
    DROP TRIGGER migration_wave_is_signed ON migration_wave;
    DROP FUNCTION migration_wave_is_signed();
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0001_initial"),
        ("migration", "0002_immutable"),
        ("runs", "0002_forbid_change"),
    ]
    operations = [
        append_only("reconciliation_difference"),
        append_only("reconciliation_gate"),
        append_only("reconciliation_signature"),
        SIGNED_BY_TWO,
    ]
