"""What people decide of findings: added, never changed; who accepts does not sign."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from crossbill.runs.immutable import append_only

# Once a wave is taken to its gate, nobody can add what the gate has not looked at.
BEFORE_THE_GATE = migrations.RunSQL(
    sql="""
    CREATE FUNCTION reconciliation_acceptance_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM reconciliation_finding f
            LEFT JOIN reconciliation_submission s ON s.wave_id = f.wave_id
            LEFT JOIN reconciliation_gate g ON g.wave_id = f.wave_id
            WHERE f.id = NEW.finding_id AND (s.id IS NOT NULL OR g.id IS NOT NULL)
        ) THEN
            RAISE EXCEPTION 'the wave of finding % was taken to its gate', NEW.finding_id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER reconciliation_acceptance_in_time BEFORE INSERT ON reconciliation_acceptance
        FOR EACH ROW EXECUTE FUNCTION reconciliation_acceptance_in_time();
    """,
    reverse_sql="""
    DROP TRIGGER reconciliation_acceptance_in_time ON reconciliation_acceptance;
    DROP FUNCTION reconciliation_acceptance_in_time();
    """,
)
FOUR_EYES = migrations.RunSQL(
    sql="""
    CREATE FUNCTION reconciliation_signer_accepted_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM reconciliation_acceptance a
            JOIN reconciliation_finding f ON f.id = a.finding_id
            JOIN reconciliation_gate g ON g.wave_id = f.wave_id
            WHERE g.id = NEW.gate_id AND a.made_by_id = NEW.user_id
              AND NOT EXISTS (
                  SELECT FROM reconciliation_revocation r WHERE r.acceptance_id = a.id)
        ) THEN
            RAISE EXCEPTION 'who accepted differences of a wave does not sign its gate'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER reconciliation_signer_accepted_nothing BEFORE INSERT ON reconciliation_signature
        FOR EACH ROW EXECUTE FUNCTION reconciliation_signer_accepted_nothing();
    """,
    reverse_sql="""
    DROP TRIGGER reconciliation_signer_accepted_nothing ON reconciliation_signature;
    DROP FUNCTION reconciliation_signer_accepted_nothing();
    """,
)
TABLES = ("acceptance", "revocation", "assignment", "comment", "attachment", "submission")


class Migration(migrations.Migration):
    dependencies = [
        ("migration", "0002_immutable"),
        ("reconciliation", "0004_finding"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="difference",
            name="finding_number",
            field=models.BigIntegerField(blank=True, help_text="Of its wave", null=True),
        ),
        migrations.AddField(
            model_name="finding",
            name="largest_minor",
            field=models.BigIntegerField(
                blank=True,
                help_text="More and less added up, of the account that differs most",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="Acceptance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.TextField()),
                (
                    "limit_minor",
                    models.BigIntegerField(help_text="Of the finding, more and less added up"),
                ),
                (
                    "account_limit_minor",
                    models.BigIntegerField(help_text="Of one account, more and less added up"),
                ),
                ("value_minor", models.BigIntegerField(help_text="What the finding was worth")),
                (
                    "account_value_minor",
                    models.BigIntegerField(help_text="What it was worth for one account"),
                ),
                ("valid_until_date", models.DateField(help_text="The last day on which it counts")),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="reconciliation.finding",
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
                "ordering": ["finding", "id"],
                "permissions": [
                    ("accept_finding", "Can accept findings, and take waves to their gates")
                ],
            },
        ),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("owner", models.CharField(max_length=60)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="assignments",
                        to="reconciliation.finding",
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
                "ordering": ["finding", "id"],
            },
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "finding",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="reconciliation.finding",
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
                "ordering": ["finding", "id"],
            },
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("content_type", models.CharField(max_length=100)),
                ("size_bytes", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "comment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attachments",
                        to="reconciliation.comment",
                    ),
                ),
            ],
            options={
                "ordering": ["comment", "id"],
            },
        ),
        migrations.CreateModel(
            name="Revocation",
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
                        to="reconciliation.acceptance",
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
        migrations.CreateModel(
            name="Submission",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(help_text="On which acceptances have to hold")),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "wave",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="submission",
                        to="migration.wave",
                    ),
                ),
            ],
            options={
                "ordering": ["wave"],
            },
        ),
        migrations.AddConstraint(
            model_name="acceptance",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="acceptance_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="acceptance",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("value_minor__lte", models.F("limit_minor")),
                    ("account_value_minor__lte", models.F("account_limit_minor")),
                ),
                name="acceptance_within_its_limits",
            ),
        ),
        *(append_only(f"reconciliation_{table}") for table in TABLES),
        BEFORE_THE_GATE,
        FOUR_EYES,
    ]
