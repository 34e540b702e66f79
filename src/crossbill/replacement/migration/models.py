"""The change-over of one carrier: its waves, and where each account stands."""

from django.db import models

from crossbill.platform.customer.models import Carrier
from crossbill.runs.models import Run


class Replacement(models.Model):
    """One old system being replaced, from one extract."""

    carrier = models.OneToOneField(Carrier, on_delete=models.PROTECT)
    run = models.OneToOneField(Run, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    as_of_date = models.DateField(help_text="The extract's business date")
    spec = models.JSONField(help_text="replacement.yaml as it was read")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class LaterExtract(models.Model):
    """Another extract of the same system, of a later day: read beside, and never loaded."""

    replacement = models.ForeignKey(
        Replacement, on_delete=models.PROTECT, related_name="later_extracts"
    )
    run = models.OneToOneField(Run, on_delete=models.PROTECT)
    as_of_date = models.DateField(help_text="Its business date")
    folder = models.CharField(max_length=120, help_text="Below the carrier's part of the store")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["replacement", "id"]

    def __str__(self) -> str:
        return f"{self.replacement} as of {self.as_of_date}"


class Wave(models.Model):
    """A list of accounts that goes live together, through a gate."""

    replacement = models.ForeignKey(Replacement, on_delete=models.PROTECT, related_name="waves")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=60)
    cutover_date = models.DateField()
    live_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["replacement", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["replacement", "position"], name="wave_once_per_replacement"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AccountMove(models.Model):
    """Where one account of the old system stands: in exactly one state."""

    class State(models.TextChoices):
        """Planned -> loaded -> live; or fallout: it stays on the old system."""

        PLANNED = "planned"
        LOADED = "loaded"
        LIVE = "live"
        FALLOUT = "fallout"

    replacement = models.ForeignKey(Replacement, on_delete=models.PROTECT, db_index=False)
    wave = models.ForeignKey(
        Wave, null=True, blank=True, on_delete=models.PROTECT, related_name="moves"
    )
    account_key = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State)
    hard_reasons = models.CharField(max_length=200, blank=True, default="")
    class_code = models.CharField(max_length=30, blank=True, default="")
    reason = models.TextField(blank=True, default="", help_text="Why it is fallout")

    class Meta:
        ordering = ["replacement", "account_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["replacement", "account_key"], name="move_once_per_account"
            ),
            models.CheckConstraint(
                name="fallout_has_a_reason",
                condition=~models.Q(state="fallout") | ~models.Q(reason=""),
            ),
        ]
        indexes = [models.Index(fields=["wave", "state"], name="move_by_wave_and_state")]

    def __str__(self) -> str:
        return f"{self.account_key} {self.state}"


class SuspendedRecord(models.Model):
    """A record that could not be taken over, with its raw bytes, a reason and an owner."""

    replacement = models.ForeignKey(
        Replacement, on_delete=models.PROTECT, related_name="suspended_records"
    )
    file = models.CharField(max_length=200)
    line = models.BigIntegerField()
    record_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - unknown differs from empty
    account_key = models.CharField(max_length=40, null=True, blank=True)  # noqa: DJ001 - unknown differs from empty
    stage = models.CharField(max_length=20)
    code = models.CharField(max_length=40)
    class_code = models.CharField(max_length=30)
    field = models.CharField(max_length=60, null=True, blank=True)  # noqa: DJ001 - none differs from empty
    value = models.TextField(null=True, blank=True)  # noqa: DJ001 - none differs from empty
    message = models.TextField()
    owner = models.CharField(max_length=60)
    raw = models.BinaryField(null=True, blank=True)

    class Meta:
        ordering = ["replacement", "file", "line"]
        indexes = [models.Index(fields=["replacement", "account_key"], name="suspended_by_account")]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.code}"
