"""What the small change-over bills from the books: prices, a tax, and what two accounts hold."""

import uuid
from collections.abc import Sequence
from datetime import date

from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.product.models import (
    Product,
    ProductOffering,
    ProductOfferingPrice,
    TaxRate,
)

LONG_AGO, IN_JUNE = date(2019, 3, 1), date(2024, 6, 21)
NANOS = 10**9
PRICES = {"fibre-100": 49_900_000_000, "tv": 17_200_000_000}
UNPRICED = "router"  # nobody has given it a price


def add(carrier: Carrier, accounts: Sequence[str]) -> None:
    """Give each account fibre since long ago, television since June, and what has no price."""
    TaxRate.objects.create(
        carrier=carrier, tax_code="NY01", name="New York", valid_from=LONG_AGO, rate_ppm=88_750
    )
    router = ProductOffering.objects.create(carrier=carrier, code=UNPRICED, name="Router")
    sold = {each.code: each for each in ProductOffering.objects.filter(carrier=carrier)}
    for code, amount_nanos in PRICES.items():
        ProductOfferingPrice.objects.create(
            offering=sold[code], price_version="2019", valid_from=LONG_AGO, currency="USD",
            amount_nanos=amount_nanos,
        )  # fmt: skip
    for key in accounts:
        account = BillingAccount.objects.get(carrier=carrier, account_key=key)
        _hold(account, sold["fibre-100"], "F100", LONG_AGO)
        _hold(account, sold["tv"], "TV", IN_JUNE, discount_ppm=125_000)
        _hold(account, router, "R1", date(2024, 7, 1))


def _hold(
    account: BillingAccount, offering: ProductOffering, suffix: str, start: date, **terms: int
) -> None:
    Product.objects.create(
        id=uuid.uuid4(), carrier_id=account.carrier_id, account=account, offering=offering,
        product_key=f"{account.account_key}-{suffix}", quantity=1, start_date=start, **terms,
    )  # fmt: skip
