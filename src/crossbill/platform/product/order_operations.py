"""Orders: what an account begins to hold, planned from the books and then made."""

from datetime import date

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.platform.allowed import refuse_long
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import account_named
from crossbill.platform.product.catalogue_queries import needs_on
from crossbill.platform.product.change_operations import (
    LONGEST_KEY,
    ChangedMeanwhile,
    ReasonTooLong,
    begin_product,
    free_key,
    lock_accounts,
)
from crossbill.platform.product.change_queries import held, held_after, known_for
from crossbill.platform.product.changes import Kind, Plan, Terms
from crossbill.platform.product.models import Product, ProductChange
from crossbill.platform.product.orders import Order, Shelf, planned_order
from crossbill.platform.product.permission import may_change


def order_plan(carrier_id: int, order: Order, today: date) -> Plan:
    """What an order would do as the books are now; a Refusal where it cannot be."""
    account = account_named(carrier_id, order.terms.account_key)
    known = known_for(carrier_id, {account.account_key}, today, order.effective_date)
    return planned_order(order, known, _shelf(account, order.effective_date))


@transaction.atomic
def order_product(  # noqa: PLR0913 - what an order is
    *,
    carrier_id: int,
    order: Order,
    user: AbstractUser,
    today: date,
    reason: str = "",
    shown: Plan | None = None,
) -> ProductChange:
    """Make an order, or refuse it; ``shown`` is the plan whose cost somebody has agreed to.

    Of two at once on one account the second waits, and then sees what the first has made.
    """
    may_change(user)
    refuse_long(reason, ReasonTooLong)
    account = account_named(carrier_id, order.terms.account_key)
    lock_accounts(carrier_id, {account.account_key})
    plan = order_plan(carrier_id, order, today)
    if shown is not None and plan != shown:
        what = f"{account.account_key} was changed since the cost was shown"
        raise ChangedMeanwhile(what, cure="look at it again; nothing was ordered")
    return make_order(account, plan, user, reason)


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


def _shelf(account: BillingAccount, day: date) -> Shelf:
    mine = held_after(account.carrier_id, {account.account_key}, day)
    needs = needs_on(account.carrier_id, day)
    return Shelf([held(each) for each in mine], needs, ordered_terms(account, day))


def ordered_terms(account: BillingAccount, day: date) -> list[Terms]:
    """The terms of what was ordered from a day on and is still held."""
    orders = ProductChange.objects.filter(kind=Kind.ORDERED.value, effective_date=day)
    mine = held_after(account.carrier_id, {account.account_key}, day)
    return [held(each).terms for each in mine.filter(changes__in=orders)]
