"""Carriers, their customers, and the billing accounts that pay."""

from django.conf import settings
from django.db import models

from crossbill.platform.customer.account_terms import MEDIA, USUAL

LONGEST_WORDS = 1000


class Carrier(models.Model):
    """The legal entity whose customers these are; numbers are unique within it."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """A person or organisation that has a contract with the carrier."""

    class Kind(models.TextChoices):
        """Who the customer is in law."""

        PERSON = "person"
        ORGANISATION = "organisation"

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    customer_key = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=Kind)
    segment = models.CharField(max_length=40)

    class Meta:
        ordering = ["carrier", "customer_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "customer_key"], name="customer_once_per_carrier"
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_key} {self.name}"


class BillingAccount(models.Model):
    """Who pays: the unit that is billed, moved and reconciled."""

    class Status(models.TextChoices):
        """Of the account with the carrier; not of its move."""

        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    account_key = models.CharField(max_length=40)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="accounts")
    parent_account_key = models.CharField(max_length=40, null=True, blank=True)  # noqa: DJ001 - empty is no parent
    status = models.CharField(max_length=10, choices=Status)
    currency = models.CharField(max_length=3)
    tax_code = models.CharField(max_length=20)
    bill_cycle_day = models.PositiveSmallIntegerField()
    street = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - as the old system
    city = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - as the old system
    region = models.CharField(max_length=40, null=True, blank=True)  # noqa: DJ001 - as the old system
    postcode = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001 - as the old system
    opened_date = models.DateField(null=True, blank=True)
    disputed = models.BooleanField()
    live_from_date = models.DateField(null=True, blank=True, help_text="First day billed here")
    bill_medium = models.CharField(
        max_length=10,
        choices=[(each, each.title()) for each in MEDIA],
        db_default=USUAL["bill_medium"],
    )
    bill_language = models.CharField(
        max_length=12, db_default=USUAL["bill_language"], help_text="As de or pt-br"
    )
    credit_class = models.CharField(
        max_length=20, blank=True, db_default="", help_text="The carrier's own word for the risk"
    )

    class Meta:
        ordering = ["carrier", "account_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "account_key"], name="account_once_per_carrier"
            ),
            models.CheckConstraint(
                name="bill_cycle_day_is_a_day", condition=models.Q(bill_cycle_day__range=(1, 31))
            ),
            models.CheckConstraint(
                name="bill_medium_is_known", condition=models.Q(bill_medium__in=[*MEDIA])
            ),
        ]

    def __str__(self) -> str:
        return self.account_key


class Payer(models.Model):
    """Which part of an account's bill an account of its hierarchy pays, itself included."""

    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="payers")
    # A key and not a row: the payer of a large family may be loaded after those it pays for.
    payer_key = models.CharField(max_length=40)
    category = models.CharField(  # noqa: DJ001 - empty is all that no other rule is for
        max_length=10, null=True, blank=True
    )
    share_ppm = models.PositiveIntegerField(help_text="Millionths")
    valid_from = models.DateField(help_text="Of a bill period its first day counts")
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer paid so")

    class Meta:
        ordering = ["account", "category", "payer_key", "valid_from"]
        indexes = [models.Index(fields=["payer_key"], name="payer_by_key")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "category", "payer_key", "valid_from"],
                name="payer_once_a_day",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gt=models.F("valid_from")),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="payer_pays_a_share", condition=models.Q(share_ppm__range=(1, 1_000_000))
            ),
            models.CheckConstraint(
                name="payer_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
            models.CheckConstraint(
                name="payer_category_is_known",
                condition=models.Q(category__isnull=True)
                | models.Q(category__in=["recurring", "usage", "one_time"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payer_key} pays for {self.account}"


class Contact(models.Model):
    """Whom to reach at a customer, about what, from when to when."""

    class Role(models.TextChoices):
        """What the person is asked about."""

        CONTRACT = "contract"
        BILLING = "billing"
        TECHNICAL = "technical"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="contacts")
    contact_key = models.CharField(  # noqa: DJ001 - empty is one that was made here
        max_length=40, null=True, blank=True, help_text="Of the old system"
    )
    role = models.CharField(max_length=10, choices=Role)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer a contact")

    class Meta:
        ordering = ["customer", "role", "valid_from", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "contact_key"], name="contact_once_per_customer"
            ),
            models.CheckConstraint(
                name="contact_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
            models.CheckConstraint(
                name="contact_can_be_reached",
                condition=~models.Q(email="") | ~models.Q(phone=""),
            ),
            models.CheckConstraint(
                name="contact_role_is_known",
                condition=models.Q(role__in=["contract", "billing", "technical"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.name}"


class AccountChange(models.Model):
    """A change of how an account is billed, as it was made: by whom and why. Append-only.

    Of discounts, exemptions and payers, before and after are what ended and what began, in words.
    """

    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="changes")
    field = models.CharField(max_length=20)
    before = models.CharField(max_length=LONGEST_WORDS, blank=True)
    after = models.CharField(max_length=LONGEST_WORDS, blank=True)
    effective_date = models.DateField(
        null=True, blank=True, help_text="First day on which it holds; none: at once"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["account", "id"]

    def __str__(self) -> str:
        return f"{self.field} {self.before} to {self.after}"
