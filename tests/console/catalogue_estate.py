"""Two versions of the small change-over's catalogue: one that is published, and a draft."""

from collections.abc import Sequence
from datetime import date

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser

from crossbill.console.operations import give_roles
from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.catalogue_file import BadProductCatalogue, ProductCatalogue
from crossbill.platform.product.catalogue_operations import load_draft, publish

AUTHOR, PUBLISHER = "product.manager", "billing.manager"
FIRST_DAY, NEXT_DAY = date(2024, 5, 1), date(2099, 1, 1)
TEXT = """\
product_catalogue: 1
name: residential
currency: USD

taxes:
  - {jurisdiction: NY01, tax: sales tax, from: 2020-01-01, percent: "8.875"}

offerings:
  - code: fibre-100
    name: "Fibre 100"
    kind: plan
    prices:
      - price: monthly
        versions:
          - {version: "2023", from: 2023-01-01, amount: "49.00"}
          - {version: "2024", from: 2024-05-01, amount: "49.90"}
      - price: installation
        charge: one_time
        versions: [{version: "2023", from: 2023-01-01, amount: "120.00"}]
  - code: tv
    name: "Television"
    kind: add_on
    requires: [fibre-100]
    prices:
      - price: monthly
        timing: arrears
        prorated: false
        versions: [{version: "2023", from: 2023-01-01, amount: "17.20"}]
"""
DEARER = (
    TEXT.replace(
        '2024-05-01, amount: "49.90"}\n',
        '2024-05-01, amount: "49.90"}\n'
        '          - {version: "2099", from: 2099-01-01, amount: "52.90"}\n',
    )
    + """\
  - code: fibre-tv
    name: "Fibre 100 with television"
    kind: bundle
    contains: [fibre-100, tv]
    contract_goes_to: [fibre-100]
    usage: {tax_category: standard}
"""
)


def add(carrier: Carrier, accounts: Sequence[str]) -> None:
    """Load both versions; only the first is published."""
    author, publisher = _person(AUTHOR, "operator"), _person(PUBLISHER, "approver")
    first = load_draft(carrier_id=carrier.id, text=TEXT, user=author, valid_from=FIRST_DAY)
    publish(version_id=first.id, user=publisher)
    load_draft(
        carrier_id=carrier.id, text=DEARER, user=author, valid_from=NEXT_DAY,
        effect=effect(accounts),
    )  # fmt: skip


def effect(accounts: Sequence[str]) -> dict:
    """What the draft does to the bills of these accounts: three dollars each."""
    number = len(accounts)
    total = {
        "currency": "USD", "bills": number, "unchanged": 0, "dearer": number, "cheaper": 0,
        "before": f"{number * 7066}.00", "after": f"{number * 7066 + 3 * number}.00",
        "difference": f"{3 * number}.00",
    }  # fmt: skip
    largest = [
        {"account_key": key, "period_from": "2099-01-01", "currency": "USD", "before": "70.66",
         "after": "73.66", "difference": "3.00"}
        for key in accounts
    ]  # fmt: skip
    return {
        "period": "2099-01", "policy_code": "old-2024", "compared_with": 1, "totals": [total],
        "largest": largest, "unresolved": {"before": 0, "after": 1},
    }  # fmt: skip


def _person(name: str, role: str) -> AbstractUser:
    user, _ = get_user_model().objects.get_or_create(username=name)
    give_roles(user=user, roles=[role])
    return user


def refused(name: str) -> ProductCatalogue:
    """Read as a release would whose format has become stricter."""
    raise BadProductCatalogue("The key is not known here", file=name, line=1, cure="take it out")
