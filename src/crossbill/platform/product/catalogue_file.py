"""Reads a catalogue of products: one YAML file, checked as a whole, and what it means as tables."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from crossbill.core.refusal import Refusal
from crossbill.core.versions import Window, misfits, windows
from crossbill.engine.billing_datasets import COMPONENT, LISTED_PRICE, SAID_TAX, TAX_PROVIDER
from crossbill.engine.yaml_file import Place, YamlFile, parse_yaml, read_yaml
from crossbill.platform.product.catalogue_format import (
    Dated,
    OfferingSpec,
    PriceSpec,
    ProductCatalogueSpec,
    TaxSpec,
)
from crossbill.platform.product.taxes import NO_PROVIDER, cure_if_unknown

REFERENCE = "docs/reference/product-catalogue.md"
CURE = f"see {REFERENCE} for the keys of this file"
CODE_TWICE = "The code stands twice"
BETWEEN = "/"  # offering and price in the code of a price
USAGE = "usage"
PLAIN_USE = {  # what components for usage say, and nothing depends on
    "kind": USAGE, "timing": "arrears", "months": 1, "alignment": "cycle", "prorated": True,
}  # fmt: skip


class BadProductCatalogue(Refusal):
    """The catalogue of products is not sound. Mend the place that is named."""

    code: ClassVar[str] = "BAD_PRODUCT_CATALOGUE"


@dataclass(frozen=True)
class ProductCatalogue:
    """A catalogue that was read and found sound."""

    file: YamlFile
    spec: ProductCatalogueSpec

    def tables(self) -> dict[str, pa.Table]:
        """The datasets ``price``, ``component``, ``tax_rate`` and ``tax_provider``.

        Before anything is billed, ``taxes.answered`` lets the providers say their rates.
        """
        rows = {
            LISTED_PRICE: self._versions(),
            COMPONENT: self._components(),
            SAID_TAX: _rates(self.spec.taxes),
            TAX_PROVIDER: self._providers(),
        }
        return {
            dataset.name: pa.Table.from_pylist(list(found), dataset.arrow)
            for dataset, found in rows.items()
        }

    @property
    def first_day(self) -> date:
        """The first day for which it states a price or a tax."""
        stated = [version for _, price in self.prices() for version in price.versions]
        return min(each.valid_from for each in [*stated, *self.spec.taxes])

    def prices(self) -> Iterator[tuple[OfferingSpec, PriceSpec]]:
        """Every price with its offering."""
        return ((offering, price) for offering in self.spec.offerings for price in offering.prices)

    def _versions(self) -> Iterator[dict[str, Any]]:
        for offering, price in self.prices():
            yield from _versions(self.spec.currency, offering, price)

    def _components(self) -> Iterator[dict[str, Any]]:
        """What each offering is charged: its own prices and those of all that it contains."""
        known = {offering.code: offering for offering in self.spec.offerings}
        parts = {code: offering.contains for code, offering in known.items()}
        for offering in self.spec.offerings:
            for code in sorted(_within([offering.code], parts)):
                for price in {price.price: price for price in known[code].prices}.values():
                    yield _component(known[code], price) | {"offering_code": offering.code}
            for terms in _usage_terms(offering, known):
                yield PLAIN_USE | {"offering_code": offering.code, "price_code": USAGE} | terms

    def _providers(self) -> Iterator[dict[str, Any]]:
        for jurisdiction, provider in self.spec.tax_providers.items():
            yield {"jurisdiction": jurisdiction, "provider": provider}

    def recurring(self) -> dict[str, list[str]]:
        """The codes of the recurring prices of each offering."""
        found: dict[str, list[str]] = {offering.code: [] for offering in self.spec.offerings}
        for row in self._components():
            if row["kind"] == "recurring":
                found[row["offering_code"]].append(row["price_code"])
        return found

    def warnings(self) -> list[str]:
        """What is sound and may yet be meant otherwise: prices that only some customers have."""
        return [
            f"{self.file.name}, line {self.file.line(place)}: {code} is only {whom}; nobody else "
            "can be billed for it. Add a price without segment and region if others may hold it."
            for code, place, whom in self._only_for()
        ]

    def _only_for(self) -> Iterator[tuple[str, Place, str]]:
        """The prices that have lists and no general price: code, place, and whom they are for."""
        for number, offering in enumerate(self.spec.offerings):
            lists: dict[str, list[tuple[int, str]]] = defaultdict(list)
            for place, price in enumerate(offering.prices):
                lists[price_code(offering, price)].append((place, price.for_whom))
            for code, stated in lists.items():
                whom = [words for _, words in stated]
                if "" not in whom:
                    yield code, ("offerings", number, "prices", stated[0][0]), ", ".join(whom)


def read_product_catalogue(path: Path) -> ProductCatalogue:
    """Read and check a catalogue; the first thing that is wrong is refused with its place."""
    return _sound(read_yaml(path, refusal=BadProductCatalogue, cure=CURE))


def parse_product_catalogue(text: str, *, name: str) -> ProductCatalogue:
    """As ``read_product_catalogue``, of a text that is at hand; refusals call it by the name."""
    return _sound(parse_yaml(text, name=name, refusal=BadProductCatalogue, cure=CURE))


def _sound(file: YamlFile) -> ProductCatalogue:
    catalogue = ProductCatalogue(file, file.checked(ProductCatalogueSpec))
    _check(catalogue)
    return catalogue


def price_code(offering: OfferingSpec, price: PriceSpec) -> str:
    """The code of a price in all tables."""
    return f"{offering.code}{BETWEEN}{price.price}"


def _versions(currency: str, offering: OfferingSpec, price: PriceSpec) -> Iterator[dict[str, Any]]:
    for version, window in zip(price.versions, windows(_given(price.versions)), strict=True):
        yield {
            "offering_code": price_code(offering, price),
            "price_version": version.version,
            "valid_from": version.valid_from,
            "valid_to": _end(version, window),
            "currency": currency,
            "amount_nanos": version.amount,
            "segment": price.segment,
            "region": price.region,
        }


def _component(offering: OfferingSpec, price: PriceSpec) -> dict[str, Any]:
    return {
        "offering_code": offering.code,
        "price_code": price_code(offering, price),
        "kind": price.charge,
        "timing": price.due,
        "months": price.months,
        "alignment": price.alignment,
        "prorated": price.prorated,
        "tax_category": price.tax_category or offering.tax_category,
        "tax_inclusive": price.tax_inclusive,
    }


def _usage_terms(offering: OfferingSpec, known: dict[str, OfferingSpec]) -> list[dict[str, Any]]:
    """What the use of an offering is for tax: as it says itself, else each way its parts say."""
    if offering.usage is not None:
        return [offering.usage.model_dump()]
    found: list[dict[str, Any]] = []
    for code in offering.contains:
        found += [terms for terms in _usage_terms(known[code], known) if terms not in found]
    return found


def _rates(taxes: Sequence[TaxSpec]) -> Iterator[dict[str, Any]]:
    for numbers in same_tax(taxes):
        spans = windows(_given([taxes[number] for number in numbers]))
        for number, window in zip(numbers, spans, strict=True):
            tax = taxes[number]
            yield {
                "tax_code": tax.jurisdiction,
                "valid_from": tax.valid_from,
                "valid_to": _end(tax, window),
                "rate_ppm": tax.percent,
                "tax_category": tax.category,
                "tax_name": tax.tax,
            }


def same_tax(taxes: Sequence[TaxSpec]) -> list[list[int]]:
    """The numbers of the rates that follow each other."""
    places = defaultdict(list)
    for number, tax in enumerate(taxes):
        places[tax.jurisdiction, tax.category, tax.tax].append(number)
    return list(places.values())


def _end(version: Dated, window: Window) -> date | None:
    """The first day on which a version holds no longer: its own, or that of the next one."""
    return version.valid_to or (None if window.to_date == date.max else window.to_date)


def _given(versions: Sequence[Dated]) -> list[tuple[Any, Any]]:
    return [version.given for version in versions]


# What must hold between the parts of the file


def _check(catalogue: ProductCatalogue) -> None:
    spec, file = catalogue.spec, catalogue.file
    codes = [offering.code for offering in spec.offerings]
    _once(file, ("offerings",), codes, "code")
    for place, offering in enumerate(spec.offerings):
        at = ("offerings", place)
        _check_lists(file, (*at, "prices"), offering.prices)
        _check_parts(file, at, offering, set(codes))
        _check_sold(file, at, offering)
        for number, price in enumerate(offering.prices):
            _check_versions(file, (*at, "prices", number, "versions"), price.versions)
            category = price.tax_category or offering.tax_category
            _check_taxed(catalogue, (*at, "prices", number), category)
        if offering.usage is not None:
            _check_taxed(catalogue, (*at, "usage"), offering.usage.tax_category)
    _check_circles(catalogue)
    _check_usage(catalogue)
    _check_taxes(catalogue)
    _check_providers(catalogue)


def _once(file: YamlFile, place: Place, codes: Sequence[str], key: str) -> None:
    for number, code in enumerate(codes):
        if code in codes[:number]:
            raise file.refuse((*place, number, key), CODE_TWICE, value=code, cure="take one out")


def _check_lists(file: YamlFile, place: Place, prices: Sequence[PriceSpec]) -> None:
    """A price stands once for everybody and once for each segment and region that it names."""
    seen: set[tuple[str, ...]] = set()
    for number, price in enumerate(prices):
        if (price.price, *price.whom) in seen:
            what = f"The price stands twice {price.for_whom}" if price.for_whom else CODE_TWICE
            raise file.refuse(
                (*place, number, "price"), what, value=price.price, cure="take one out"
            )
        seen.add((price.price, *price.whom))


def _check_parts(file: YamlFile, at: Place, offering: OfferingSpec, known: set[str]) -> None:
    for key in ("contains", "requires", "contract_goes_to"):
        for number, code in enumerate(getattr(offering, key) or ()):
            if code not in known:
                raise file.refuse(
                    (*at, key, number), "There is no such offering", value=code,
                    cure="add it, or name another",
                )  # fmt: skip


def _check_sold(file: YamlFile, at: Place, offering: OfferingSpec) -> None:
    """What has no price of its own must be made of parts that have."""
    if not offering.prices and not offering.contains:
        raise file.refuse(
            (*at, "prices"), "The offering has neither a price nor parts", value=offering.code,
            cure="add a price (0 is one), or what it contains",
        )  # fmt: skip


def _check_versions(file: YamlFile, place: Place, versions: Sequence[Dated]) -> None:
    for misfit in misfits(_given(versions)):
        cure = "let each version begin where the one before ends"
        raise file.refuse((*place, misfit.number), misfit.what, value=misfit.days, cure=cure)


def _check_taxed(catalogue: ProductCatalogue, at: Place, category: str) -> None:
    """A tax category that no jurisdiction taxes is a typing error, not an exemption.

    What providers tax is theirs to say: of a category that they do not know, billing tells.
    """
    if catalogue.spec.tax_providers:
        return
    if category not in {tax.category for tax in catalogue.spec.taxes}:
        raise catalogue.file.refuse(
            (*at, "tax_category"), "No tax has this category", value=category,
            cure="add it under taxes, with a rate of 0 where nothing is due",
        )  # fmt: skip


def _check_circles(catalogue: ProductCatalogue) -> None:
    parts = {offering.code: offering.contains for offering in catalogue.spec.offerings}
    for place, offering in enumerate(catalogue.spec.offerings):
        if offering.code in _within(offering.contains, parts):
            raise catalogue.file.refuse(
                ("offerings", place, "contains"), "The bundle contains itself",
                value=offering.code, cure="take it out of its parts",
            )  # fmt: skip


def _check_usage(catalogue: ProductCatalogue) -> None:
    """What is used of a bundle is used of no part by itself, so all have to say the same."""
    known = {offering.code: offering for offering in catalogue.spec.offerings}
    for place, offering in enumerate(catalogue.spec.offerings):
        said = [
            terms["tax_category"] + (" included" if terms["tax_inclusive"] else "")
            for terms in _usage_terms(offering, known)
        ]
        if len(said) > 1:
            raise catalogue.file.refuse(
                ("offerings", place, "contains"), "The usage of its parts is taxed differently",
                value=", ".join(said), cure="state usage of the bundle itself",
            )  # fmt: skip


def _within(codes: Iterable[str], parts: dict[str, list[str]]) -> set[str]:
    """All offerings that these contain, at any depth, and these."""
    found: set[str] = set()
    waiting = list(codes)
    while waiting:
        code = waiting.pop()
        if code not in found:
            found.add(code)
            waiting.extend(parts.get(code, []))
    return found


def _check_taxes(catalogue: ProductCatalogue) -> None:
    """Each tax of a jurisdiction and category has one rate a day; it may end, and begin again."""
    for numbers in same_tax(catalogue.spec.taxes):
        given = _given([catalogue.spec.taxes[number] for number in numbers])
        for misfit in (found for found in misfits(given) if not found.is_gap):
            raise catalogue.file.refuse(
                ("taxes", numbers[misfit.number]), misfit.what, value=misfit.days,
                cure="let each rate begin where the one before ends",
            )  # fmt: skip


def _check_providers(catalogue: ProductCatalogue) -> None:
    """Whoever is to say taxes is there."""
    for jurisdiction, name in catalogue.spec.tax_providers.items():
        cure = cure_if_unknown(name)
        if cure:
            place = ("tax_providers", jurisdiction)
            raise catalogue.file.refuse(place, NO_PROVIDER, value=name, cure=cure)
