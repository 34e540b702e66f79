"""What somebody asks to be billed for the sake of knowing, and the answer."""

from django.conf import settings
from django.db import models

from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.models import CatalogueVersion
from crossbill.runs.models import Run


class WhatIf(models.Model):
    """A question: what another catalogue, other rules or both would do to a carrier's bills.

    ``part_count`` is fixed when it is asked, so that a run that is resumed does the same parts.
    """

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, related_name="+")
    period = models.CharField(max_length=10, help_text="A month, or the first day of a cycle")
    version = models.ForeignKey(
        CatalogueVersion, on_delete=models.PROTECT, related_name="what_ifs", null=True, blank=True,
        help_text="The catalogue after; none: as before",
    )  # fmt: skip
    compared_with = models.ForeignKey(
        CatalogueVersion, on_delete=models.PROTECT, related_name="+", null=True, blank=True,
        help_text="The catalogue before; none: the prices in the books",
    )  # fmt: skip
    policy = models.JSONField(help_text="The rules before")
    other_policy = models.JSONField(help_text="The rules after")
    part_count = models.PositiveIntegerField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    run = models.OneToOneField(
        Run, on_delete=models.PROTECT, related_name="what_if", null=True, blank=True
    )
    answer = models.JSONField(null=True, blank=True, help_text="As `what_if_parts` gives it")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="what_if_has_parts", condition=models.Q(part_count__gt=0))
        ]

    def __str__(self) -> str:
        asked = [str(self.version)] if self.version else []
        if self.policy != self.other_policy:
            asked.append(f"rules {self.other_policy['policy_code']}")
        return f"What if {' and '.join(asked)} held in {self.period}"


class WhatIfPart(models.Model):
    """The answer for a part of the population, until all are put together."""

    what_if = models.ForeignKey(WhatIf, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    answer = models.JSONField()

    class Meta:
        ordering = ["what_if", "position"]
        constraints = [
            models.UniqueConstraint(fields=["what_if", "position"], name="what_if_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.what_if_id}: {self.position}"
