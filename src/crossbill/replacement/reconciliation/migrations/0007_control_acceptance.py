"""People accept what a control found: added, never changed; who accepts does not sign."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from crossbill.runs.immutable import append_only

BEFORE_THE_GATE = migrations.RunSQL(
    sql="""
    CREATE FUNCTION reconciliation_control_acceptance_in_time() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM reconciliation_controlrun c
            LEFT JOIN reconciliation_submission s ON s.wave_id = c.wave_id
            LEFT JOIN reconciliation_gate g ON g.wave_id = c.wave_id
            WHERE c.id = NEW.run_id AND (s.id IS NOT NULL OR g.id IS NOT NULL)
        ) THEN
            RAISE EXCEPTION 'the wave of control run % was taken to its gate', NEW.run_id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER reconciliation_control_acceptance_in_time
        BEFORE INSERT ON reconciliation_controlacceptance
        FOR EACH ROW EXECUTE FUNCTION reconciliation_control_acceptance_in_time();
    """,
    reverse_sql="""
    DROP TRIGGER reconciliation_control_acceptance_in_time ON reconciliation_controlacceptance;
    DROP FUNCTION reconciliation_control_acceptance_in_time();
    """,
)
FOUR_EYES = migrations.RunSQL(
    sql="""
    CREATE FUNCTION reconciliation_signer_accepted_no_control() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM reconciliation_controlacceptance a
            JOIN reconciliation_controlrun c ON c.id = a.run_id
            JOIN reconciliation_gate g ON g.wave_id = c.wave_id
            WHERE g.id = NEW.gate_id AND a.made_by_id = NEW.user_id
              AND NOT EXISTS (
                  SELECT FROM reconciliation_controlrevocation r WHERE r.acceptance_id = a.id)
        ) THEN
            RAISE EXCEPTION 'who accepted what a control found on a wave does not sign its gate'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER reconciliation_signer_accepted_no_control
        BEFORE INSERT ON reconciliation_signature
        FOR EACH ROW EXECUTE FUNCTION reconciliation_signer_accepted_no_control();
    """,
    reverse_sql="""
    DROP TRIGGER reconciliation_signer_accepted_no_control ON reconciliation_signature;
    DROP FUNCTION reconciliation_signer_accepted_no_control();
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0006_record_key_names_the_price"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ControlAcceptance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("unit", models.CharField(max_length=60)),
                ("reason", models.TextField()),
                ("limit_figures", models.BigIntegerField(help_text="Most that may differ")),
                ("figures", models.BigIntegerField(help_text="How many differed")),
                (
                    "limit_value",
                    models.BigIntegerField(
                        blank=True, help_text="Most of an amount, more and less added up", null=True
                    ),
                ),
                (
                    "value",
                    models.BigIntegerField(
                        help_text="By how much, in the unit, more and less added up"
                    ),
                ),
                ("valid_until_date", models.DateField(help_text="The last day on which it counts")),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="reconciliation.controlrun",
                    ),
                ),
            ],
            options={
                "ordering": ["run", "id"],
            },
        ),
        migrations.CreateModel(
            name="ControlRevocation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.TextField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "acceptance",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revocation",
                        to="reconciliation.controlacceptance",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["acceptance"],
            },
        ),
        migrations.AddConstraint(
            model_name="controlacceptance",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True),
                name="control_acceptance_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="controlacceptance",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("figures__lte", models.F("limit_figures")),
                    models.Q(
                        ("limit_value", None),
                        ("value__lte", models.F("limit_value")),
                        _connector="OR",
                    ),
                ),
                name="control_acceptance_within_its_limits",
            ),
        ),
        append_only("reconciliation_controlacceptance"),
        append_only("reconciliation_controlrevocation"),
        BEFORE_THE_GATE,
        FOUR_EYES,
    ]
