"""An exemption is never changed or deleted; it can end, once."""

from django.db import migrations

ONLY_ENDS = migrations.RunSQL(
    sql="""
    CREATE TRIGGER concession_exemption_is_kept BEFORE UPDATE ON concession_exemption
        FOR EACH ROW EXECUTE FUNCTION concession_only_ends();
    CREATE TRIGGER concession_exemption_is_not_deleted
        BEFORE DELETE OR TRUNCATE ON concession_exemption
        FOR EACH STATEMENT EXECUTE FUNCTION crossbill_forbid_change();
    """,
    reverse_sql="""
    DROP TRIGGER concession_exemption_is_not_deleted ON concession_exemption;
    DROP TRIGGER concession_exemption_is_kept ON concession_exemption;
    """,
)


class Migration(migrations.Migration):
    dependencies = [("concession", "0003_exemption")]
    operations = [ONLY_ENDS]
