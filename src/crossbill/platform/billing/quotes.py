"""Quotes: what a change or an order costs, made only while that is still what was shown."""

import json
from collections.abc import Mapping, Sequence
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
from crossbill.platform.product.change_operations import lock_accounts
from crossbill.platform.product.change_queries import account_changes
from crossbill.platform.product.changes import COLUMNS, Held, Kind, Plan
from crossbill.platform.product.models import ProductChange
from crossbill.platform.product.orders import Change, Item, Order, in_order
from crossbill.platform.product.permission import may_change
from crossbill.platform.product.together_operations import (
    account_of,
    accounts_of,
    make_together,
    plans_together,
)


class AccountChangedSince(Refusal):
    """What the account holds was changed since the cost was shown. Look at the new cost first."""

    code: ClassVar[str] = "ACCOUNT_CHANGED_SINCE"


class CostChangedSince(Refusal):
    """The change costs something else than what was shown. Look at the new cost first."""

    code: ClassVar[str] = "COST_CHANGED_SINCE"


Asked = Item | Sequence[Item]


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
    """Plans, in order of their days, and their cost together as the books are now."""

    plans: tuple[Plan, ...]
    cost: ChangeCost
    last_change: int

    @property
    def day(self) -> date:
        """The first day on which it holds."""
        return self.plans[0].wanted.effective_date

    @property
    def seen(self) -> Seen:
        """What to hand back with the agreement."""
        return Seen(
            self.last_change,
            hash_of({"plans": [*map(asdict, self.plans)]}),
            hash_of(self.cost.document()),
        )


def quote(*, carrier_id: int, asked: Asked, today: date, policy: Policy) -> Quote:
    """The plans of what is asked for, and their cost; a Refusal where it cannot be."""
    items = _items(asked)
    account = account_of(carrier_id, items[0])
    last = _last_change(account)  # first: whoever changes it from here on makes the quote old
    plans = plans_together(carrier_id, items, today)
    cost = change_cost(
        carrier_id=carrier_id, account_key=account.account_key, plans=plans, policy=policy
    )
    return Quote(plans, cost, last)


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
) -> list[ProductChange]:
    """Make what was quoted, at that cost or not at all.

    Whoever agrees twice to one quote gets what the first time has made.
    """
    may_change(user)
    items = _items(asked)
    account = account_of(carrier_id, items[0])
    lock_accounts(carrier_id, accounts_of(carrier_id, items))
    made = _made_of(account, items, seen, user)
    if made:
        return made
    now = quote(carrier_id=carrier_id, asked=items, today=today, policy=policy)
    if now.seen != seen:
        what = "The change costs something else now than was shown"
        raise CostChangedSince(what, cure="look at the cost again; nothing was changed")
    return make_together(
        carrier_id=carrier_id, items=items, user=user, today=today, reason=reason, shown=now.plans
    )


def _items(asked: Asked) -> tuple[Item, ...]:
    return in_order([asked] if isinstance(asked, Change | Order) else asked)


def _last_change(account: BillingAccount) -> int:
    last = account_changes(account).last()
    return int(last.pk) if last is not None else 0


def _made_of(
    account: BillingAccount, items: Sequence[Item], seen: Seen, user: AbstractUser
) -> list[ProductChange]:
    """What this person has made of this very quote; a Refusal where the account has changed."""
    later = list(account_changes(account).filter(id__gt=seen.last_change))
    if not later:
        return []
    mine = len(later) == len(items) and all(each.made_by == user for each in later)
    if mine and all(_is_made(item, each) for item, each in zip(items, later, strict=True)):
        return later
    who, key = later[-1].made_by.get_username(), later[-1].product.product_key
    what = f"{who} has changed what {account.account_key} holds since the cost was shown"
    cure = "look at the cost again; nothing was changed"
    raise AccountChangedSince(what, field="product_key", value=key, cure=cure)


def _is_made(asked: Item, made: ProductChange) -> bool:
    """Whether a change is what was asked for."""
    wanted, after = asked.wanted, made.after or {}
    if (made.kind, made.effective_date) != (wanted.kind.value, wanted.effective_date):
        return False
    if isinstance(asked, Order):
        key = made.product.product_key
        return after == Held(key, asked.terms, wanted.effective_date).document()
    of = after.get("price_override_code") if wanted.kind is Kind.PRICE else None
    same = (made.product.product_key, of) == (asked.product_key, wanted.price_code)
    return same and after.get(COLUMNS.get(wanted.kind, "")) == wanted.value


def hash_of(document: Mapping[str, Any]) -> str:
    """What a document says, short."""
    written = json.dumps(document, sort_keys=True, default=str)
    return sha256(written.encode()).hexdigest()
