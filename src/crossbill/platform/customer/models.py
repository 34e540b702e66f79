"""Carriers, their customers, and the billing accounts that pay."""

from django.db import models


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

    class Meta:
        ordering = ["carrier", "account_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "account_key"], name="account_once_per_carrier"
            ),
            models.CheckConstraint(
                name="bill_cycle_day_is_a_day", condition=models.Q(bill_cycle_day__range=(1, 31))
            ),
        ]

    def __str__(self) -> str:
        return self.account_key
