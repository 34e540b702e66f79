"""What people plan and book around a change-over: milestones, risks, objectives, teams, budget."""

from django.db import models

from crossbill.replacement.migration.models import Replacement


class ProgrammePlan(models.Model):
    """The programme file of one replacement as it was last taken over."""

    replacement = models.OneToOneField(
        Replacement, on_delete=models.PROTECT, related_name="programme"
    )
    currency = models.CharField(max_length=3)
    summary = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["replacement"]
        permissions = [("view_report", "Can read the quarterly report")]

    def __str__(self) -> str:
        return f"Programme of {self.replacement}"


class Milestone(models.Model):
    """Something to reach by a day. One that hangs on a wave is reached when the wave is live."""

    plan = models.ForeignKey(ProgrammePlan, on_delete=models.CASCADE, related_name="milestones")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    owner = models.CharField(max_length=100)
    due_date = models.DateField()
    wave_position = models.PositiveIntegerField(null=True, blank=True)
    achieved_date = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["plan", "due_date", "code"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "code"], name="milestone_once_per_plan"),
            models.CheckConstraint(
                name="milestone_of_a_wave_is_computed",
                condition=models.Q(wave_position__isnull=True)
                | models.Q(achieved_date__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Risk(models.Model):
    """What may go wrong, or, as a blocker, what already stands in the way."""

    class Kind(models.TextChoices):
        """A blocker has happened; a risk has a likelihood."""

        BLOCKER = "blocker"
        RISK = "risk"

    class Level(models.TextChoices):
        """How likely, or how bad."""

        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    plan = models.ForeignKey(ProgrammePlan, on_delete=models.CASCADE, related_name="risks")
    code = models.CharField(max_length=20)
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=300)
    owner = models.CharField(max_length=100)
    likelihood = models.CharField(max_length=10, choices=Level, blank=True, default="")
    impact = models.CharField(max_length=10, choices=Level)
    mitigation = models.TextField()
    raised_date = models.DateField()
    closed_date = models.DateField(null=True, blank=True, help_text="First day no longer open")

    class Meta:
        ordering = ["plan", "kind", "code"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "code"], name="risk_once_per_plan"),
            models.CheckConstraint(
                name="risk_has_a_likelihood_and_a_blocker_none",
                condition=models.Q(kind="blocker", likelihood="")
                | models.Q(kind="risk", likelihood__in=["low", "medium", "high"]),
            ),
            models.CheckConstraint(
                name="risk_is_closed_after_it_is_raised",
                condition=models.Q(closed_date__isnull=True)
                | models.Q(closed_date__gte=models.F("raised_date")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Objective(models.Model):
    """What a quarter shall bring, and how everybody will know that it did."""

    plan = models.ForeignKey(ProgrammePlan, on_delete=models.CASCADE, related_name="objectives")
    code = models.CharField(max_length=20)
    quarter = models.CharField(max_length=6, help_text="As in 2024Q3")
    text = models.CharField(max_length=300)
    measure = models.CharField(max_length=300)
    owner = models.CharField(max_length=100)

    class Meta:
        ordering = ["plan", "quarter", "code"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "code"], name="objective_once_per_plan")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Team(models.Model):
    """People who work on the programme from a day on, in hundredths of a full-time post."""

    plan = models.ForeignKey(ProgrammePlan, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=100)
    purpose = models.CharField(max_length=300)
    planned_fte_hundredths = models.PositiveIntegerField()
    filled_fte_hundredths = models.PositiveIntegerField()
    from_date = models.DateField()
    to_date = models.DateField(null=True, blank=True, help_text="First day no longer here")

    class Meta:
        ordering = ["plan", "name", "from_date"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "name", "from_date"], name="team_once_per_plan_and_start"
            ),
            models.CheckConstraint(
                name="team_period_is_not_empty",
                condition=models.Q(to_date__isnull=True)
                | models.Q(to_date__gt=models.F("from_date")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BudgetLine(models.Model):
    """One purpose that money is planned and spent for."""

    plan = models.ForeignKey(ProgrammePlan, on_delete=models.CASCADE, related_name="budget_lines")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["plan", "code"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "code"], name="budget_line_once_per_plan")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class PlannedSpending(models.Model):
    """What a budget line may spend in one quarter, in minor units of the plan's currency."""

    line = models.ForeignKey(BudgetLine, on_delete=models.CASCADE, related_name="planned")
    quarter = models.CharField(max_length=6, help_text="As in 2024Q3")
    amount_minor = models.BigIntegerField()

    class Meta:
        ordering = ["line", "quarter"]
        constraints = [
            models.UniqueConstraint(
                fields=["line", "quarter"], name="planned_spending_once_per_quarter"
            ),
            models.CheckConstraint(
                name="planned_spending_is_not_negative", condition=models.Q(amount_minor__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.quarter} {self.amount_minor}"


class BookedSpending(models.Model):
    """What was spent on a day; a negative amount takes an earlier booking back."""

    line = models.ForeignKey(BudgetLine, on_delete=models.CASCADE, related_name="booked")
    booked_date = models.DateField()
    amount_minor = models.BigIntegerField()
    text = models.CharField(max_length=200)

    class Meta:
        ordering = ["line", "booked_date", "id"]

    def __str__(self) -> str:
        return f"{self.line} {self.booked_date} {self.amount_minor}"
