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
    record_key = models.CharField(max_length=400)
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
    finding_number = models.BigIntegerField(null=True, blank=True, help_text="Of its wave")

    class Meta:
        ordering = ["replacement", "account_key", "entity", "record_key"]
        indexes = [
            models.Index(fields=["replacement", "account_key"], name="difference_by_account"),
            models.Index(fields=["wave", "class_code"], name="difference_by_class"),
        ]

    def __str__(self) -> str:
        return f"{self.account_key} {self.entity} {self.field} {self.class_code}"

    @property
    def standing(self) -> str:
        """The terms' decision, or ``accepted`` where people accepted what the terms block.

        Only `queries.find_differences` knows of people; elsewhere it is the terms' decision.
        """
        accepted = self.decision == "block" and getattr(self, "by_people", False)
        return "accepted" if accepted else self.decision


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
    largest_minor = models.BigIntegerField(
        null=True, blank=True, help_text="More and less added up, of the account that differs most"
    )
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


class Acceptance(models.Model):
    """One person's yes to the differences of a finding: why, up to how much, and until when."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="acceptances")
    reason = models.TextField()
    limit_minor = models.BigIntegerField(help_text="Of the finding, more and less added up")
    account_limit_minor = models.BigIntegerField(help_text="Of one account, more and less added up")
    value_minor = models.BigIntegerField(help_text="What the finding was worth")
    account_value_minor = models.BigIntegerField(help_text="What it was worth for one account")
    valid_until_date = models.DateField(help_text="The last day on which it counts")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["finding", "id"]
        permissions = [("accept_finding", "Can accept findings, and take waves to their gates")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="acceptance_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(value_minor__lte=models.F("limit_minor"))
                & models.Q(account_value_minor__lte=models.F("account_limit_minor")),
                name="acceptance_within_its_limits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding} accepted until {self.valid_until_date}"


class Revocation(models.Model):
    """The end of an acceptance before its last day."""

    acceptance = models.OneToOneField(
        Acceptance, on_delete=models.PROTECT, related_name="revocation"
    )
    reason = models.TextField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["acceptance"]

    def __str__(self) -> str:
        return f"{self.acceptance}, revoked"


class ControlAcceptance(models.Model):
    """One person's yes to what a run of a control found in one unit, and to nothing worse."""

    run = models.ForeignKey(ControlRun, on_delete=models.PROTECT, related_name="acceptances")
    unit = models.CharField(max_length=60)
    reason = models.TextField()
    limit_figures = models.BigIntegerField(help_text="Most that may differ")
    figures = models.BigIntegerField(help_text="How many differed")
    limit_value = models.BigIntegerField(
        null=True, blank=True, help_text="Most of an amount, more and less added up"
    )
    value = models.BigIntegerField(help_text="By how much, in the unit, more and less added up")
    valid_until_date = models.DateField(help_text="The last day on which it counts")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="control_acceptance_has_a_reason"
            ),
            models.CheckConstraint(
                condition=models.Q(figures__lte=models.F("limit_figures"))
                & (models.Q(limit_value=None) | models.Q(value__lte=models.F("limit_value"))),
                name="control_acceptance_within_its_limits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} accepted until {self.valid_until_date}"


class ControlRevocation(models.Model):
    """The end of an acceptance of a control before its last day."""

    acceptance = models.OneToOneField(
        ControlAcceptance, on_delete=models.PROTECT, related_name="revocation"
    )
    reason = models.TextField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["acceptance"]

    def __str__(self) -> str:
        return f"{self.acceptance}, revoked"


class Assignment(models.Model):
    """Who has to act on a finding from now on; the last one holds."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="assignments")
    owner = models.CharField(max_length=60)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["finding", "id"]

    def __str__(self) -> str:
        return f"{self.finding}: {self.owner}"


class Comment(models.Model):
    """What somebody has to say of a finding."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["finding", "id"]

    def __str__(self) -> str:
        return f"{self.finding}, {self.made_by}"


class Attachment(models.Model):
    """A file that goes with a comment; its bytes are in the store under their hash."""

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["comment", "id"]

    def __str__(self) -> str:
        return self.name


class Submission(models.Model):
    """Somebody's word that a wave is worked off: its gate is decided by what counts that day."""

    wave = models.OneToOneField(Wave, on_delete=models.PROTECT, related_name="submission")
    day = models.DateField(help_text="On which acceptances have to hold")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["wave"]

    def __str__(self) -> str:
        return f"{self.wave}, taken to its gate"
