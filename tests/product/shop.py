"""A small shop: a carrier with customers and products in the books, people, and its catalogue."""

from datetime import date
from pathlib import Path
from uuid import UUID

import typer
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from typer.testing import CliRunner

from crossbill.console.operations import give_roles
from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import BillingAccount, Carrier, Customer
from crossbill.platform.product.catalogue_operations import load_draft, publish
from crossbill.platform.product.changes import Plan, Wanted
from crossbill.platform.product.models import (
    CatalogueVersion,
    Product,
    ProductChange,
    ProductOffering,
)
from crossbill.platform.product.operations import Price, Rate, publish_catalogue
from crossbill.platform.product.orders import Change, Order
from crossbill.platform.product.together_operations import make_together, plans_together

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing" / "mobile"
TEXT = (EXAMPLE / "catalogue.yaml").read_text("utf-8")
POLICY = EXAMPLE / "policy.yaml"
CARRIER = "alpina"
JANUARY, MARCH, MAY = date(2026, 1, 1), date(2026, 3, 1), date(2026, 5, 1)
BOOK_PRICES = {"alpina-s": 19_900_000_000, "alpina-m": 39_000_000_000, "old-plan": 25_000_000_000}
ACCOUNTS = {"A1": ["alpina-s"], "A2": ["alpina-m", "alpina-s"], "A3": ["old-plan"]}


def carrier() -> Carrier:
    """A carrier with nobody and nothing."""
    return Carrier.objects.create(code=CARRIER, name="Alpina Mobile AG")


def change_product(
    *, carrier_id: int, product_key: str, wanted: Wanted, shown=None, **more
) -> ProductChange:
    """One change by itself, as commands and pages make it."""
    items, plans = [Change(product_key, wanted)], None if shown is None else [shown]
    return make_together(carrier_id=carrier_id, items=items, shown=plans, **more)[0]


def order_product(*, carrier_id: int, order: Order, **more) -> ProductChange:
    """One order by itself, as commands and pages make it."""
    return make_together(carrier_id=carrier_id, items=[order], **more)[0]


def planned_change(product: Product, wanted: Wanted, today: date) -> Plan:
    """What a change would do to a product as the books are now."""
    return plans_together(product.carrier_id, [Change(product.product_key, wanted)], today)[0]


def person(name: str, *roles: str) -> AbstractUser:
    """Somebody with these roles."""
    user, _ = get_user_model().objects.get_or_create(username=name)
    if roles:
        give_roles(user=user, roles=roles)
    return user


def draft(owner: Carrier, text: str = TEXT, *, valid_from: date = MARCH) -> CatalogueVersion:
    """A draft that Ann loaded."""
    return load_draft(
        carrier_id=owner.id, text=text, user=person("ann", "operator"), valid_from=valid_from
    )


def published(owner: Carrier, text: str = TEXT, *, valid_from: date = MARCH) -> CatalogueVersion:
    """A version that Ann loaded and Bob published."""
    version = draft(owner, text, valid_from=valid_from)
    return publish(version_id=version.id, user=person("bob", "approver"))


def books(owner: Carrier) -> None:
    """Three accounts that hold four products; the catalogue knows all of them but the old plan."""
    publish_catalogue(
        carrier_id=owner.id,
        offerings={code: code.title() for code in BOOK_PRICES},
        prices=[
            Price(code, "2020", date(2020, 1, 1), None, "CHF", nanos)
            for code, nanos in BOOK_PRICES.items()
        ],
        rates=[Rate("CH", "Switzerland", date(2020, 1, 1), None, 81_000)],
    )
    for number, (key, codes) in enumerate(ACCOUNTS.items(), start=1):
        _account(owner, UUID(int=number), key)
        for place, code in enumerate(codes):
            Product.objects.create(
                id=UUID(int=100 * number + place), carrier=owner, product_key=f"{key}-{place}",
                account_id=UUID(int=number), quantity=1, start_date=date(2021, 1, 1),
                offering=ProductOffering.objects.get(carrier=owner, code=code),
            )  # fmt: skip


def _account(owner: Carrier, identity: UUID, key: str) -> None:
    customer = Customer.objects.create(
        id=identity, carrier=owner, customer_key=key, name="José", kind="person", segment="RC"
    )
    BillingAccount.objects.create(
        id=identity, carrier=owner, account_key=key, customer=customer, status="active",
        currency="CHF", tax_code="CH", bill_cycle_day=1, disputed=False,
    )  # fmt: skip


def run(app: typer.Typer, *words: object, exit_code: int = 0) -> str:
    """What a command prints; a refusal is raised, and another end than this one is a failure."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, Refusal):
        raise done.exception
    assert done.exit_code == exit_code, done.output
    return done.stdout
