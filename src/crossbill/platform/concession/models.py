"""What an account need not pay, discounts and taxes; and what it has promised to spend."""

from django.db import models

from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.product.models import Product, ProductOffering


class Discount(models.Model):
    """A discount on the bills of an account. Granted once; after that it can only end earlier.

    Amounts are minor units of the account's currency.
    """

    class Kind(models.TextChoices):
        """What is taken off: a share of what there is, or so much."""

        PERCENTAGE = "percentage"
        AMOUNT = "amount"

    class Category(models.TextChoices):
        """From what alone it is taken."""

        RECURRING = "recurring"
        USAGE = "usage"
        ONE_TIME = "one_time"

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    discount_key = models.CharField(max_length=60)
    account = models.ForeignKey(
        BillingAccount, on_delete=models.PROTECT, related_name="discounts", db_index=False
    )
    position = models.BigIntegerField(help_text="What is taken off first, second ...")
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    offering = models.ForeignKey(
        ProductOffering, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    category = models.CharField(  # noqa: DJ001 - none where it is taken from everything
        max_length=10, choices=Category, null=True, blank=True
    )
    kind = models.CharField(max_length=10, choices=Kind)
    rate_ppm = models.BigIntegerField(null=True, blank=True, help_text="Millionths")
    amount_minor = models.BigIntegerField(null=True, blank=True)
    spend_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Only where at least so much is there to be discounted"
    )
    most_minor = models.BigIntegerField(null=True, blank=True, help_text="At most so much a bill")
    valid_from = models.DateField(help_text="Of a bill period its first day counts")
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer valid")

    class Meta:
        ordering = ["account", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "discount_key"], name="discount_once_per_carrier"
            ),
            models.UniqueConstraint(
                fields=["account", "position"], name="discount_has_its_own_position"
            ),
            models.CheckConstraint(
                name="discount_is_a_share_or_an_amount",
                condition=models.Q(
                    kind="percentage",
                    rate_ppm__isnull=False,
                    rate_ppm__range=(1, 1_000_000),
                    amount_minor__isnull=True,
                )
                | models.Q(
                    kind="amount",
                    amount_minor__isnull=False,
                    amount_minor__gt=0,
                    rate_ppm__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="discount_category_is_known",
                condition=models.Q(category__isnull=True)
                | models.Q(category__in=["recurring", "usage", "one_time"]),
            ),
            models.CheckConstraint(
                name="discount_limits_are_not_negative",
                condition=(models.Q(spend_minor__isnull=True) | models.Q(spend_minor__gte=0))
                & (models.Q(most_minor__isnull=True) | models.Q(most_minor__gte=0)),
            ),
            models.CheckConstraint(
                name="discount_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.discount_key


class Exemption(models.Model):
    """A tax, or all taxes, that an account need not pay, and why. It can only end."""

    account = models.ForeignKey(
        BillingAccount, on_delete=models.PROTECT, related_name="exemptions", db_index=False
    )
    tax_name = models.CharField(  # noqa: DJ001 - none where it is of all taxes
        max_length=40, null=True, blank=True, help_text="Which tax; none: all of them"
    )
    valid_from = models.DateField(help_text="Of a bill period its first day counts")
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer valid")
    reason = models.CharField(max_length=200, help_text="As the bill says it")

    class Meta:
        ordering = ["account", "valid_from", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "tax_name", "valid_from"],
                name="exemption_once_a_day",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gt=models.F("valid_from")),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="exemption_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tax_name or 'all taxes'} from {self.valid_from}"


class Commitment(models.Model):
    """So much an account has promised to be charged each period at least. It can only end earlier.

    The amount is minor units of the account's currency. What is missing of it is charged.
    """

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    commitment_key = models.CharField(max_length=60)
    account = models.ForeignKey(
        BillingAccount, on_delete=models.PROTECT, related_name="commitments"
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    category = models.CharField(  # noqa: DJ001 - none where everything counts
        max_length=10, choices=Discount.Category, null=True, blank=True
    )
    amount_minor = models.BigIntegerField(help_text="So much a bill period, after discounts")
    prorated = models.BooleanField(help_text="Part of a period needs its share only")
    tax_category = models.CharField(max_length=40, help_text="Of what is added to reach it")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer valid")

    class Meta:
        ordering = ["account", "valid_from", "commitment_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "commitment_key"], name="commitment_once_per_carrier"
            ),
            models.CheckConstraint(
                name="commitment_is_of_an_amount", condition=models.Q(amount_minor__gt=0)
            ),
            models.CheckConstraint(
                name="commitment_category_is_known",
                condition=models.Q(category__isnull=True)
                | models.Q(category__in=["recurring", "usage", "one_time"]),
            ),
            models.CheckConstraint(
                name="commitment_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.commitment_key
