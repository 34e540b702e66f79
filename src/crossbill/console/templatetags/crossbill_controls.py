"""How the console's pages write what controls measure."""

from django import template

from crossbill.console.templatetags.crossbill_console import count, money
from crossbill.replacement.reconciliation import control_queries
from crossbill.replacement.reconciliation.control import MINOR, unit_words
from crossbill.replacement.reconciliation.models import ControlRun

register = template.Library()
VERDICTS = {
    "equal": "Equal",
    "within": "Within the tolerance",
    "over": "New side more",
    "under": "New side less",
    "missing": "Old side only",
    "extra": "New side only",
}
register.filter(unit_words)


@register.filter
def in_unit(value: int | None, unit: str) -> str:
    """A figure in its unit: ``12.30 USD`` of minor USD, ``1,204`` of records."""
    if unit.startswith(MINOR):
        return money(value, unit_words(unit))
    return count(value)


@register.filter
def less_in_unit(difference: int | None, unit: str) -> str:
    """As in_unit, with a plus sign where the new side has more."""
    text = in_unit(difference, unit)
    return f"+{text}" if difference and difference > 0 else text


@register.filter
def verdict_words(verdict: str) -> str:
    """How the two sides of a figure stand to each other, in plain words."""
    return VERDICTS[verdict]


@register.filter
def differing(run: ControlRun) -> int:
    """How many figures of a run differ beyond its tolerance."""
    return control_queries.open_count(run)
