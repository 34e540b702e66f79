"""No two versions of a price or a tax rate are valid on one day."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.models import ProductOffering, ProductOfferingPrice, TaxRate
from crossbill.platform.product.operations import Price, Rate, publish_catalogue

pytestmark = pytest.mark.django_db

JANUARY, MARCH, MAY = date(2024, 1, 1), date(2024, 3, 1), date(2024, 5, 1)

OVERLAPPING = {
    "both open": ((JANUARY, None), (MARCH, None)),
    "the first ends a day late": ((JANUARY, date(2024, 3, 2)), (MARCH, None)),
    "one within the other": ((JANUARY, None), (MARCH, MAY)),
    "the later one first": ((MARCH, MAY), (JANUARY, None)),
    "the same day twice": ((JANUARY, MARCH), (JANUARY, MAY)),
}
BESIDE = {
    "one ends where the next begins": ((JANUARY, MARCH), (MARCH, None)),
    "a gap between": ((JANUARY, MARCH), (MAY, None)),
}


@pytest.fixture
def carrier():
    return Carrier.objects.create(code="opticom", name="OptiCom")


def price(code, valid_from, valid_to, currency="USD", nanos=49_000_000_000):
    return Price(code, f"from {valid_from}", valid_from, valid_to, currency, nanos)


def publish(carrier, *, prices=(), rates=()):
    offerings = dict.fromkeys(sorted({one.offering_code for one in prices}), "An offering")
    with transaction.atomic():
        publish_catalogue(carrier_id=carrier.id, offerings=offerings, prices=prices, rates=rates)


@pytest.mark.parametrize("versions", OVERLAPPING.values(), ids=OVERLAPPING)
def test_overlapping_price_versions_are_refused(carrier, versions):
    with pytest.raises(IntegrityError, match=r"price_versions_do_not_overlap|price_once_per_day"):
        publish(carrier, prices=[price("fibre", *version) for version in versions])
    assert not ProductOffering.objects.exists()


@pytest.mark.parametrize("versions", OVERLAPPING.values(), ids=OVERLAPPING)
def test_overlapping_tax_rates_are_refused(carrier, versions):
    rates = [Rate("NY01", "New York", *version, 88_750) for version in versions]
    with pytest.raises(IntegrityError, match=r"tax_rates_do_not_overlap|tax_rate_once_per_day"):
        publish(carrier, rates=rates)


@pytest.mark.parametrize("versions", BESIDE.values(), ids=BESIDE)
def test_versions_that_do_not_overlap_are_published(carrier, versions):
    prices = [price("fibre", *version) for version in versions]
    rates = [Rate("NY01", "New York", *version, 88_750) for version in versions]
    publish(carrier, prices=prices, rates=rates)
    assert (ProductOfferingPrice.objects.count(), TaxRate.objects.count()) == (2, 2)


def test_other_offerings_currencies_and_jurisdictions_do_not_meet(carrier):
    prices = [
        price("fibre", JANUARY, None),
        price("fibre", JANUARY, None, currency="CAD"),
        price("tv", JANUARY, None),
    ]
    rates = [Rate(code, code, JANUARY, None, 0) for code in ("NY01", "EX00")]
    publish(carrier, prices=prices, rates=rates)
    assert ProductOfferingPrice.objects.count() == len(prices)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        (price("fibre", MARCH, MARCH), "price_period_is_not_empty"),
        (price("fibre", JANUARY, None, nanos=-1), "price_is_not_negative"),
    ],
)
def test_absurd_price_is_refused(carrier, wrong, constraint):
    with pytest.raises(IntegrityError, match=constraint):
        publish(carrier, prices=[wrong])


@pytest.mark.parametrize("rate_ppm", [-1, 1_000_001])
def test_absurd_tax_rate_is_refused(carrier, rate_ppm):
    with pytest.raises(IntegrityError, match="tax_rate_is_a_share"):
        publish(carrier, rates=[Rate("NY01", "New York", JANUARY, None, rate_ppm)])
