"""What people write about the programme: programme.yaml, checked (docs/reference/programme.md)."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from crossbill.core.money import MINOR_DIGITS
from crossbill.replacement.migration import spec

Level = Literal["low", "medium", "high"]
Code = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9.-]{0,19}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Person = Annotated[str, Field(min_length=1, max_length=100)]
Sentence = Annotated[str, Field(min_length=1, max_length=300)]
QuarterText = Annotated[str, Field(pattern="^[0-9]{4}Q[1-4]$")]


def _as_text(value: Any) -> Any:
    """Whole numbers may stand without quotes; a fraction without them is no longer exact."""
    if isinstance(value, float):
        raise ValueError("write a number with a point in quotes, as in '1200.50'")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _unique(values: Iterator[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value} stands twice")
        seen.add(value)


Money = Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$")]
PlannedMoney = Annotated[
    str, BeforeValidator(_as_text), Field(pattern=r"^[0-9]{1,14}(\.[0-9]{1,4})?$")
]
FullTimePosts = Annotated[
    str, BeforeValidator(_as_text), Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,2})?$")
]


class MilestoneSpec(spec.Strict):
    """Something to reach: on a typed day, or, computed, with the wave that it hangs on."""

    code: Code
    name: Name
    owner: Person
    due_date: date
    wave: Annotated[str, Field(pattern="^[1-9][0-9]{0,4} live$")] | None = None
    achieved_date: date | None = None

    @property
    def wave_position(self) -> int | None:
        """The position in ``wave: 3 live``."""
        return int(self.wave.split()[0]) if self.wave else None

    @model_validator(mode="after")
    def _is_computed_or_typed(self) -> Self:
        if self.wave and self.achieved_date:
            raise ValueError("a milestone with a wave is achieved by the wave: no achieved_date")
        return self


class RiskSpec(spec.Strict):
    """A risk with its likelihood, or a blocker, which has none: it is there."""

    code: Code
    kind: Literal["risk", "blocker"]
    title: Sentence
    owner: Person
    likelihood: Level | None = None
    impact: Level
    mitigation: str = Field(min_length=1)
    raised_date: date
    closed_date: date | None = None

    @model_validator(mode="after")
    def _likelihood_belongs_to_risks(self) -> Self:
        if (self.kind == "risk") != (self.likelihood is not None):
            raise ValueError("a risk needs a likelihood, a blocker must not have one")
        if self.closed_date and self.closed_date < self.raised_date:
            raise ValueError("closed_date is before raised_date")
        return self


class ObjectiveSpec(spec.Strict):
    """What a quarter shall bring and how it is measured."""

    code: Code
    quarter: QuarterText
    text: Sentence
    measure: Sentence
    owner: Person


class TeamSpec(spec.Strict):
    """A team: posts planned and posts filled, from a day on."""

    name: Person
    purpose: Sentence
    planned_fte: FullTimePosts
    filled_fte: FullTimePosts
    from_date: date = Field(alias="from")
    to_date: date | None = Field(alias="to", default=None)

    @model_validator(mode="after")
    def _period_is_not_empty(self) -> Self:
        if self.to_date and self.to_date <= self.from_date:
            raise ValueError("to is the first day after the period: it must be later than from")
        return self


class BookingSpec(spec.Strict):
    """Money spent on a day; negative where an earlier booking is taken back."""

    booked_date: date = Field(alias="date")
    amount: Money
    text: Name


class BudgetLineSpec(spec.Strict):
    """A purpose with what is planned per quarter and what was booked."""

    code: Code
    name: Name
    planned: dict[QuarterText, PlannedMoney]
    booked: list[BookingSpec] = []


class Programme(spec.Strict):
    """programme.yaml."""

    reference: ClassVar[str] = "docs/reference/programme.md"

    programme: Literal[1]
    currency: str = Field(pattern="^[A-Z]{3}$")
    summary: str = ""
    milestones: list[MilestoneSpec] = []
    risks: list[RiskSpec] = []
    objectives: list[ObjectiveSpec] = []
    teams: list[TeamSpec] = []
    budget: list[BudgetLineSpec] = []

    @model_validator(mode="after")
    def _codes_are_unique(self) -> Self:
        for what in ("milestones", "risks", "objectives", "budget"):
            _unique((entry.code for entry in getattr(self, what)), f"{what}: the code")
        _unique((f"{team.name} from {team.from_date}" for team in self.teams), "teams: the team")
        return self

    @model_validator(mode="after")
    def _amounts_fit_the_currency(self) -> Self:
        if self.currency not in MINOR_DIGITS:
            raise ValueError(f"currency {self.currency} is not an active ISO 4217 code")
        digits = MINOR_DIGITS[self.currency]
        for line in self.budget:
            amounts = [*line.planned.values(), *(booking.amount for booking in line.booked)]
            for amount in amounts:
                if len(amount.partition(".")[2].rstrip("0")) > digits:
                    raise ValueError(
                        f"budget {line.code}: {amount} has more than {digits} digits after the "
                        f"point, which {self.currency} does not have"
                    )
        return self


def read_programme(path: Path) -> Programme:
    """Read and check a programme file."""
    return spec.read(path, Programme)
