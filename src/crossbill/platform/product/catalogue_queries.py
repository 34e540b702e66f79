"""What pages, commands and billing ask about the versions of a carrier's catalogues."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import ClassVar

from django.db.models import Q, QuerySet

from crossbill.core.refusal import Refusal
from crossbill.platform.product.catalogue_file import ProductCatalogue, parse_product_catalogue
from crossbill.platform.product.catalogue_format import OfferingSpec
from crossbill.platform.product.models import CatalogueVersion
from crossbill.platform.product.requirements import Needs

Status = CatalogueVersion.Status
PARSED_KEPT = 8


class NoSuchCatalogueVersion(Refusal):
    """The carrier has no version of this name and number. List its versions to see them."""

    code: ClassVar[str] = "NO_SUCH_CATALOGUE_VERSION"


def versions(carrier_id: int) -> "QuerySet[CatalogueVersion]":
    """All versions of a carrier's catalogues without their texts, the newest of each first."""
    found = CatalogueVersion.objects.filter(carrier_id=carrier_id)
    return found.select_related("carrier", "drafted_by", "published_by").defer("content")


def version_named(carrier_id: int, name: str, number: int) -> CatalogueVersion:
    """One version of a carrier's catalogue."""
    found = versions(carrier_id).filter(name=name, number=number).first()
    if found is None:
        cure = "see `crossbill catalogue versions`"
        what = "There is no such version of a catalogue"
        raise NoSuchCatalogueVersion(what, value=f"{name} {number}", cure=cure)
    return found


def published_on(carrier_id: int, name: str, day: date) -> CatalogueVersion | None:
    """The published version by which a day is billed: the last that begins by then."""
    found = CatalogueVersion.objects.filter(
        carrier_id=carrier_id, name=name, status=Status.PUBLISHED, valid_from__lte=day
    )
    return found.order_by("-valid_from", "-number").first()


def in_force(carrier_id: int, day: date) -> set[int]:
    """The versions by which a day is billed, one of each catalogue, by their database identity."""
    found = CatalogueVersion.objects.filter(
        carrier_id=carrier_id, status=Status.PUBLISHED, valid_from__lte=day
    )
    last = found.order_by("name", "-valid_from", "-number").distinct("name")
    return set(last.values_list("id", flat=True))


def beside(version: CatalogueVersion) -> list[CatalogueVersion]:
    """The published versions of the carrier's other catalogues by which its days are billed too."""
    others = CatalogueVersion.objects.filter(
        carrier_id=version.carrier_id, status=Status.PUBLISHED
    ).exclude(name=version.name)
    held = in_force(version.carrier_id, version.valid_from)
    found = others.filter(Q(valid_from__gt=version.valid_from) | Q(id__in=held))
    return list(found.defer("content").order_by("name", "number"))


def version_before(version: CatalogueVersion) -> CatalogueVersion | None:
    """What a version is compared with: what was billed by until then, else the number before."""
    others = CatalogueVersion.objects.filter(carrier_id=version.carrier_id, name=version.name)
    earlier = others.filter(number__lt=version.number)
    published = earlier.exclude(status=Status.DRAFT).filter(valid_from__lte=version.valid_from)
    in_force = published.order_by("-valid_from", "-number").first()
    return in_force or earlier.order_by("-number").first()


def catalogue_of(version: CatalogueVersion) -> ProductCatalogue:
    """What a version says."""
    return _parsed(version.pk, version.sha256, f"{version.name} {version.number}")


@lru_cache(maxsize=PARSED_KEPT)
def _parsed(version_id: int, _sha256: str, name: str) -> ProductCatalogue:
    """A text is read once, however many orders and bills ask what it says; it never changes."""
    text = CatalogueVersion.objects.values_list("content", flat=True).get(pk=version_id)
    return parse_product_catalogue(text, name=name)


def catalogues_on(carrier_id: int, day: date) -> list[ProductCatalogue]:
    """What the catalogues say by which a day is billed, in the order of their names."""
    return _read(in_force(carrier_id, day))


def _read(version_ids: Iterable[int]) -> list[ProductCatalogue]:
    found = CatalogueVersion.objects.filter(id__in=version_ids).defer("content")
    return [catalogue_of(version) for version in found.order_by("name")]


def catalogues_of_days(
    carrier_id: int, days: Iterable[date]
) -> list[tuple[set[date], list[ProductCatalogue]]]:
    """The days parted by the catalogues by which they are billed, with what those say."""
    parted: dict[frozenset[int], set[date]] = {}
    for day in days:
        parted.setdefault(frozenset(in_force(carrier_id, day)), set()).add(day)
    return [(mine, _read(versions)) for versions, mine in parted.items()]


def needs_on(carrier_id: int, day: date) -> Needs:
    """What the offerings of the catalogues by which a day is billed require and contain."""
    sold = _sold_on(carrier_id, day)
    return Needs(
        {each.code: each.requires for each in sold if each.requires},
        {each.code: each.contains for each in sold if each.contains},
    )


def contracts_on(carrier_id: int, day: date) -> dict[str, list[str]]:
    """To which offerings the contract of an offering goes, of those that say so."""
    sold = _sold_on(carrier_id, day)
    return {e.code: e.contract_goes_to for e in sold if e.contract_goes_to is not None}


def recurring_on(carrier_id: int, day: date) -> dict[str, list[str]]:
    """The codes of the recurring prices of each offering, those of the parts of a bundle too."""
    return {
        offering: codes
        for known in catalogues_on(carrier_id, day)
        for offering, codes in known.recurring().items()
    }


def _sold_on(carrier_id: int, day: date) -> list[OfferingSpec]:
    return [each for known in catalogues_on(carrier_id, day) for each in known.spec.offerings]
