"""The Run: long work that can be killed anywhere, started again, and proves what it did."""

from django.db import models


class Run(models.Model):
    """One piece of long work. Its key names it for ever; a second start with it resumes it."""

    class Status(models.TextChoices):
        """Where the work stands; ``running`` without holding its lock means interrupted.

        ``waiting``: people have to decide before it can go on.
        """

        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        WAITING = "waiting"

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    input_hash = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    attempts = models.PositiveIntegerField(default=1)
    stage_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    failure = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-created_at"]
        permissions = [("resume_run", "Can resume an interrupted run")]
        constraints = [
            models.CheckConstraint(
                name="run_done_has_an_end",
                condition=~models.Q(status="done") | models.Q(finished_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.title


class Stage(models.Model):
    """One step of a run with its control totals: in = accepted + duplicate + suspended."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="stages")
    name = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    position = models.PositiveIntegerField()
    chunk_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    records_in = models.BigIntegerField(null=True, blank=True)
    accepted = models.BigIntegerField(null=True, blank=True)
    duplicate = models.BigIntegerField(null=True, blank=True)
    suspended = models.BigIntegerField(null=True, blank=True)
    sums = models.JSONField(default=dict)
    notes = models.JSONField(default=dict)

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="stage_once_per_run"),
            models.CheckConstraint(
                name="stage_nothing_vanishes",
                condition=models.Q(records_in__isnull=True)
                | models.Q(
                    records_in=models.F("accepted") + models.F("duplicate") + models.F("suspended")
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Chunk(models.Model):
    """One part of a stage, done whole or not at all; its receipt says what it did."""

    stage = models.ForeignKey(Stage, on_delete=models.PROTECT, related_name="chunks")
    key = models.CharField(max_length=200)
    receipt = models.JSONField()
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["stage", "id"]
        constraints = [
            models.UniqueConstraint(fields=["stage", "key"], name="chunk_once_per_stage")
        ]

    def __str__(self) -> str:
        return self.key


class LogLine(models.Model):
    """What a run said, in order."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="log_lines")
    at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()

    class Meta:
        ordering = ["run", "id"]

    def __str__(self) -> str:
        return self.text
