"""Quotes: what a change or an order costs, made only while that is still what was shown."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.platform.billing.change_cost import ChangeCost, change_cost
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import account_named
from crossbill.platform.product.change_operations import change_product, lock_accounts
from crossbill.platform.product.change_queries import (
    account_changes,
    concerned,
    planned_change,
    product_named,
)
from crossbill.platform.product.changes import COLUMNS, Held, Plan, Wanted
from crossbill.platform.product.models import ProductChange
from crossbill.platform.product.order_operations import order_plan, order_product
from crossbill.platform.product.orders import Order
from crossbill.platform.product.permission import may_change


class AccountChangedSince(Refusal):
    """What the account holds was changed since the cost was shown. Look at the new cost first."""

    code: ClassVar[str] = "ACCOUNT_CHANGED_SINCE"


class CostChangedSince(Refusal):
    """The change costs something else than what was shown. Look at the new cost first."""

    code: ClassVar[str] = "COST_CHANGED_SINCE"


@dataclass(frozen=True)
class Change:
    """A change of a product that somebody asks for."""

    product_key: str
    wanted: Wanted


Asked = Change | Order


@dataclass(frozen=True)
class Seen:
    """What a person has seen of a quote, short enough to be carried by a page.

    ``last_change`` is the number of the account's last change then; the others are hashes.
    """

    last_change: int
    plan: str
    cost: str

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Seen":
        """As ``asdict`` gives it."""
        return cls(int(values["last_change"]), str(values["plan"]), str(values["cost"]))


@dataclass(frozen=True)
class Quote:
    """A plan and its cost as the books are now."""

    plan: Plan
    cost: ChangeCost
    last_change: int

    @property
    def day(self) -> date:
        """The first day on which it holds."""
        return self.plan.wanted.effective_date

    @property
    def seen(self) -> Seen:
        """What to hand back with the agreement."""
        return Seen(self.last_change, hash_of(asdict(self.plan)), hash_of(self.cost.document()))


def quote(*, carrier_id: int, asked: Asked, today: date, policy: Policy) -> Quote:
    """The plan of what is asked for, and its cost; a Refusal where it cannot be."""
    account = _account(carrier_id, asked)
    last = _last_change(account)  # first: whoever changes it from here on makes the quote old
    plan = _plan(carrier_id, asked, today)
    cost = change_cost(
        carrier_id=carrier_id, account_key=account.account_key, plan=plan, policy=policy
    )
    return Quote(plan, cost, last)


@transaction.atomic
def make_quoted(  # noqa: PLR0913 - what an agreement is
    *,
    carrier_id: int,
    asked: Asked,
    seen: Seen,
    user: AbstractUser,
    today: date,
    policy: Policy,
    reason: str = "",
) -> ProductChange:
    """Make what was quoted, at that cost or not at all.

    Whoever agrees twice to one quote gets what the first time has made.
    """
    may_change(user)
    account = _account(carrier_id, asked)
    lock_accounts(carrier_id, _concerned(carrier_id, asked))
    made = _made_of(account, asked, seen, user)
    if made is not None:
        return made
    now = quote(carrier_id=carrier_id, asked=asked, today=today, policy=policy)
    if now.seen != seen:
        what = "The change costs something else now than was shown"
        raise CostChangedSince(what, cure="look at the cost again; nothing was changed")
    return _make(carrier_id, asked, now.plan, user, today, reason)


def _account(carrier_id: int, asked: Asked) -> BillingAccount:
    if isinstance(asked, Order):
        return account_named(carrier_id, asked.terms.account_key)
    account: BillingAccount = product_named(carrier_id, asked.product_key).account
    return account


def _concerned(carrier_id: int, asked: Asked) -> set[str]:
    """The accounts that hold something else afterwards."""
    if isinstance(asked, Order):
        return {asked.terms.account_key}
    return concerned(product_named(carrier_id, asked.product_key), asked.wanted)


def _plan(carrier_id: int, asked: Asked, today: date) -> Plan:
    if isinstance(asked, Order):
        return order_plan(carrier_id, asked, today)
    return planned_change(product_named(carrier_id, asked.product_key), asked.wanted, today)


def _last_change(account: BillingAccount) -> int:
    last = account_changes(account).last()
    return int(last.pk) if last is not None else 0


def _made_of(
    account: BillingAccount, asked: Asked, seen: Seen, user: AbstractUser
) -> ProductChange | None:
    """What this person has made of this very quote; a Refusal where the account has changed."""
    later = list(account_changes(account).filter(id__gt=seen.last_change))
    if not later:
        return None
    if len(later) == 1 and later[0].made_by == user and _is_made(asked, later[0]):
        return later[0]
    who, key = later[-1].made_by.get_username(), later[-1].product.product_key
    what = f"{who} has changed what {account.account_key} holds since the cost was shown"
    cure = "look at the cost again; nothing was changed"
    raise AccountChangedSince(what, field="product_key", value=key, cure=cure)


def _is_made(asked: Asked, made: ProductChange) -> bool:
    """Whether a change is what was asked for."""
    wanted, after = asked.wanted, made.after or {}
    if (made.kind, made.effective_date) != (wanted.kind.value, wanted.effective_date):
        return False
    if isinstance(asked, Order):
        key = made.product.product_key
        return after == Held(key, asked.terms, wanted.effective_date).document()
    same = made.product.product_key == asked.product_key
    return same and after.get(COLUMNS.get(wanted.kind, "")) == wanted.value


def _make(  # noqa: PLR0913 - what a change is
    carrier_id: int, asked: Asked, plan: Plan, user: AbstractUser, today: date, reason: str
) -> ProductChange:
    if isinstance(asked, Order):
        return order_product(
            carrier_id=carrier_id, order=asked, user=user, today=today, reason=reason, shown=plan
        )
    return change_product(
        carrier_id=carrier_id, product_key=asked.product_key, wanted=asked.wanted, user=user,
        today=today, reason=reason, shown=plan,
    )  # fmt: skip


def hash_of(document: Mapping[str, Any]) -> str:
    """What a document says, short."""
    written = json.dumps(document, sort_keys=True, default=str)
    return sha256(written.encode()).hexdigest()
