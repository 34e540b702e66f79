"""Changes and orders that are made together: all of them or none, each from its own day."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import refuse_long
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import account_named
from crossbill.platform.product.change_operations import (
    ChangedMeanwhile,
    ReasonTooLong,
    lock_accounts,
    make_change,
)
from crossbill.platform.product.change_queries import (
    changed_plan,
    concerned,
    known_for,
    product_named,
    refuse_any_alone,
)
from crossbill.platform.product.changes import Plan, Terms
from crossbill.platform.product.models import ProductChange
from crossbill.platform.product.order_operations import make_order, ordered_terms
from crossbill.platform.product.orders import Change, Item, Order, in_order, ordered_plan
from crossbill.platform.product.permission import may_change


class NotTogether(Refusal):
    """What is asked for cannot be made together. Ask for one account, each product once."""

    code: ClassVar[str] = "NOT_TOGETHER"


def plans_together(carrier_id: int, items: Sequence[Item], today: date) -> tuple[Plan, ...]:
    """What the items would do as the books are now, in order of their days; a Refusal where one
    cannot be. One may begin what another one requires.
    """
    mine = in_order(items)
    _refuse_apart(carrier_id, mine)
    plans = [_plan(carrier_id, item, mine[:place], today) for place, item in enumerate(mine)]
    refuse_any_alone(carrier_id, accounts_of(carrier_id, mine), plans)
    return tuple(plans)


@transaction.atomic
def make_together(  # noqa: PLR0913 - what a change is
    *,
    carrier_id: int,
    items: Sequence[Item],
    user: AbstractUser,
    today: date,
    reason: str = "",
    shown: Sequence[Plan] | None = None,
) -> list[ProductChange]:
    """Make all, or refuse all; ``shown`` are the plans whose cost somebody has agreed to.

    Of two at once on one account the second waits, and then sees what the first has made.
    """
    may_change(user)
    refuse_long(reason, ReasonTooLong)
    lock_accounts(carrier_id, accounts_of(carrier_id, items))
    plans = plans_together(carrier_id, items, today)
    if shown is not None and plans != tuple(shown):
        what = (
            f"{account_of(carrier_id, items[0]).account_key} was changed since the cost was shown"
        )
        raise ChangedMeanwhile(what, cure="look at it again; nothing was changed")
    pairs = zip(in_order(items), plans, strict=True)
    return [_make(carrier_id, item, plan, user, reason) for item, plan in pairs]


def account_of(carrier_id: int, item: Item) -> BillingAccount:
    """The account that holds what is changed, or orders."""
    if isinstance(item, Order):
        return account_named(carrier_id, item.terms.account_key)
    account: BillingAccount = product_named(carrier_id, item.product_key).account
    return account


def accounts_of(carrier_id: int, items: Sequence[Item]) -> set[str]:
    """The accounts that hold something else afterwards."""
    return set().union(*(_concerned(carrier_id, item) for item in items))


def _concerned(carrier_id: int, item: Item) -> set[str]:
    if isinstance(item, Order):
        return {item.terms.account_key}
    return concerned(product_named(carrier_id, item.product_key), item.wanted)


def _refuse_apart(carrier_id: int, items: Sequence[Item]) -> None:
    keys = {account_of(carrier_id, item).account_key for item in items}
    if len(keys) > 1:
        what, cure = f"They are of {len(keys)} accounts", "ask for those of one account together"
        raise NotTogether(what, field="account_key", value=", ".join(sorted(keys)), cure=cure)
    changed = [item.product_key for item in items if isinstance(item, Change)]
    for key in changed:
        if changed.count(key) > 1:
            what, cure = "The product is changed twice", "make one change after the other"
            raise NotTogether(what, field="product_key", value=key, cure=cure)


def _plan(carrier_id: int, item: Item, before: Sequence[Item], today: date) -> Plan:
    if isinstance(item, Change):
        return changed_plan(product_named(carrier_id, item.product_key), item.wanted, today)
    account, day = account_named(carrier_id, item.terms.account_key), item.effective_date
    known = known_for(carrier_id, {account.account_key}, today, day)
    return ordered_plan(item, known, [*ordered_terms(account, day), *_terms(before, day)])


def _terms(items: Sequence[Item], day: date) -> list[Terms]:
    orders = [item for item in items if isinstance(item, Order)]
    return [order.terms for order in orders if order.effective_date == day]


def _make(
    carrier_id: int, item: Item, plan: Plan, user: AbstractUser, reason: str
) -> ProductChange:
    if isinstance(item, Order):
        return make_order(account_of(carrier_id, item), plan, user, reason)
    return make_change(product_named(carrier_id, item.product_key), plan, user, reason)
