"""A small double-entry ledger: balanced, immutable entries, and the open items behind them."""

from django.db import models

from crossbill.platform.customer.models import BillingAccount, Carrier


class GeneralLedgerAccount(models.TextChoices):
    """The accounts of the general ledger that are posted to."""

    RECEIVABLE = "1200", "Accounts receivable"
    MIGRATION_CLEARING = "1290", "Migration clearing"
    CUSTOMER_DEPOSITS = "2300", "Customer deposits"


class JournalEntry(models.Model):
    """A balanced set of postings. Never changed; a correction is a new entry that reverses it."""

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    source = models.CharField(max_length=120, help_text="What was posted, e.g. opening|C0001")
    kind = models.CharField(max_length=20)
    entry_date = models.DateField()
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by"
    )

    class Meta:
        ordering = ["entry_date", "id"]
        verbose_name_plural = "journal entries"
        constraints = [
            models.UniqueConstraint(fields=["carrier", "source"], name="entry_once_per_source")
        ]

    def __str__(self) -> str:
        return self.source


class Posting(models.Model):
    """One side of an entry: debit positive, credit negative, in minor units."""

    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="postings")
    gl_account = models.CharField(max_length=8, choices=GeneralLedgerAccount)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.gl_account} {self.amount_minor} {self.currency}"


class OpenItem(models.Model):
    """A document that is not settled yet, as it was taken over."""

    class Kind(models.TextChoices):
        """What the document is."""

        INVOICE = "invoice"
        CREDIT = "credit"
        PAYMENT = "payment"

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    open_item_key = models.CharField(max_length=60)
    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="open_items")
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="open_items")
    kind = models.CharField(max_length=10, choices=Kind)
    document_number = models.CharField(max_length=60)
    document_date = models.DateField()
    due_date = models.DateField()
    currency = models.CharField(max_length=3)
    original_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField()
    open_minor = models.BigIntegerField()

    class Meta:
        ordering = ["document_date", "open_item_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "open_item_key"], name="open_item_once_per_carrier"
            ),
            models.CheckConstraint(
                name="open_item_adds_up",
                condition=models.Q(open_minor=models.F("original_minor") - models.F("paid_minor")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["carrier", "document_number"],
                name="open_item_by_document",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            )
        ]

    def __str__(self) -> str:
        return self.open_item_key


class Deposit(models.Model):
    """A customer's money that is kept as security, as it was taken over."""

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    deposit_key = models.CharField(max_length=60)
    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="deposits")
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="deposits")
    received_date = models.DateField()
    currency = models.CharField(max_length=3)
    received_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField()

    class Meta:
        ordering = ["received_date", "deposit_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "deposit_key"], name="deposit_once_per_carrier"
            ),
            models.CheckConstraint(
                name="deposit_is_not_given_back_twice",
                condition=models.Q(refunded_minor__gte=0)
                & models.Q(refunded_minor__lte=models.F("received_minor")),
            ),
        ]

    def __str__(self) -> str:
        return self.deposit_key
