"""What products of the books cost: what the catalogues in force say, else the books' own prices.

An offering that a catalogue declares is charged all that it says: components, price lists, taxes.
One that none declares has the monthly price that the books have for it, or none.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from crossbill.engine.billing_datasets import COMPONENT, LISTED_PRICE, SAID_TAX
from crossbill.platform.billing.bills import TAX_TERMS
from crossbill.platform.product.catalogue_file import PLAIN_USE, ProductCatalogue
from crossbill.platform.product.catalogue_format import ProductCatalogueSpec
from crossbill.platform.product.taxes import TABLE, answered, provider_of

EVER = date(1900, 1, 1)
TAXED = {"tax_category": TAX_TERMS["tax_category"], "tax_inclusive": False}

Rows = list[dict[str, Any]]


def priced(
    catalogues: Sequence[ProductCatalogue],
    price: pa.Table,
    tax_rate: pa.Table,
    tax_codes: Collection[str],
    days: Collection[date],
) -> dict[str, pa.Table]:
    """The datasets ``price``, ``component`` and ``tax_rate`` of periods that begin on these days.

    ``price`` and ``tax_rate`` are the books' own; ``tax_codes`` are where those are taxed who are
    billed. What two catalogues declare cannot be charged: its price stands doubled, and so do its
    terms of usage, so that billing says so.
    """
    if not catalogues:
        return {"price": price, "component": COMPONENT.empty(), "tax_rate": tax_rate}
    said = [answered(each.tables(), tax_codes) for each in catalogues]
    stated = {name: _all(said, name) for name in ("price", "component", "tax_rate")}
    declared = Counter(each.code for known in catalogues for each in known.spec.offerings)
    twice = {code for code, times in declared.items() if times > 1}
    own = [row for row in price.to_pylist() if row["offering_code"] not in declared]
    prices = [*stated["price"], *_doubled(catalogues, twice), *own]
    components = [row for row in stated["component"] if row["offering_code"] not in twice]
    components += _doubled_usage(catalogues, twice)
    known = _jurisdictions(catalogues, tax_codes)
    own_rates = [row for row in tax_rate.to_pylist() if row["tax_code"] not in known]
    rates = _rates(stated["tax_rate"], own_rates, days)
    return {
        "price": pa.Table.from_pylist(prices, LISTED_PRICE.arrow),
        "component": pa.Table.from_pylist(components, COMPONENT.arrow),
        "tax_rate": pa.Table.from_pylist(list(rates), SAID_TAX.arrow),
    }


def _all(said: Sequence[dict[str, pa.Table]], name: str) -> Rows:
    return [row for tables in said for row in tables[name].to_pylist()]


def _doubled(catalogues: Sequence[ProductCatalogue], twice: Collection[str]) -> Rows:
    """A row for each catalogue that declares one of these: too many for any to be charged."""
    return [
        {
            "offering_code": code,
            "price_version": known.name,
            "valid_from": EVER,
            "currency": known.currency,
            "amount_nanos": 0,
        }
        for known, code in _declaring(catalogues, twice)
    ]


def _doubled_usage(catalogues: Sequence[ProductCatalogue], twice: Collection[str]) -> Rows:
    """The same of what their use is for tax, whatever each of the catalogues says of it."""
    return [
        PLAIN_USE | TAXED | {"offering_code": code, "price_code": known.name}
        for known, code in _declaring(catalogues, twice)
    ]


def _declaring(
    catalogues: Sequence[ProductCatalogue], codes: Collection[str]
) -> Iterator[tuple[ProductCatalogueSpec, str]]:
    """Each of the offerings with each catalogue that declares it."""
    for known in catalogues:
        for offering in known.spec.offerings:
            if offering.code in codes:
                yield known.spec, offering.code


def _jurisdictions(
    catalogues: Sequence[ProductCatalogue], tax_codes: Collection[str]
) -> Collection[str]:
    """Where the catalogues say the taxes, themselves or by a provider; elsewhere the books do."""
    specs = [each.spec for each in catalogues]
    stated = {tax.jurisdiction for spec in specs for tax in spec.taxes}
    asked = {
        code for spec in specs for code in tax_codes
        if provider_of(code, spec.tax_providers) != TABLE
    }  # fmt: skip
    return stated | asked


def _rates(stated: Rows, books: Rows, days: Collection[date]) -> Iterator[dict[str, Any]]:
    """The taxes of each day, once where several catalogues agree on one."""
    own = [TAX_TERMS | row for row in books]
    names = ("tax_code", "tax_category", "tax_name", "rate_ppm")
    for day in sorted(days):
        held = [row for row in [*stated, *own] if holds(row, day)]
        by_rate = {tuple(row[name] for name in names): row.get("said_by") for row in held}
        for found, said_by in sorted(by_rate.items()):
            window = {"valid_from": day, "valid_to": day + timedelta(days=1)}
            yield dict(zip(names, found, strict=True)) | window | {"said_by": said_by}


def holds(row: Mapping[str, Any], day: date) -> bool:
    """Whether a rate holds on a day."""
    return bool(row["valid_from"] <= day and (row["valid_to"] is None or day < row["valid_to"]))
