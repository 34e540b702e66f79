"""When what a control found can be accepted, and when a later run is worse than was accepted."""

from collections.abc import Mapping
from dataclasses import dataclass

from crossbill.replacement.reconciliation.control import MINOR, figure_words, unit_words
from crossbill.replacement.reconciliation.deciding import Limits


@dataclass(frozen=True)
class Break:
    """What a run of a control found open in one unit; ``value`` more and less added up."""

    unit: str
    figures: int
    value: int


@dataclass(frozen=True)
class BreakLimits:
    """Up to how many figures and, of amounts, up to how much is accepted in one unit."""

    figures: int
    value: int | None


def limits_of(unit: str, figures: int, money: Mapping[str, Limits]) -> BreakLimits:
    """The limits of a unit, of those that were stated by currency."""
    stated = money.get(unit_words(unit)) if unit.startswith(MINOR) else None
    return BreakLimits(figures, stated.finding_minor if stated else None)


def why_over(found: Break, limits: BreakLimits) -> str:
    """Why a break is not within limits; empty where it is. Amounts need a limit in money."""
    name = unit_words(found.unit)
    if found.figures > limits.figures:
        many = "figure differs" if found.figures == 1 else "figures differ"
        return f"{found.figures:,} {many} in {name}, the limit is {limits.figures:,}"
    if limits.value is None:
        return f"no limit is given in {name}" * found.unit.startswith(MINOR)
    if found.value > limits.value:
        value, most = (figure_words(each, found.unit) for each in (found.value, limits.value))
        return f"they differ by {value} {name}, the limit is {most} {name}"
    return ""
