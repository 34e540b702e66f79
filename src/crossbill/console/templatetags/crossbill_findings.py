"""How the console's pages name findings, and find the one behind a reason."""

from collections.abc import Iterable

from django import template

from crossbill.console import words
from crossbill.replacement.reconciliation.findings import OF_ANOTHER
from crossbill.replacement.reconciliation.models import Difference, Finding
from crossbill.replacement.reconciliation.side_by_side import Reason
from crossbill.replacement.reconciliation.words import CLASSES

register = template.Library()


@register.filter
def finding_title(finding: Finding) -> str:
    """``Other version of the price: product FIB100``."""
    named = CLASSES.get(finding.class_code, words.plain(finding.class_code).capitalize())
    subject = f", {finding.subject}" if finding.subject else ""
    shared = f": {finding.shared}" if finding.shared else ""
    return f"{named}{subject}{shared}"


@register.filter
def place_words(place: str) -> str:
    """Where a finding is mended, in words."""
    return words.PLACES.get(place, place)


@register.filter
def causes(said: Reason | Difference, findings: Iterable[Finding]) -> list[Finding]:
    """Those of an account's findings that are behind a reason or a difference."""
    differences = said.differences if isinstance(said, Reason) else [said]
    subjects = {subject for d in differences for subject in _subjects(d)}
    return [f for f in findings if f.class_code == said.class_code and f.subject in subjects]


def _subjects(difference: Difference) -> set[str]:
    """What a finding may say that it is about, for a difference to be one of its own."""
    entity = words.plain(difference.entity)
    field = difference.field
    for unit in ("_minor", "_nanos", "_ppm"):
        field = field.removesuffix(unit)
    return {"", entity, f"{entity} {words.plain(field)}", OF_ANOTHER.get(difference.field, "")}
