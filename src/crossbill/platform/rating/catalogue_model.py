"""A catalogue of rating that was read and holds together, as its compilation sees it."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import pyarrow as pa

from crossbill.core.refusal import Refusal
from crossbill.engine.rating_datasets import SERVICE
from crossbill.engine.yaml_file import YamlFile
from crossbill.platform.rating.calendars import Rule
from crossbill.platform.rating.catalogue_format import (
    ANY_BAND,
    NO_CALENDAR,
    SECONDS,
    CatalogueSpec,
    ChargeSpec,
)
from crossbill.platform.rating.decks import Deck


class BadRatingCatalogue(Refusal):
    """The catalogue of rating does not say what it has to. Mend the place that is named."""

    code: ClassVar[str] = "BAD_RATING_CATALOGUE"


@dataclass(frozen=True)
class Charge:
    """One charge of a plan, and where it stands in the file."""

    plan_code: str
    spec: ChargeSpec
    place: tuple[str | int, ...]


@dataclass(frozen=True)
class RatingCatalogue:
    """A catalogue that holds together; ``spec`` is what the file says."""

    path: Path
    file: YamlFile
    spec: CatalogueSpec
    decks: Mapping[str, Deck]
    holidays: Container[date]
    service: pa.Table = field(default_factory=SERVICE.empty)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The local time of all dates in the catalogue."""
        return ZoneInfo(self.spec.time_zone)

    @cached_property
    def calendars(self) -> dict[str, tuple[Rule, ...]]:
        """The rules of each calendar; the one without a name has one band."""
        written = {
            code: tuple(r.rule for r in rules) for code, rules in self.spec.calendars.items()
        }
        return {NO_CALENDAR: (Rule(ANY_BAND),), **written}

    @cached_property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge of every plan."""
        return tuple(
            Charge(code, spec, ("plans", code, "charges", number))
            for code, plan in self.spec.plans.items()
            for number, spec in enumerate(plan.charges)
        )

    @property
    def event_charges(self) -> tuple[Charge, ...]:
        """The charges that price each event by a tariff."""
        return tuple(charge for charge in self.charges if not charge.spec.is_metered)

    @property
    def metered_charges(self) -> tuple[Charge, ...]:
        """The charges that price the quantity of a period by a price model."""
        return tuple(charge for charge in self.charges if charge.spec.is_metered)

    def is_timed(self, usage_type: str) -> bool:
        """Whether an event of the type can cross the edge of a band."""
        return self.spec.usage_types[usage_type].unit == SECONDS

    def deck_of(self, charge: ChargeSpec) -> str | None:
        """The deck that a charge looks numbers up in: named by itself or by its tariff."""
        assert charge.tariff is not None, "a metered charge has no deck"
        return charge.deck or self.spec.tariffs[charge.tariff].deck

    def zone_by(self, charge: ChargeSpec) -> str:
        """What of an event is looked up in the deck: where a deck is named, the number dialled."""
        return charge.zone_by or ("none" if self.deck_of(charge) is None else "destination")

    def bands(self, calendar_code: str | None) -> frozenset[str]:
        """The bands of a calendar."""
        return frozenset(rule.band for rule in self.calendars[calendar_code or NO_CALENDAR])
