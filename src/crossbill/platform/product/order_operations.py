"""Orders: what an account begins to hold, and what it has ordered."""

from datetime import date

from django.contrib.auth.models import AbstractUser

from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.change_operations import LONGEST_KEY, begin_product, free_key
from crossbill.platform.product.change_queries import held, held_after
from crossbill.platform.product.changes import Kind, Plan, Terms
from crossbill.platform.product.models import Product, ProductChange


def make_order(
    account: BillingAccount, plan: Plan, user: AbstractUser, reason: str
) -> ProductChange:
    """Make an order that was planned just now, while its account is locked."""
    assert plan.begins is not None, "an order begins a product"
    key = _key(account.carrier_id, account.account_key, plan.begins.terms.offering_code)
    made = begin_product(account.carrier, key, plan.begins)
    return ProductChange.objects.create(
        carrier_id=account.carrier_id,
        product=made,
        kind=Kind.ORDERED.value,
        effective_date=plan.begins.start_date,
        made_by=user,
        reason=reason,
        after=held(made).document(),
        resulting_product=made,
    )


def _key(carrier_id: int, account_key: str, offering_code: str) -> str:
    """A key that says whose it is and what; ones that are taken get a number."""
    first = f"{account_key}-{offering_code}"
    taken = Product.objects.filter(carrier_id=carrier_id, product_key=first).exists()
    return free_key(carrier_id, first) if taken or len(first) > LONGEST_KEY else first


def ordered_terms(account: BillingAccount, day: date) -> list[Terms]:
    """The terms of what was ordered from a day on and is still held."""
    orders = ProductChange.objects.filter(kind=Kind.ORDERED.value, effective_date=day)
    mine = held_after(account.carrier_id, {account.account_key}, day)
    return [held(each).terms for each in mine.filter(changes__in=orders)]
