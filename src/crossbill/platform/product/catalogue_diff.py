"""What differs between two catalogues of products, in the words of those who sell them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from crossbill.core.money import MINOR_DIGITS, format_nanos
from crossbill.core.versions import Window, windows
from crossbill.platform.product.catalogue_file import (
    ProductCatalogue,
    price_code,
    same_tax,
)
from crossbill.platform.product.catalogue_format import Dated, OfferingSpec, PriceSpec

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
CATALOGUE, OFFERING, PRICE, VERSION, TAX = "catalogue", "offering", "price", "version", "tax"
PROVIDER = "tax provider"
OPEN_END = "no end"
NANOS_PER_PPM_PERCENT = 100_000  # a millionth is a ten-thousandth of a percent
DUE = {
    "advance": "in advance",
    "arrears": "in arrears",
    "start": "at the start",
    "end": "at the end",
}
_TAX = {True: "included", False: "on top"}
ALIGNMENT = {"cycle": "bill cycle", "start": "start of the product", "calendar": "calendar"}

Place = tuple[int, str, int, str, str, str]  # what is sorted by: parts of an offering follow it


@dataclass(frozen=True)
class Difference:
    """One thing that was added, removed or changed; ``field`` is empty for a whole thing."""

    kind: str
    what: str
    code: str
    field: str
    old: str | None
    new: str | None

    def document(self) -> dict[str, Any]:
        """The difference as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Entry:
    """One thing of a catalogue: what it is called, what it is in short, and its fields."""

    what: str
    code: str
    summary: str
    fields: dict[str, str] = field(default_factory=dict)


def differences(old: ProductCatalogue, new: ProductCatalogue) -> list[Difference]:
    """Every difference: offerings in order of their codes, then taxes, then who says them."""
    before, after = dict(_entries(old)), dict(_entries(new))
    rows: list[Difference] = []
    for place in sorted({*before, *after}):
        rows.extend(_compared(before.get(place), after.get(place)))
    return rows


def amount(nanos: int, currency: str) -> str:
    """An amount as a price list writes it: 19.90 CHF."""
    return f"{format_nanos(nanos, MINOR_DIGITS.get(currency, 2))} {currency}"


def percentage(ppm: int) -> str:
    """Millionths as a percentage: 8.1 %."""
    return f"{format_nanos(ppm * NANOS_PER_PPM_PERCENT)} %"


def rhythm(price: PriceSpec) -> str:
    """What a price is charged for, how often, when and for whom: recurring, every month, in
    advance, for segment business.
    """
    return f"{_when(price)}, {price.for_whom}" if price.for_whom else _when(price)


def span(window: Window) -> str:
    """The days of a window in words: from 2025-01-01 to 2026-02-28."""
    days = _days(window)
    until = "" if days["last day"] == OPEN_END else f" to {days['last day']}"
    return f"from {days['first day']}{until}"


def usage(offering: OfferingSpec) -> str:
    """What the use of an offering is for tax: as telecom, on top."""
    if offering.usage is None:
        return "as the catalogue says of its parts, else standard"
    return f"as {offering.usage.tax_category}, {_TAX[offering.usage.tax_inclusive]}"


def plain(code: str) -> str:
    """A word of the catalogue for people: add-on for add_on."""
    return code.replace("_", " ").replace("one time", "one-time").replace("add on", "add-on")


def _compared(old: _Entry | None, new: _Entry | None) -> Iterator[Difference]:
    if old is None or new is None:
        if new is not None:
            yield Difference(ADDED, new.what, new.code, "", None, new.summary)
        if old is not None:
            yield Difference(REMOVED, old.what, old.code, "", old.summary, None)
        return
    for name, value in new.fields.items():
        if old.fields[name] != value:
            yield Difference(CHANGED, new.what, new.code, name, old.fields[name], value)


def _entries(catalogue: ProductCatalogue) -> Iterator[tuple[Place, _Entry]]:
    spec = catalogue.spec
    head = {"name": spec.name, "currency": spec.currency}
    yield (0, "", 0, "", "", ""), _Entry(CATALOGUE, spec.name, spec.name, head)
    for offering in spec.offerings:
        yield (1, offering.code, 0, "", "", ""), _offering(offering)
        for price in offering.prices:
            place = (1, offering.code, 1, price.price, price.for_whom)
            yield (*place, ""), _price(offering, price)
            for name, entry in _versions(offering, price, spec.currency):
                yield (*place, name), entry
    yield from _taxes(catalogue)
    for jurisdiction, provider in spec.tax_providers.items():
        entry = _Entry(PROVIDER, jurisdiction, provider, {"provider": provider})
        yield (3, jurisdiction, 0, "", "", ""), entry


def _offering(offering: OfferingSpec) -> _Entry:
    fields = {
        "name": offering.name,
        "kind": plain(offering.kind),
        "contains": _list(offering.contains),
        "requires one of": _list(offering.requires),
        "contract goes to": _contract(offering),
        "usage is taxed": usage(offering),
    }
    return _Entry(OFFERING, offering.code, f"{offering.name} ({plain(offering.kind)})", fields)


def _price(offering: OfferingSpec, price: PriceSpec) -> _Entry:
    fields = {
        "charge": plain(price.charge),
        "due": DUE[price.due],
        "every": _months(price.months),
        "counted from": ALIGNMENT[price.alignment],
        "part of a period": "costs its share" if price.prorated else "costs all of it",
        "tax category": price.tax_category or offering.tax_category,
        "tax": _TAX[price.tax_inclusive],
    }
    return _Entry(PRICE, _listed_code(offering, price), _when(price), fields)


def _versions(
    offering: OfferingSpec, price: PriceSpec, currency: str
) -> Iterator[tuple[str, _Entry]]:
    """A version is known by its name; of those that share one, the later ones by their day too."""
    seen: set[str] = set()
    for version, window in _dated(price.versions):
        name = version.version
        if name in seen:
            name = f"{name} from {version.valid_from}"
        seen.add(name)
        written = amount(version.amount, currency)
        fields = {"amount": written, **_days(window)}
        code = f"{_listed_code(offering, price)} {name}"
        yield name, _Entry(VERSION, code, f"{written}, {span(window)}", fields)


def _when(price: PriceSpec) -> str:
    often = f", every {_months(price.months)}" if price.charge == "recurring" else ""
    return f"{plain(price.charge)}{often}, {DUE[price.due]}"


def _listed_code(offering: OfferingSpec, price: PriceSpec) -> str:
    """The code of a price, and whose list it is: plan/monthly for segment business."""
    return f"{price_code(offering, price)} {price.for_whom}".rstrip()


def _taxes(catalogue: ProductCatalogue) -> Iterator[tuple[Place, _Entry]]:
    taxes = catalogue.spec.taxes
    for numbers in same_tax(taxes):
        for tax, window in _dated([taxes[number] for number in numbers]):
            begin = str(tax.valid_from)
            names = [tax.jurisdiction, tax.tax, tax.category]
            rate = percentage(tax.percent)
            entry = _Entry(
                TAX, f"{' '.join(names)} from {begin}", f"{rate}, {span(window)}",
                {"rate": rate, "last day": _days(window)["last day"]},
            )  # fmt: skip
            yield (2, tax.jurisdiction, 0, f"{tax.tax} {tax.category}", "", begin), entry


def _dated(versions: Sequence[Any]) -> list[tuple[Any, Window]]:
    """What is dated, in the order of time, each with the days on which it holds."""
    given: list[Dated] = sorted(versions, key=lambda version: version.valid_from)
    return list(zip(given, windows([version.given for version in given]), strict=True))


def _days(window: Window) -> dict[str, str]:
    last = OPEN_END if window.to_date == date.max else str(window.to_date - timedelta(days=1))
    return {"first day": str(window.from_date), "last day": last}


def _contract(offering: OfferingSpec) -> str:
    to = offering.contract_goes_to
    return "all offerings" if to is None else _list(to)


def _list(codes: Sequence[str]) -> str:
    return ", ".join(sorted(codes)) or "nothing"


def _months(number: int) -> str:
    return "month" if number == 1 else f"{number} months"
