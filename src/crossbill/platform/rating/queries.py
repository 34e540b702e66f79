"""What pages ask of a catalogue: its decks, which prefix fits a number, what a prefix costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from crossbill.platform.rating.catalogue_model import Charge, RatingCatalogue
from crossbill.platform.rating.compile_rates import Tariff, Terms, terms_of_prefix
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.decks import Deck, DeckRow, DeckVersion

DECK_DAYS = 16  # deck and day together, kept as lists of rows


@dataclass(frozen=True)
class DeckStanding:
    """A deck on one day: its version and how much is in it then."""

    deck: Deck
    version: DeckVersion | None
    prefixes: int
    zones: int
    looked_up: tuple[str, ...]
    tariffs: tuple[str, ...]


@dataclass(frozen=True)
class BandPrice:
    """What an event costs in some bands, by which version of a tariff."""

    bands: tuple[str, ...]
    every_band: bool
    terms: Terms
    version: str


@dataclass(frozen=True)
class Candidate:
    """A prefix that a number begins with, and whether it is the one that decides."""

    row: DeckRow
    rest: str
    decides: bool


def decks(current: Current, day: date) -> list[DeckStanding]:
    """Every deck of the catalogue as it is on a day."""
    return [deck_standing(current, code, day) for code in current.catalogue.decks]


def deck_standing(current: Current, code: str, day: date) -> DeckStanding:
    """One deck on a day."""
    catalogue = current.catalogue
    deck = catalogue.decks[code]
    version, _ = deck.on(day) if deck.versions else (None, [])
    rows = rows_on(current, code, day)
    charges = charges_of(catalogue, code)
    return DeckStanding(
        deck,
        version,
        len(rows),
        len({row.zone for row in rows}),
        tuple(dict.fromkeys(catalogue.zone_by(charge.spec) for charge in charges)),
        tuple(dict.fromkeys(charge.spec.tariff or "" for charge in charges)),
    )


@lru_cache(maxsize=DECK_DAYS)
def rows_on(current: Current, code: str, day: date) -> tuple[DeckRow, ...]:
    """The prefixes of a deck that are valid on a day, in order."""
    _, rows = current.catalogue.decks[code].on(day)
    return tuple(rows)


def charges_of(catalogue: RatingCatalogue, deck: str) -> list[Charge]:
    """The charges that look numbers up in a deck."""
    return [each for each in catalogue.event_charges if catalogue.deck_of(each.spec) == deck]


def candidates(rows: Iterable[DeckRow], number: str) -> list[Candidate]:
    """Every prefix that a number begins with, the shortest first; the last one decides."""
    fitting = sorted((row for row in rows if number.startswith(row.prefix)), key=_digits)
    return [Candidate(row, number[len(row.prefix) :], row is fitting[-1]) for row in fitting]


def _digits(row: DeckRow) -> int:
    return len(row.prefix)


def beginning_with(rows: Iterable[DeckRow], digits: str) -> list[DeckRow]:
    """The prefixes that begin with some digits."""
    return [row for row in rows if row.prefix.startswith(digits)]


def in_zone(rows: Iterable[DeckRow], words: str) -> list[DeckRow]:
    """The prefixes of zones whose name holds the words."""
    wanted = words.casefold()
    return [row for row in rows if wanted in row.zone.casefold()]


def prices(
    catalogue: RatingCatalogue, tariff_code: str, row: DeckRow, day: date
) -> list[BandPrice]:
    """What a tariff charges for a prefix on a day; bands that cost the same stand together."""
    spec = catalogue.spec.tariffs[tariff_code]
    bands = tariff_bands(catalogue, tariff_code)
    if spec.deck is not None:
        return [BandPrice(bands, True, terms_of_prefix(row.price), "")] if row.price else []
    tariff = Tariff(tariff_code, spec.rates)
    grouped: dict[tuple[Terms, str], list[str]] = {}
    for band in bands:
        version = tariff.version(row.zone, band, day)
        if version is not None:
            key = (version.terms, version.rate.version_name)
            grouped.setdefault(key, []).append(band)
    return [
        BandPrice(tuple(found), len(found) == len(bands), terms, version)
        for (terms, version), found in grouped.items()
    ]


def tariff_bands(catalogue: RatingCatalogue, tariff_code: str) -> tuple[str, ...]:
    """The bands of the calendars by which a tariff is used."""
    used: Sequence[Charge] = [c for c in catalogue.event_charges if c.spec.tariff == tariff_code]
    return tuple(sorted({band for c in used for band in catalogue.bands(c.spec.calendar)}))


def tariff_unit(catalogue: RatingCatalogue, tariff_code: str) -> str:
    """The base unit of what a tariff prices."""
    types = [c.spec.usage_type for c in catalogue.event_charges if c.spec.tariff == tariff_code]
    return catalogue.spec.usage_types[types[0]].unit if types else ""


def charges_for_events(catalogue: RatingCatalogue, plan_code: str) -> list[Charge]:
    """The charges of a plan that price each event."""
    return [charge for charge in catalogue.event_charges if charge.plan_code == plan_code]
