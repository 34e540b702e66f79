"""How an account pays, the mandates behind its debits, and how far it is dunned."""

from django.db import models

from crossbill.platform.customer.models import BillingAccount, Carrier


class Collection(models.Model):
    """How an account pays, and at which reminder it stands, as it was taken over."""

    class Method(models.TextChoices):
        """Who moves the money: we debit it, or the customer sends it."""

        DIRECT_DEBIT = "direct_debit", "direct debit"
        INVOICE = "invoice"

    account = models.OneToOneField(
        BillingAccount, on_delete=models.PROTECT, related_name="collection", primary_key=True
    )
    payment_method = models.CharField(max_length=12, choices=Method)
    dunning_level = models.PositiveSmallIntegerField(help_text="0 where it is not dunned")
    dunned_date = models.DateField(null=True, blank=True, help_text="Of the last reminder")

    class Meta:
        ordering = ["account"]
        constraints = [
            models.CheckConstraint(
                name="payment_method_is_known",
                condition=models.Q(payment_method__in=["direct_debit", "invoice"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.payment_method}"


class Mandate(models.Model):
    """A customer's permission to debit a bank account, of which only the last digits are kept."""

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    mandate_key = models.CharField(max_length=60)
    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="mandates")
    bank_code = models.CharField(max_length=20)
    account_digits = models.CharField(max_length=4)
    signed_date = models.DateField()
    end_date = models.DateField(null=True, blank=True, help_text="First day it holds no longer")

    class Meta:
        ordering = ["signed_date", "mandate_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "mandate_key"], name="mandate_once_per_carrier"
            ),
            models.CheckConstraint(
                name="mandate_ends_after_it_is_signed",
                condition=models.Q(end_date__isnull=True)
                | models.Q(end_date__gte=models.F("signed_date")),
            ),
        ]

    def __str__(self) -> str:
        return self.mandate_key
