"""Quotes of amendments: what a grant, its end or another payer costs, made only at that cost."""

from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.core.policy import Policy
from crossbill.platform.billing.change_cost import ChangeCost, amendment_cost
from crossbill.platform.billing.quotes import (
    AccountChangedSince,
    CostChangedSince,
    Seen,
    hash_of,
)
from crossbill.platform.concession.operations import (
    Asked,
    amend_account,
    amendment_plan,
    concerned,
)
from crossbill.platform.customer.account_operations import may_change_account
from crossbill.platform.customer.amendments import Amendment
from crossbill.platform.customer.models import AccountChange, BillingAccount
from crossbill.platform.customer.queries import account_named, changes_of
from crossbill.platform.product.change_operations import lock_accounts


@dataclass(frozen=True)
class AmendmentQuote:
    """An amendment and its cost as the books are now."""

    amendment: Amendment
    cost: ChangeCost
    last_change: int

    @property
    def day(self) -> date:
        """The first day on which it holds."""
        return self.amendment.effective_date

    @property
    def seen(self) -> Seen:
        """What to hand back with the agreement."""
        plan = self.amendment
        said = _said(plan.table, plan.effective_date, plan.before, plan.after)
        return Seen(self.last_change, said, hash_of(self.cost.document()))


def quote_amendment(
    *, carrier_id: int, asked: Asked, today: date, policy: Policy
) -> AmendmentQuote:
    """What is asked for, planned, and its cost; a Refusal where it cannot be."""
    last = _last_change(account_named(carrier_id, asked.account_key))
    amendment = amendment_plan(carrier_id, asked, today)
    cost = amendment_cost(carrier_id=carrier_id, amendment=amendment, policy=policy)
    return AmendmentQuote(amendment, cost, last)


@transaction.atomic
def make_amendment(  # noqa: PLR0913 - what an agreement is
    *,
    carrier_id: int,
    asked: Asked,
    seen: Seen,
    user: AbstractUser,
    today: date,
    policy: Policy,
    reason: str = "",
) -> AccountChange:
    """Make what was quoted, at that cost or not at all.

    Whoever agrees twice to one quote gets what the first time has made.
    """
    may_change_account(user)
    account = account_named(carrier_id, asked.account_key)
    lock_accounts(carrier_id, concerned(asked))
    made = _made_of(account, seen, user)
    if made is not None:
        return made
    now = quote_amendment(carrier_id=carrier_id, asked=asked, today=today, policy=policy)
    if now.seen != seen:
        what = "It costs something else now than was shown"
        raise CostChangedSince(what, cure="look at the cost again; nothing was changed")
    return amend_account(
        carrier_id=carrier_id, asked=asked, user=user, today=today, reason=reason,
        shown=now.amendment,
    )  # fmt: skip


def _last_change(account: BillingAccount) -> int:
    last = changes_of(account).order_by("id").last()
    return int(last.pk) if last is not None else 0


def _made_of(account: BillingAccount, seen: Seen, user: AbstractUser) -> AccountChange | None:
    """What this person has made of this very quote; a Refusal where the account has changed."""
    later = list(changes_of(account).filter(id__gt=seen.last_change).order_by("id"))
    if not later:
        return None
    if len(later) == 1 and later[0].made_by == user and _is_made(later[0], seen):
        return later[0]
    who = later[-1].made_by.get_username()
    what = f"{who} has changed account {account.account_key} since the cost was shown"
    raise AccountChangedSince(what, cure="look at the cost again; nothing was changed")


def _is_made(change: AccountChange, seen: Seen) -> bool:
    return _said(change.field, change.effective_date, change.before, change.after) == seen.plan


def _said(table: str, day: date | None, before: str, after: str) -> str:
    """What an amendment says of itself, which the history keeps, as a hash."""
    return hash_of({"table": table, "day": day, "before": before, "after": after})
