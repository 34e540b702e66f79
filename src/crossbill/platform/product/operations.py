"""Writes to the catalogue and to the products that customers hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from crossbill.platform.bulk import copy_in
from crossbill.platform.product.models import (
    Feature,
    Product,
    ProductOffering,
    ProductOfferingPrice,
    TaxRate,
)
from crossbill.platform.product.queries import offering_ids


@dataclass(frozen=True)
class Price:
    """One version of an offering's monthly price."""

    offering_code: str
    price_version: str
    valid_from: date
    valid_to: date | None
    currency: str
    amount_nanos: int


@dataclass(frozen=True)
class Rate:
    """One version of a jurisdiction's tax rate."""

    tax_code: str
    name: str
    valid_from: date
    valid_to: date | None
    rate_ppm: int


def add_offerings(*, carrier_id: int, names: Mapping[str, str]) -> None:
    """Let offerings (code -> name) be ordered and held; one that is there keeps its name."""
    rows = [ProductOffering(carrier_id=carrier_id, code=c, name=name) for c, name in names.items()]
    ProductOffering.objects.bulk_create(rows, ignore_conflicts=True)


def publish_catalogue(
    *, carrier_id: int, offerings: dict[str, str], prices: Iterable[Price], rates: Iterable[Rate]
) -> None:
    """Publish offerings (code -> name), prices and tax rates; PostgreSQL keeps them as they are."""
    add_offerings(carrier_id=carrier_id, names=offerings)
    ids = offering_ids(carrier_id)
    ProductOfferingPrice.objects.bulk_create(
        ProductOfferingPrice(
            offering_id=ids[price.offering_code],
            price_version=price.price_version,
            valid_from=price.valid_from,
            valid_to=price.valid_to,
            currency=price.currency,
            amount_nanos=price.amount_nanos,
        )
        for price in prices
    )
    TaxRate.objects.bulk_create(TaxRate(carrier_id=carrier_id, **vars(rate)) for rate in rates)


def take_over_products(*, rows: pa.Table) -> int:
    """Add products; a key that is there already fails the whole chunk."""
    return copy_in(Product, rows)


def take_over_features(*, rows: pa.Table) -> int:
    """Add features of products; one that is there already fails the whole chunk."""
    return copy_in(Feature, rows)
