"""The prices of a compiled catalogue: which rates hold in a zone, band by band, on a day."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import combinations
from math import lcm

import pyarrow as pa

from crossbill.core.money import INT64_MAX
from crossbill.core.versions import Window, windows
from crossbill.engine.rating_datasets import RATE, RATE_SET
from crossbill.platform.rating.catalogue_format import (
    ANY_BAND,
    ANY_ZONE,
    HIGHEST_PARTS,
    AllowanceSpec,
    RateSpec,
    ScopeSpec,
)
from crossbill.platform.rating.catalogue_model import Charge, RatingCatalogue
from crossbill.platform.rating.compile_time import table
from crossbill.platform.rating.decks import DeckPrice

SECONDS_PER_MINUTE = 60
MAXIMUM_SCOPES = 62
METERED_VERSION = "metered"
METERED = "*"


@dataclass(frozen=True)
class Step:
    """What a quantity costs from some elapsed quantity on."""

    from_quantity: int
    minimum: int
    increment: int
    unit: int
    price_nanos: int


@dataclass(frozen=True)
class Terms:
    """What an event costs in one band."""

    steps: tuple[Step, ...]
    connect_fee_nanos: int
    included: int
    max_cost_nanos: int | None
    carried_ppm: int


@dataclass(frozen=True)
class BandRate:
    """The terms of one band, and which allowances pay for them."""

    band: str
    terms: Terms
    scope_mask: int


RateSet = tuple[BandRate, ...]


def terms_of(rate: RateSpec) -> Terms:
    """The terms of a rate that is written in a tariff."""
    steps = tuple(
        Step(step.from_quantity, step.minimum, step.increment, step.per, step.price)
        for step in rate.steps
    )
    return Terms(steps, rate.connect_fee, rate.included, rate.max_cost, rate.carried_ppm)


def terms_of_prefix(price: DeckPrice) -> Terms:
    """The terms of a prefix that has its own price."""
    step = Step(0, 0, price.increment, SECONDS_PER_MINUTE, price.price_nanos)
    return Terms((step,), price.connect_fee_nanos, price.included, None, 0)


def metered_tariff(usage_type: str) -> str:
    """The compiled tariff of usage that is priced by the period; no tariff is called so."""
    return f"{METERED}{usage_type}"


def is_metered(tariff_code: str) -> bool:
    """Whether usage under a compiled tariff is priced by the period."""
    return tariff_code.startswith(METERED)


# Who uses a tariff


@dataclass(frozen=True)
class TariffUse:
    """A tariff as the charges of one usage type use it."""

    code: str
    tariff: str
    usage_type: str
    charges: tuple[Charge, ...]


def tariff_uses(catalogue: RatingCatalogue) -> list[TariffUse]:
    """Every tariff by usage type, for allowances may pay for the one and not for the other."""
    grouped: dict[tuple[str, str], list[Charge]] = {}
    for charge in catalogue.event_charges:
        assert charge.spec.tariff is not None, "an event is charged by a tariff"
        grouped.setdefault((charge.spec.tariff, charge.spec.usage_type), []).append(charge)
    tariffs = [tariff for tariff, _ in grouped]
    return [
        TariffUse(
            tariff if tariffs.count(tariff) == 1 else f"{tariff}:{usage_type}",
            tariff, usage_type, tuple(grouped[tariff, usage_type]),
        )
        for tariff, usage_type in sorted(grouped)
    ]  # fmt: skip


# Scopes


@dataclass(frozen=True)
class Scopes:
    """What the allowances pay for, each as one bit."""

    scopes: tuple[ScopeSpec, ...]

    def bit(self, scope: ScopeSpec) -> int:
        """The bit's number."""
        return [_scope_key(each) for each in self.scopes].index(_scope_key(scope))

    def family(self, scope: ScopeSpec) -> int:
        """The same number for scopes that may pay for one event, directly or through others."""
        return self._families[self.bit(scope)]

    @cached_property
    def _families(self) -> list[int]:
        found = list(range(len(self.scopes)))
        for one, other in combinations(found, 2):
            if overlap(self.scopes[one], self.scopes[other]):
                joined = {found[one], found[other]}
                found = [min(joined) if family in joined else family for family in found]
        return found

    def mask(self, usage_type: str, zone: str, band: str) -> int:
        """The bits of all that pay for a usage type in a zone and band."""
        return sum(
            1 << number
            for number, scope in enumerate(self.scopes)
            if (scope.usage_types is None or usage_type in scope.usage_types)
            and (scope.zones is None or zone in scope.zones)
            and (scope.bands is None or band in scope.bands)
        )


def _scope_key(scope: ScopeSpec) -> tuple[tuple[str, ...], ...]:
    named = (scope.usage_types, scope.zones, scope.bands)
    return tuple(tuple(sorted(set(names or ()))) for names in named)


def overlap(one: ScopeSpec, other: ScopeSpec) -> bool:
    """Whether both may pay for one event; a scope that names nothing pays for any."""
    pairs = zip(_scope_key(one), _scope_key(other), strict=True)
    return all(not a or not b or not set(a).isdisjoint(b) for a, b in pairs)


def scopes_of(allowances: Iterable[AllowanceSpec]) -> Scopes:
    """The distinct scopes, in an order that does not depend on the file's."""
    distinct = {_scope_key(each.applies_to): each.applies_to for each in allowances}
    return Scopes(tuple(distinct[key] for key in sorted(distinct)))


# Which rate holds


@dataclass(frozen=True)
class Version:
    """One version of a rate: when, its number in the tariff, and what it says."""

    valid: Window
    number: int
    rate: RateSpec
    terms: Terms


@dataclass(frozen=True)
class Tariff:
    """The rates of a tariff; the more specific one wins, first by zone, then by band."""

    code: str
    rates: Sequence[RateSpec]

    @cached_property
    def numbers(self) -> dict[tuple[str, str | None], list[int]]:
        """The numbers of the rates that are versions of one: of a zone and a band."""
        grouped: dict[tuple[str, str | None], list[int]] = {}
        for number, rate in enumerate(self.rates):
            for zone in rate.zone_names:
                grouped.setdefault((zone, rate.band), []).append(number)
        return grouped

    @cached_property
    def versions(self) -> dict[tuple[str, str | None], list[Version]]:
        """The versions of each rate; one without an end ends where the next one begins."""
        terms = [terms_of(rate) for rate in self.rates]
        return {
            key: [
                Version(window, number, self.rates[number], terms[number])
                for number, window in zip(numbers, self.windows(numbers), strict=True)
            ]
            for key, numbers in self.numbers.items()
        }

    def windows(self, numbers: Sequence[int]) -> list[Window]:
        """When each of some rates holds, as versions of one rate."""
        return windows([(self.rates[n].valid_from, self.rates[n].valid_to) for n in numbers])

    @cached_property
    def edges(self) -> frozenset[date]:
        """Every day on which a rate begins or ends."""
        held = (version.valid.edges for each in self.versions.values() for version in each)
        return frozenset(day for days in held for day in days)

    def version(self, zone: str, band: str, day: date) -> Version | None:
        """The version of the rate that prices a band in a zone on a day."""
        for key in ((zone, band), (zone, None), (ANY_ZONE, band), (ANY_ZONE, None)):
            for version in self.versions.get(key, ()):
                if day in version.valid:
                    return version
        return None

    def is_priced(self, zone: str, band: str | None, day: date) -> bool:
        """Whether a rate holds in a zone and band on a day; without a band, in any of them."""
        if band is not None:
            return self.version(zone, band, day) is not None
        held = (each for key, each in self.versions.items() if key[0] in (zone, ANY_ZONE))
        return any(day in version.valid for versions in held for version in versions)


# Rate sets


@dataclass
class RateSets:
    """All rate sets of a compilation, each kept once however many zones it prices."""

    catalogue: RatingCatalogue
    scopes: Scopes
    ids: dict[RateSet, int] = field(default_factory=dict)
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, use: TariffUse, epoch_id: int, day: date) -> None:
        """What the tariff charges on a day, zone by zone or prefix by prefix."""
        spec = self.catalogue.spec.tariffs[use.tariff]
        bands = sorted({b for c in use.charges for b in self.catalogue.bands(c.spec.calendar)})
        if spec.deck is None:
            found = self._by_zone(use, Tariff(use.tariff, spec.rates), bands, day)
        else:
            found = self._by_prefix(use, spec.deck, bands, day)
        self.rows += [(use.code, zone, epoch_id, number, name) for zone, number, name in found]

    def add_metered(self, usage_type: str, epoch_id: int) -> None:
        """Usage that a price model prices by the period costs nothing event by event."""
        mask = self.scopes.mask(usage_type, ANY_ZONE, ANY_BAND)
        terms = Terms((Step(0, 0, 1, 1, 0),), 0, 0, None, 0)
        number = self._number((BandRate(ANY_BAND, terms, mask),))
        self.rows.append((metered_tariff(usage_type), ANY_ZONE, epoch_id, number, METERED_VERSION))

    def _number(self, rate_set: RateSet) -> int:
        return self.ids.setdefault(rate_set, len(self.ids))

    def _by_zone(
        self, use: TariffUse, tariff: Tariff, bands: Sequence[str], day: date
    ) -> Iterator[tuple[str, int, str]]:
        for zone in zones_of(self.catalogue, use):
            found = {band: tariff.version(zone, band, day) for band in bands}
            priced = {band: version for band, version in found.items() if version is not None}
            if not priced:
                continue
            self._refuse_unpriced(use, zone, found, day)
            rate_set = tuple(
                BandRate(band, version.terms, self.scopes.mask(use.usage_type, zone, band))
                for band, version in priced.items()
            )
            self._refuse_uncommon(use, priced)
            names = sorted({version.rate.version_name for version in priced.values()})
            yield zone, self._number(rate_set), " + ".join(names)

    def _by_prefix(
        self, use: TariffUse, deck_code: str, bands: Sequence[str], day: date
    ) -> Iterator[tuple[str, int, str]]:
        version, rows = self.catalogue.decks[deck_code].on(day)
        if version is None:
            return
        known: dict[tuple[DeckPrice, str], int] = {}
        for row in rows:
            assert row.price is not None, "a deck that prices a tariff has prices"
            key = (row.price, row.zone)
            if key not in known:
                terms = terms_of_prefix(row.price)
                masks = [self.scopes.mask(use.usage_type, row.zone, band) for band in bands]
                pairs = zip(bands, masks, strict=True)
                rate_set = tuple(BandRate(band, terms, mask) for band, mask in pairs)
                known[key] = self._number(rate_set)
            yield row.prefix, known[key], version.name

    def _refuse_unpriced(
        self, use: TariffUse, zone: str, found: Mapping[str, Version | None], day: date
    ) -> None:
        """A call that crosses into a band without a rate could not be priced."""
        for band, version in found.items():
            if version is None:
                since = "" if day == date.min else f" from {day}"
                raise self.catalogue.file.refuse(
                    ["tariffs", use.tariff], f"The zone has no rate for every band{since}",
                    value=f"{zone}, {band}",
                    cure=f"add a rate for band {band}, or one without a band for all",
                )  # fmt: skip

    def _refuse_uncommon(self, use: TariffUse, priced: Mapping[str, Version]) -> None:
        units = sorted({step.unit for version in priced.values() for step in version.terms.steps})
        if lcm(*units) > HIGHEST_PARTS:
            first = min(version.number for version in priced.values())
            raise self.catalogue.file.refuse(
                ["tariffs", use.tariff, first],
                "The prices of a zone are for quantities without a small common multiple",
                value=", ".join(f"{unit:,}" for unit in units),
                cure="state the prices for quantities that divide each other",
            )  # fmt: skip

    def tables(self, band_ids: Mapping[str, int]) -> dict[str, pa.Table]:
        """RATE_SET and RATE."""
        rates = [
            row
            for rate_set, number in self.ids.items()
            for row in _rate_rows(rate_set, number, band_ids)
        ]
        return {"rate_set": table(RATE_SET, self.rows), "rate": table(RATE, rates)}


def zones_of(catalogue: RatingCatalogue, use: TariffUse) -> list[str]:
    """The zones that may be asked for: those of the decks, and * where no number is looked up."""
    found: set[str] = set()
    for charge in use.charges:
        deck = catalogue.deck_of(charge.spec)
        found |= {ANY_ZONE} if deck is None else catalogue.decks[deck].zones
    return sorted(found)


def _rate_rows(
    rate_set: RateSet, number: int, band_ids: Mapping[str, int]
) -> Iterator[tuple[object, ...]]:
    parts = lcm(*(step.unit for each in rate_set for step in each.terms.steps))
    for each in rate_set:
        terms = each.terms
        ends = [*(step.from_quantity for step in terms.steps[1:]), INT64_MAX]
        for place, (step, end) in enumerate(zip(terms.steps, ends, strict=True)):
            yield (
                number, band_ids[each.band], place, len(terms.steps), step.from_quantity, end,
                step.minimum, step.increment, step.unit, step.price_nanos,
                terms.connect_fee_nanos, terms.included, terms.max_cost_nanos,
                terms.carried_ppm, parts, each.scope_mask,
            )  # fmt: skip
