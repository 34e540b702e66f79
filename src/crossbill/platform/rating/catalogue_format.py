"""What people write in a catalogue of rating: its keys, and what each must hold by itself."""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import lcm
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from crossbill.core.money import format_nanos
from crossbill.engine.yaml_file import fault
from crossbill.engine.yaml_values import (
    LONGEST_FILE_NAME,
    PERCENT_DIGITS,
    Amount,
    Code,
    Day,
    Flag,
    Percent,
    Strict,
    Text,
)
from crossbill.platform.rating.calendars import DAY_S, Rule

ANY_ZONE = "*"
NO_CALENDAR, ANY_BAND = "", "any"
CARRIED = "carried"
SECONDS = "seconds"

HIGHEST_QUANTITY = 10**12
DEAREST_PIECE_NANOS = 10**16  # of a minimum or increment: a call has hundreds of bands at most
HIGHEST_PARTS = 2**31
HIGHEST_PARTIAL_NANOS = 2**62
HIGHEST_PERCENT = 1_000
PPM_PER_PERCENT = 10**PERCENT_DIGITS


# Values


def _second_of_day(value: Any) -> int:
    found = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", value) if isinstance(value, str) else None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (99, 0, 0)
    second = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or second > DAY_S:
        raise fault("Not a time of day", value=value, cure="write it as 08:00, at most 24:00")
    return second


def _file_or_rows(value: Any) -> Any:
    """The name of a file, or a list of rows."""
    is_file = isinstance(value, str) and 0 < len(value) <= LONGEST_FILE_NAME
    if not is_file and not (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
        raise fault("Neither a file nor a list of rows", cure="name a CSV file beside this one")
    return value


def _one_or_more(value: Any) -> Any:
    """One version may be written without a list."""
    return [value] if isinstance(value, dict) else value


SecondOfDay = Annotated[int, BeforeValidator(_second_of_day)]
Quantity = Annotated[int, Field(strict=True, ge=0, le=HIGHEST_QUANTITY)]
Whole = Annotated[int, Field(strict=True, ge=1, le=HIGHEST_QUANTITY)]
Digits = Annotated[int, Field(strict=True, ge=-9, le=9)]
Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]
Month = Annotated[int, Field(strict=True, ge=1, le=12)]
Monthday = Annotated[int, Field(strict=True, ge=1, le=31)]
Mode = Literal["half_up", "half_even", "down", "up"]


class Dated(Strict):
    """Something that holds for a time: whole days in the catalogue's zone, half-open."""

    valid_from: Day | None = None
    valid_to: Day | None = None


# Policies, holidays and calendars


class PolicySpec(Strict):
    """How amounts are rounded and calls are split; nothing has a default, for none is seen."""

    policy_code: Code
    rounding_scope: Literal["increment", "event", "line"]
    rounding_mode: Mode
    rounding_digits: Digits
    band_crossing: Literal["split", "start"]
    local_time: Literal["account", "switch"]

    @model_validator(mode="after")
    def _fine_increments(self) -> "PolicySpec":
        if self.rounding_scope == "increment" and self.rounding_digits < 0:
            raise fault(
                "The price of an increment cannot be rounded to tens or more",
                within=["rounding_digits"],
                value=str(self.rounding_digits),
                cure="from 0 to 9 where increments are rounded",
            )
        return self


class HolidaySpec(Strict):
    """The public holidays of a country or part of it, and days of one's own."""

    country: str | None = None
    subdivision: str | None = None
    dates: list[Day] = []


class RuleSpec(Strict):
    """When a band holds."""

    band: Code
    from_s: SecondOfDay = Field(alias="from", default=0)
    to_s: SecondOfDay = Field(alias="to", default=DAY_S)
    weekdays: Annotated[list[Weekday], Field(min_length=1)] | None = None
    months: Annotated[list[Month], Field(min_length=1)] | None = None
    monthdays: Annotated[list[Monthday], Field(min_length=1)] | None = None
    on: Literal["any", "holidays", "workdays"] = "any"
    weight: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _within_one_day(self) -> "RuleSpec":
        if self.to_s <= self.from_s:
            raise fault(
                "The rule ends before it begins",
                within=["to"],
                value=_time_text(self.to_s),
                cure=f"across midnight write two rules: {_time_text(self.from_s)} to 24:00, "
                f"and 00:00 to {_time_text(self.to_s)}",
            )
        return self

    @property
    def rule(self) -> Rule:
        """The rule as the calendar applies it."""
        days = (self.weekdays, self.months, self.monthdays)
        weekdays, months, monthdays = (None if d is None else frozenset(d) for d in days)
        return Rule(
            self.band, self.from_s, self.to_s, weekdays, months, monthdays, self.on, self.weight
        )


def _time_text(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}" + f":{second % 60:02}" * bool(second % 60)


# Decks and tariffs


class DeckSpec(Dated):
    """One version of a deck: its prefixes in a file or written here."""

    file: Text | None = None
    prefixes: dict[str, Text] | None = None
    version: Text | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "DeckSpec":
        if (self.file is None) == (self.prefixes is None):
            raise fault("A deck has either a file or prefixes", cure="write one of the two")
        return self


class StepSpec(Strict):
    """What a quantity costs from some elapsed quantity on."""

    from_quantity: Quantity = Field(alias="from", default=0)
    price: Amount
    per: Whole = 1
    minimum: Quantity = 0
    increment: Whole = 1

    @model_validator(mode="after")
    def _countable(self) -> "StepSpec":
        """A part of a unit must have an exact price in 64 bits."""
        if self.per > HIGHEST_PARTS:
            raise fault(
                "The price is for too large a quantity", within=["per"], value=self.per,
                cure=f"at most {HIGHEST_PARTS:,}; state the price for less",
            )  # fmt: skip
        if max(self.minimum, self.increment) * self.price > DEAREST_PIECE_NANOS * self.per:
            raise fault(
                "A minimum or an increment costs more than ten million",
                within=["price"],
                cure="state a smaller minimum, increment or price",
            )
        if (self.per - 1) * self.price >= HIGHEST_PARTIAL_NANOS:
            raise fault(
                "Price times quantity is too large to be exact", within=["price"],
                value=f"{format_nanos(self.price)} per {self.per:,}",
                cure="state the price for a smaller quantity",
            )  # fmt: skip
        return self


INLINE = ("per", "minimum", "increment")


def _steps_of_one(value: Any) -> Any:
    """One step may be written among the keys of the rate; ``price: carried`` is no step."""
    if not isinstance(value, dict):
        return value
    rest = dict(value)
    price = rest.pop("price", None)
    inline = {key: rest.pop(key) for key in INLINE if key in rest}
    if price == CARRIED:
        _refuse_beside(CARRIED, [*inline, *(["steps"] if "steps" in rest else [])])
        return {**rest, "carried": True, "steps": [{"price": 0}]}
    if "steps" in rest:
        _refuse_beside("steps", [*inline, *(["price"] if price is not None else [])])
        return rest
    return {**rest, "steps": [{"price": price, **inline} if price is not None else inline]}


def _refuse_beside(what: str, keys: list[str]) -> None:
    if keys:
        raise fault(f"{keys[0]} does not go with {what}", within=[keys[0]], cure="take one out")


class RateSpec(Dated):
    """What an event costs in some zones and a band, in one version."""

    zone: Text | None = None
    zones: Annotated[list[Text], Field(min_length=1)] | None = None
    band: Code | None = None
    version: Text | None = None
    connect_fee: Amount = 0
    included: Quantity = 0
    max_cost: Amount | None = None
    carried: Flag = False
    markup: Percent = 0
    steps: Annotated[list[StepSpec], Field(min_length=1)]

    @property
    def zone_names(self) -> list[str]:
        """The zones that it prices."""
        return self.zones or [self.zone or ANY_ZONE]

    @property
    def version_name(self) -> str:
        """The name of this version of the price."""
        return self.version or (self.valid_from.isoformat() if self.valid_from else "1")

    @property
    def carried_ppm(self) -> int:
        """The share of the event's own price that is charged, 0 for none."""
        return 100 * PPM_PER_PERCENT + self.markup if self.carried else 0

    @property
    def unit(self) -> int:
        """The smallest quantity of which every step's unit is a part."""
        return lcm(*(step.per for step in self.steps))

    @model_validator(mode="after")
    def _agrees(self) -> "RateSpec":
        if self.zone is not None and self.zones is not None:
            raise fault("Both zone and zones are given", within=["zone"], cure="write one of them")
        if self.markup and not self.carried:
            raise fault(
                "A markup needs a price that the event carries", within=["markup"],
                cure="write `price: carried`, or take the markup out",
            )  # fmt: skip
        lowest, highest = -100 * PPM_PER_PERCENT, HIGHEST_PERCENT * PPM_PER_PERCENT
        if not lowest < self.markup <= highest:
            raise fault(
                "The markup is absurd", within=["markup"], cure="more than -100, at most 1,000"
            )
        _check_steps(self.steps)
        return self


def _check_steps(steps: Sequence[StepSpec]) -> None:
    if steps[0].from_quantity:
        raise fault(
            "The first step does not begin at 0", within=["steps", 0, "from"],
            value=steps[0].from_quantity, cure="begin the first step at 0",
        )  # fmt: skip
    for number, (before, after) in enumerate(pairwise(steps), 1):
        if after.from_quantity <= before.from_quantity:
            raise fault(
                "The steps are out of order", within=["steps", number, "from"],
                value=after.from_quantity, cure="each step begins after the one before it",
            )  # fmt: skip


class TariffSpec(Strict):
    """Rates that are written here, or the name of the deck that prices each prefix itself."""

    deck: Code | None = None
    rates: list[Annotated[RateSpec, BeforeValidator(_steps_of_one)]] = []


def _tariff(value: Any) -> Any:
    """A tariff is a list of rates, or ``{deck: NAME}``."""
    if isinstance(value, list):
        return {"rates": value}
    if not isinstance(value, dict) or set(value) != {"deck"}:
        raise fault("A tariff is a list of rates, or names a deck", cure="write {deck: NAME}")
    return value


# Plans and allowances


class UsageTypeSpec(Strict):
    """What is used; seconds are timed: such an event can cross the edge of a band."""

    unit: Code


class SurchargeSpec(Dated):
    """What is added to each event of a charge: a tax or fee in percent, rounded for itself."""

    surcharge: Code
    percent: Percent
    rounding_mode: Mode
    rounding_digits: Digits

    @model_validator(mode="after")
    def _sane(self) -> "SurchargeSpec":
        if not 0 <= self.percent <= HIGHEST_PERCENT * PPM_PER_PERCENT:
            raise fault(
                "The surcharge is negative or absurd", within=["percent"],
                cure=f"from 0 to {HIGHEST_PERCENT:,}",
            )  # fmt: skip
        return self


class ChargeSpec(Dated):
    """How a plan charges one usage type: each event by a tariff, or a period by a price model."""

    charge: Code
    usage_type: Code
    zone_by: Literal["destination", "network", "none"] | None = None
    deck: Code | None = None
    tariff: Code | None = None
    calendar: Code | None = None
    model: Code | None = None
    terms: dict[str, Any] = {}
    adjustments: list[dict[str, Any]] = []
    surcharges: list[SurchargeSpec] = []

    @property
    def is_metered(self) -> bool:
        """Whether the quantity of a period is priced, not each event."""
        return self.model is not None

    @model_validator(mode="after")
    def _one_kind(self) -> "ChargeSpec":
        if (self.model is None) == (self.tariff is None):
            raise fault(
                "A charge has either a tariff or a model",
                cure="tariff: prices each event; model: prices the quantity of a period",
            )
        alien = (
            ("zone_by", "deck", "calendar", "surcharges")
            if self.is_metered
            else ("terms", "adjustments")
        )
        given = [name for name in alien if name in self.model_fields_set]
        if given:
            kind = "priced by a model" if self.is_metered else "priced by a tariff"
            raise fault(
                f"{given[0]} does not go with a charge that is {kind}", within=[given[0]],
                cure="take it out",
            )  # fmt: skip
        return self


class PlanSpec(Strict):
    """What a customer can hold: its charges and the allowances that it grants."""

    charges: Annotated[list[ChargeSpec], Field(min_length=1)]
    allowances: list[Code] = []


Names = Annotated[list[Text], Field(min_length=1)]


class ScopeSpec(Strict):
    """What an allowance pays for; a key that is left out excludes nothing."""

    usage_types: Names | None = None
    zones: Names | None = None
    bands: Names | None = None


class AllowanceSpec(Dated):
    """A quantity granted each month, and what it pays for."""

    quantity: Quantity
    priority: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0
    block: Whole = 1
    applies_to: ScopeSpec = ScopeSpec()
    share: Literal["product", "account", "group"] = "product"
    prorated: Flag = False
    rollover_periods: Annotated[int, Field(strict=True, ge=0, le=120)] = 0
    charged: Flag = False


Versions = BeforeValidator(_one_or_more)


class CatalogueSpec(Strict):
    """catalogue.yaml of rating."""

    rating_catalogue: Literal[1]
    name: Text
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    time_zone: str
    holidays: HolidaySpec | None = None
    policies: Annotated[list[PolicySpec], Field(min_length=1)]
    calendars: dict[Code, Annotated[list[RuleSpec], Field(min_length=1)]] = {}
    decks: dict[Code, Annotated[list[DeckSpec], Field(min_length=1), Versions]] = {}
    tariffs: dict[Code, Annotated[TariffSpec, BeforeValidator(_tariff)]] = {}
    usage_types: Annotated[dict[Code, UsageTypeSpec], Field(min_length=1)]
    plans: Annotated[dict[Code, PlanSpec], Field(min_length=1)]
    allowances: dict[Code, Annotated[list[AllowanceSpec], Field(min_length=1), Versions]] = {}
    services: Annotated[str | list[dict[str, Any]], BeforeValidator(_file_or_rows)] = []
