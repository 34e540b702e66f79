"""What differs between old and new, and the gates that people sign."""

from django.conf import settings
from django.db import models

from crossbill.replacement.migration.models import Replacement, Wave


class Difference(models.Model):
    """One value that differs, with its class and the numbers that show why."""

    replacement = models.ForeignKey(
        Replacement, on_delete=models.PROTECT, related_name="differences"
    )
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="differences")
    entity = models.CharField(max_length=20)
    account_key = models.CharField(max_length=40)
    record_key = models.CharField(max_length=200)
    field = models.CharField(max_length=60)
    kind = models.CharField(max_length=20)
    left_value = models.TextField(null=True, blank=True)  # noqa: DJ001 - none differs from empty
    right_value = models.TextField(null=True, blank=True)  # noqa: DJ001 - none differs from empty
    amount_minor = models.BigIntegerField(null=True, blank=True, help_text="New minus old")
    currency = models.CharField(max_length=3, null=True, blank=True)  # noqa: DJ001 - none where no money
    class_code = models.CharField(max_length=30)
    evidence = models.TextField()
    decision = models.CharField(max_length=10, help_text="accept or block, by the gate's terms")
    owner = models.CharField(max_length=60)

    class Meta:
        ordering = ["replacement", "account_key", "entity", "record_key"]
        indexes = [
            models.Index(fields=["replacement", "account_key"], name="difference_by_account"),
            models.Index(fields=["wave", "class_code"], name="difference_by_class"),
        ]

    def __str__(self) -> str:
        return f"{self.account_key} {self.entity} {self.field} {self.class_code}"


class Finding(models.Model):
    """Differences of one wave that have one cause: what their accounts share, and what mends it."""

    replacement = models.ForeignKey(Replacement, on_delete=models.PROTECT, related_name="findings")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="findings")
    number = models.PositiveIntegerField(help_text="Within the wave")
    class_code = models.CharField(max_length=30)
    subject = models.CharField(max_length=100, blank=True, help_text="A field with own causes")
    shared = models.CharField(max_length=300, blank=True, help_text="What its accounts share")
    description = models.TextField()
    accounts = models.BigIntegerField()
    matching = models.BigIntegerField(null=True, blank=True, help_text="Who share it, all told")
    differences = models.BigIntegerField()
    currency = models.CharField(max_length=3, blank=True)
    over_minor = models.BigIntegerField(help_text="What the new side has more")
    under_minor = models.BigIntegerField(help_text="What it has less, below zero")
    owner = models.CharField(max_length=60)
    fix = models.TextField()
    mended_accounts = models.BigIntegerField(null=True, blank=True, help_text="By the fix, tried")
    left_accounts = models.BigIntegerField(null=True, blank=True, help_text="That still differ")

    class Meta:
        ordering = ["wave", "number"]
        constraints = [
            models.UniqueConstraint(fields=["wave", "number"], name="finding_number_once_a_wave"),
            models.CheckConstraint(
                condition=models.Q(over_minor__gte=0, under_minor__lte=0),
                name="finding_never_nets_over_and_under",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wave} {self.number} {self.class_code}"


class Gate(models.Model):
    """The exit check of one wave: the facts it looked at, the rules, and the result."""

    class Result(models.TextChoices):
        """What the rules say; people may only sign a gate that is passed."""

        PASSED = "passed"
        REFUSED = "refused"

    wave = models.OneToOneField(Wave, on_delete=models.PROTECT, related_name="gate")
    facts = models.JSONField()
    rules = models.JSONField(
        help_text="Each rule with its limit, what was found, and whether it holds"
    )
    result = models.CharField(max_length=10, choices=Result)
    evidence_sha256 = models.CharField(max_length=64)
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["wave"]
        permissions = [("sign_gate", "Can sign a gate")]

    def __str__(self) -> str:
        return f"{self.wave} {self.result}"


class Signature(models.Model):
    """One person's yes to one gate, bound to the evidence that the person saw."""

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="signatures")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    evidence_sha256 = models.CharField(max_length=64)
    signed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["gate", "signed_at"]
        constraints = [
            models.UniqueConstraint(fields=["gate", "user"], name="signature_once_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.gate}"


class ControlRun(models.Model):
    """One control, run once on one wave: what it measured, and whether it holds."""

    class Outcome(models.TextChoices):
        """A control without data has not passed: it says why it could not be run."""

        PASSED = "passed"
        FAILED = "failed"
        NO_DATA = "no data"

    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="control_runs")
    control = models.CharField(max_length=60)
    terms = models.JSONField(help_text="The control's declaration at that time")
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.TextField(blank=True, default="", help_text="Why there is no data")
    totals = models.JSONField(
        default=list, help_text="Per unit: rows by verdict, sums, over, under"
    )
    ran_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["wave", "control", "id"]
        indexes = [models.Index(fields=["wave", "control"], name="control_run_by_wave")]
        constraints = [
            models.CheckConstraint(
                name="no_data_has_a_reason",
                condition=~models.Q(outcome="no data") | ~models.Q(reason=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.wave} {self.control} {self.outcome}"


class ControlRow(models.Model):
    """One figure that a control measured: of accounts and records only those that differ."""

    run = models.ForeignKey(ControlRun, on_delete=models.PROTECT, related_name="rows")
    key = models.TextField()
    unit = models.CharField(max_length=60)
    left_value = models.BigIntegerField(null=True, blank=True)
    right_value = models.BigIntegerField(null=True, blank=True)
    difference = models.BigIntegerField(null=True, blank=True, help_text="Right less left")
    verdict = models.CharField(max_length=10)

    class Meta:
        ordering = ["run", "id"]

    def __str__(self) -> str:
        return f"{self.key} {self.verdict}"
