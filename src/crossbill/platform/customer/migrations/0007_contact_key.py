"""Contacts that are taken over keep the key of the old system, and come once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customer", "0006_payers_keep")]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="contact_key",
            field=models.CharField(
                blank=True, help_text="Of the old system", max_length=40, null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.UniqueConstraint(
                fields=("customer", "contact_key"), name="contact_once_per_customer"
            ),
        ),
    ]
