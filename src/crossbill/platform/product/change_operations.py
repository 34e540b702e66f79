"""Writes to what customers hold: a change ends one product and begins another, in one step."""

from collections.abc import Collection
from datetime import date
from itertools import count
from typing import ClassVar

from django.contrib.auth.models import AbstractUser

from crossbill.core.ids import identity
from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.customer.queries import account_named
from crossbill.platform.product.change_queries import (
    began_by,
    held,
    product_named,
)
from crossbill.platform.product.changes import Begun, Kind, Plan
from crossbill.platform.product.identifier_operations import (
    carry_identifiers,
    give_back_identifiers,
    release_all,
)
from crossbill.platform.product.models import Product, ProductChange, ProductOffering

LONGEST_KEY = 60


class ReasonTooLong(Refusal):
    """The reason is longer than 500 characters. Shorten it."""

    code: ClassVar[str] = "REASON_TOO_LONG"


class ChangedMeanwhile(Refusal):
    """Somebody else has changed the product since its cost was shown. Look at it again."""

    code: ClassVar[str] = "CHANGED_MEANWHILE"


def make_change(product: Product, plan: Plan, user: AbstractUser, reason: str) -> ProductChange:
    """Make a change that was planned just now, while its accounts are locked."""
    before = held(product)
    _end(product.carrier_id, plan)
    result = _result(product, plan)
    _carry(product, result, plan, before.end_date)
    return ProductChange.objects.create(
        carrier_id=product.carrier_id,
        product=product,
        kind=plan.wanted.kind.value,
        effective_date=plan.wanted.effective_date,
        made_by=user,
        reason=reason,
        before=before.document(),
        after=held(result).document() if result is not None else None,
        resulting_product=result,
    )


def lock_accounts(carrier_id: int, account_keys: Collection[str]) -> None:
    """Let nobody else change what these accounts hold; always in one order, so none wait in vain.

    What one product requires may be another one, so a product alone is too little to lock.
    """
    found = BillingAccount.objects.filter(carrier_id=carrier_id, account_key__in=account_keys)
    list(found.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _end(carrier_id: int, plan: Plan) -> None:
    products = Product.objects.filter(carrier_id=carrier_id)
    for key, end_date in plan.ends.items():
        products.filter(product_key=key).update(end_date=end_date)
    for key, contract in plan.contracts.items():
        products.filter(product_key=key).update(contract_end_date=contract)


def _result(product: Product, plan: Plan) -> Product | None:
    if plan.begins is not None:
        return _begin(product, plan.begins)
    if plan.goes_on is not None:
        return product_named(product.carrier_id, plan.goes_on)
    return None


def _begin(product: Product, begun: Begun) -> Product:
    """The product that begins; what only the old system knew stays with the one that ends."""
    return begin_product(product.carrier, free_key(product.carrier_id, _first(product)), begun)


def begin_product(carrier: Carrier, key: str, begun: Begun) -> Product:
    """Add a product to the books."""
    terms = begun.terms
    offerings = ProductOffering.objects.filter(carrier_id=carrier.pk)
    return Product.objects.create(
        id=identity(carrier.code, "product", key),
        carrier=carrier,
        product_key=key,
        account=account_named(carrier.pk, terms.account_key),
        offering=offerings.get(code=terms.offering_code),
        quantity=terms.quantity,
        start_date=begun.start_date,
        end_date=begun.end_date,
        price_override_nanos=terms.price_override_nanos,
        price_override_code=terms.price_override_code,
        discount_ppm=terms.discount_ppm,
        discount_end_date=terms.discount_end_date,
        contract_end_date=terms.contract_end_date,
    )


def free_key(carrier_id: int, first: str) -> str:
    """The first of this key with -2, -3 and so on that no product has."""
    taken = Product.objects.filter(carrier_id=carrier_id)
    for number in count(2):
        suffix = f"-{number}"
        key = first[: LONGEST_KEY - len(suffix)] + suffix
        if not taken.filter(product_key=key).exists():
            return key
    raise AssertionError("counting ends")


def _first(product: Product) -> str:
    """The key of the product from which this one came, by however many changes."""
    began = began_by(product)
    while began is not None:
        product = began.product
        began = began_by(product)
    return product.product_key


def _carry(product: Product, result: Product | None, plan: Plan, ended: date | None) -> None:
    """Let what the service is reached by follow what is held."""
    day = plan.wanted.effective_date
    if plan.wanted.kind is Kind.CANCEL:
        release_all(product, day)
    elif result is not None and result.pk != product.pk:
        carry_identifiers(product, result, day)
    elif plan.wanted.kind is Kind.RESUME and ended == day:
        give_back_identifiers(product, day)
