"""Reads a catalogue of rating: one YAML file and the tables beside it, checked as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import holidays

from crossbill.core.versions import ALWAYS, misfits, windows
from crossbill.engine.uncollected import uncollected
from crossbill.engine.yaml_file import YamlFile, read_yaml
from crossbill.platform.rating.catalogue_checks import check_catalogue
from crossbill.platform.rating.catalogue_format import CatalogueSpec, DeckSpec, HolidaySpec
from crossbill.platform.rating.catalogue_model import BadRatingCatalogue, RatingCatalogue
from crossbill.platform.rating.decks import (
    Deck,
    DeckRow,
    DeckVersion,
    checked_rows,
    prefix_problem,
    read_deck,
)
from crossbill.platform.rating.services import read_services, services

__all__ = ["BadRatingCatalogue", "RatingCatalogue", "read_catalogue", "services"]

REFERENCE = "docs/reference/rating-catalogue.md"


@uncollected()
def read_catalogue(path: Path) -> RatingCatalogue:
    """Read and check a catalogue; the first thing that is wrong is refused with its place."""
    cure = f"see {REFERENCE} for the keys of this file"
    file = read_yaml(path, refusal=BadRatingCatalogue, cure=cure)
    spec = file.checked(CatalogueSpec)
    decks = {code: _deck(code, versions, file, path) for code, versions in spec.decks.items()}
    catalogue = RatingCatalogue(path, file, spec, decks, _holidays(spec.holidays, file))
    check_catalogue(catalogue)
    return replace(catalogue, service=read_services(catalogue))


# Holidays


@dataclass(frozen=True)
class Holidays:
    """The public holidays of every year, found when they are asked for, and days of one's own."""

    public: holidays.HolidayBase | None = None
    own: frozenset[date] = field(default_factory=frozenset)

    def __contains__(self, day: object) -> bool:
        return day in self.own or (self.public is not None and day in self.public)


def _holidays(spec: HolidaySpec | None, file: YamlFile) -> Holidays:
    if spec is None:
        return Holidays()
    own = frozenset(spec.dates)
    if spec.country is None:
        if spec.subdivision is not None:
            place = ("holidays", "subdivision")
            raise file.refuse(place, "A subdivision needs its country", cure="name the country")
        return Holidays(None, own)
    try:
        return Holidays(holidays.country_holidays(spec.country, subdiv=spec.subdivision), own)
    except NotImplementedError as error:
        key = "subdivision" if "subdivision" in str(error) else "country"
        raise file.refuse(
            ("holidays", key), "The holidays of this place are not known", value=getattr(spec, key),
            cure="use ISO 3166 codes such as CH and ZH, or list the days under dates",
        ) from error  # fmt: skip


# Decks


def _deck(code: str, specs: Sequence[DeckSpec], file: YamlFile, path: Path) -> Deck:
    """All versions of a deck; a version without an end ends where the next one begins."""
    given = [(spec.valid_from, spec.valid_to) for spec in specs]
    for misfit in misfits(given):
        if not misfit.is_gap:
            raise file.refuse(
                ("decks", code, misfit.number), misfit.what,
                value=misfit.days,
                cure="end one version where the next begins",
            )  # fmt: skip
    versions = [
        DeckVersion(_version_name(spec), spec.file or file.name, window, rows)
        for number, (spec, window) in enumerate(zip(specs, windows(given), strict=True))
        for rows in [_deck_rows(spec, ("decks", code, number), file, path)]
    ]
    return Deck(code, tuple(sorted(versions, key=lambda version: version.valid)))


def _version_name(spec: DeckSpec) -> str:
    return spec.version or (spec.valid_from.isoformat() if spec.valid_from else "1")


def _deck_rows(
    spec: DeckSpec, place: tuple[str | int, ...], file: YamlFile, path: Path
) -> tuple[DeckRow, ...]:
    if spec.file is not None:
        deck = path.parent / spec.file
        if not deck.is_file():
            raise file.refuse(
                [*place, "file"], "The deck does not exist", value=spec.file,
                cure="name a file beside the catalogue",
            )  # fmt: skip
        return read_deck(deck)
    assert spec.prefixes is not None, "the format wants one of the two"
    return checked_rows(
        [_inline_row(prefix, zone, place, file) for prefix, zone in spec.prefixes.items()],
        file.name,
    )


def _inline_row(prefix: str, zone: str, place: tuple[str | int, ...], file: YamlFile) -> DeckRow:
    where = [*place, "prefixes", prefix]
    problem = prefix_problem(prefix)
    if problem:
        raise file.refuse(where, problem, value=prefix, cure="write digits only, no +")
    return DeckRow(prefix, zone, ALWAYS, None, file.line(where))
