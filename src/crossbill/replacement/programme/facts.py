"""Everything that a quarterly report states, as plain values: integers, dates and people's text."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.replacement.programme.quarter import Quarter

MILLION = 1_000_000


def ppm(part: int, whole: int, mode: RoundingMode = RoundingMode.HALF_UP) -> int | None:
    """``part`` of ``whole`` in millionths; None where there is no whole."""
    return divide_rounded(part * MILLION, whole, mode) if whole > 0 else None


@dataclass(frozen=True)
class Accounts:
    """Where the accounts of the old system stand at the end of the quarter."""

    total: int
    moved_before: int
    moved_in_quarter: int
    fallout: int

    @property
    def moved(self) -> int:
        """Live on the new platform by the end of the quarter."""
        return self.moved_before + self.moved_in_quarter

    @property
    def to_go(self) -> int:
        """Still on the old system, fallout included."""
        return self.total - self.moved


@dataclass(frozen=True)
class Bills:
    """Shadow bills against old bills, as they were compared."""

    compared: int = 0
    equal: int = 0
    explained: int = 0
    unexplained: int = 0

    @property
    def match_ppm(self) -> int | None:
        """Share that is equal to the cent, rounded down: a million only where all are."""
        return ppm(self.equal, self.compared, RoundingMode.DOWN)


@dataclass(frozen=True)
class WaveFacts:
    """One wave at the end of the quarter."""

    wave_id: int
    position: int
    name: str
    cutover_date: date
    in_quarter: bool
    is_live: bool
    accounts: int
    moved: int
    fallout: int
    gate: str  # passed, refused, or none yet
    signatures: int
    bills: Bills


@dataclass(frozen=True)
class MoneyFacts:
    """By how much the new bills of a class are higher and lower, never netted."""

    currency: str
    over_minor: int
    under_minor: int  # 0 or negative

    @property
    def absolute_minor(self) -> int:
        """Both directions together."""
        return self.over_minor - self.under_minor


@dataclass(frozen=True)
class ClassFacts:
    """Differences of one class over the quarter's waves, and what they change on whole bills."""

    class_code: str
    decision: str
    differences: int
    accounts: int
    money: tuple[MoneyFacts, ...]

    @property
    def absolute_minor(self) -> int:
        """What the class is worth in all, to put classes in order."""
        return sum(part.absolute_minor for part in self.money)


@dataclass(frozen=True)
class FalloutFacts:
    """Accounts that stay on the old system for one class of reason, with one reason as it reads."""

    class_code: str
    accounts: int
    example_account: str
    example_reason: str


class MilestoneState(StrEnum):
    """Where a milestone stands on the day of the report."""

    ACHIEVED = "achieved"
    LATE = "late"
    PLANNED = "planned"


@dataclass(frozen=True)
class MilestoneFacts:
    """A milestone; one that hangs on a wave takes state and day from the wave."""

    code: str
    name: str
    owner: str
    due_date: date
    state: MilestoneState
    achieved_date: date | None
    wave: str | None


@dataclass(frozen=True)
class RiskFacts:
    """An open risk or blocker, as people wrote it."""

    code: str
    kind: str
    title: str
    owner: str
    likelihood: str
    impact: str
    mitigation: str
    raised_date: date


@dataclass(frozen=True)
class ObjectiveFacts:
    """What a quarter shall bring."""

    code: str
    text: str
    measure: str
    owner: str


@dataclass(frozen=True)
class TeamFacts:
    """A team on the day of the report, in hundredths of a full-time post."""

    name: str
    purpose: str
    planned_fte_hundredths: int
    filled_fte_hundredths: int


@dataclass(frozen=True)
class Spending:
    """Planned against booked, in minor units."""

    planned_minor: int
    booked_minor: int

    @property
    def over_minor(self) -> int:
        """Booked beyond the plan; negative where money is left."""
        return self.booked_minor - self.planned_minor

    @property
    def over_ppm(self) -> int | None:
        """The same as a share of the plan."""
        return ppm(self.over_minor, self.planned_minor)


@dataclass(frozen=True)
class BudgetFacts:
    """One budget line: this quarter, from the beginning to date, and all that is planned."""

    code: str
    name: str
    quarter: Spending
    to_date: Spending
    planned_total_minor: int


@dataclass(frozen=True)
class StageFacts:
    """The control totals of one stage of the replacement's run."""

    title: str
    records_in: int
    accepted: int
    duplicate: int
    suspended: int


@dataclass(frozen=True)
class RunFacts:
    """The run that did the work."""

    title: str
    status: str
    attempts: int
    stages: tuple[StageFacts, ...]


@dataclass(frozen=True)
class ControlTotal:
    """One total of a wave on both sides."""

    wave: str
    name: str
    old: int
    new: int


@dataclass(frozen=True)
class LedgerFacts:
    """One currency of the books at the end of the quarter."""

    currency: str
    receivable_minor: int
    deposits_minor: int
    clearing_minor: int
    open_items_minor: int | None  # None where no open items were taken over


@dataclass(frozen=True)
class Check:
    """Something that must hold, with both figures that show whether it does."""

    name: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether both figures agree."""
        return self.expected == self.found


@dataclass(frozen=True)
class QuarterlyFacts:
    """The whole content of one quarterly report."""

    carrier: str
    carrier_code: str
    replacement: str
    extract_date: date
    quarter: Quarter
    as_of_date: date
    budget_currency: str
    has_programme: bool
    summary: str
    accounts: Accounts
    bills: Bills
    waves: tuple[WaveFacts, ...]
    classes: tuple[ClassFacts, ...]
    fallout: tuple[FalloutFacts, ...]
    blocks_next_gate: tuple[str, ...]
    milestones: tuple[MilestoneFacts, ...]
    risks: tuple[RiskFacts, ...]
    objectives: tuple[ObjectiveFacts, ...]
    next_waves: tuple[WaveFacts, ...]
    teams: tuple[TeamFacts, ...]
    budget: tuple[BudgetFacts, ...]
    run: RunFacts
    control_totals: tuple[ControlTotal, ...]
    ledger: tuple[LedgerFacts, ...]
    checks: tuple[Check, ...]

    @property
    def money(self) -> tuple[MoneyFacts, ...]:
        """What all classes together change on bills, by currency."""
        parts = [part for each in self.classes for part in each.money]
        return tuple(
            MoneyFacts(
                currency,
                sum(part.over_minor for part in parts if part.currency == currency),
                sum(part.under_minor for part in parts if part.currency == currency),
            )
            for currency in sorted({part.currency for part in parts})
        )

    @property
    def budget_quarter(self) -> Spending:
        """All lines, this quarter."""
        return _added(line.quarter for line in self.budget)

    @property
    def budget_to_date(self) -> Spending:
        """All lines, from the beginning to the day of the report."""
        return _added(line.to_date for line in self.budget)


def _added(parts: Iterable[Spending]) -> Spending:
    listed = list(parts)
    return Spending(
        planned_minor=sum(part.planned_minor for part in listed),
        booked_minor=sum(part.booked_minor for part in listed),
    )


def as_plain(value: Any) -> Any:
    """Facts as what JSON can hold, with the figures that are computed from them."""
    if isinstance(value, Quarter | date):
        return str(value)
    if isinstance(value, tuple):
        return [as_plain(each) for each in value]
    if not is_dataclass(value):
        return value
    computed = [name for name, part in vars(type(value)).items() if isinstance(part, property)]
    names = [field.name for field in fields(value)] + computed
    return {name: as_plain(getattr(value, name)) for name in names}
