"""An own price says instead of which price it is, where what is held has several."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("product", "0008_catalogue_taken_over")]
    operations = [
        migrations.AddField(
            model_name="product",
            name="price_override_code",
            field=models.CharField(
                blank=True, help_text="Instead of which price it is", max_length=121, null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("price_override_code__isnull", True),
                    ("price_override_nanos__isnull", False),
                    _connector="OR",
                ),
                name="product_own_price_names_its_price",
            ),
        ),
    ]
