"""The rules of ordering: who may begin to hold what, from which day."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from crossbill.core.refusal import Refusal
from crossbill.platform.product.changes import (
    FURTHEST_DAYS,
    Begun,
    Kind,
    Known,
    Plan,
    Terms,
    Wanted,
    refuse_far,
    refuse_unclear,
    refuse_value,
)


class OrderNotPossible(Refusal):
    """This account cannot order that. Read why; nothing was ordered."""

    code: ClassVar[str] = "ORDER_NOT_POSSIBLE"


class OrderedAlready(Refusal):
    """The same was ordered for the same day. Say --again if it is wanted once more."""

    code: ClassVar[str] = "ORDERED_ALREADY"


@dataclass(frozen=True)
class Order:
    """What is ordered, and from when; ``again`` says that a second one of the day is meant."""

    terms: Terms
    effective_date: date
    again: bool = False

    @property
    def wanted(self) -> Wanted:
        """The order as a change."""
        return Wanted(Kind.ORDERED, self.effective_date, self.terms.offering_code)


@dataclass(frozen=True)
class Change:
    """A change of a product that somebody asks for."""

    product_key: str
    wanted: Wanted


Item = Change | Order


def in_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """What is asked for together, in the order of its days; of one day as it was asked for."""
    return tuple(sorted(items, key=lambda item: item.wanted.effective_date))


def ordered_plan(order: Order, known: Known, ordered: Collection[Terms]) -> Plan:
    """What is to begin; a Refusal where it cannot be ordered.

    ``ordered`` are the terms of what was ordered from the same day and is still held. What it
    requires is not looked at: that may begin beside it.
    """
    terms, day = order.terms, order.effective_date
    refuse_far(day, known.today)
    _refuse_days(order, known.today)
    refuse_value(Wanted(Kind.OFFERING, day, terms.offering_code), known)
    refuse_value(Wanted(Kind.QUANTITY, day, terms.quantity), known)
    refuse_value(Wanted(Kind.PRICE, day, terms.price_override_nanos), known)
    own, of = terms.price_override_nanos, terms.price_override_code
    refuse_unclear(terms.offering_code, own, of, known)
    if known.payers[terms.account_key].closed:
        what, cure = "The account is closed", "choose an account that is not"
        raise OrderNotPossible(what, field="account_key", value=terms.account_key, cure=cure)
    if not order.again and terms in ordered:
        what, cure = "The same was ordered for that day", "say --again if one more is wanted"
        raise OrderedAlready(what, field="offering_code", value=terms.offering_code, cure=cure)
    return Plan(order.wanted, {}, Begun(terms, day, None))


def _refuse_days(order: Order, today: date) -> None:
    day, ends = order.effective_date, order.terms.contract_end_date
    earliest = today - timedelta(days=FURTHEST_DAYS)
    if day < earliest:
        what = f"The day is more than {FURTHEST_DAYS} days ago"
        cure = f"take {earliest} or a later day"
        raise OrderNotPossible(what, field="effective_date", value=str(day), cure=cure)
    if ends is not None and ends <= day:
        what, cure = "The contract would end before it begins", f"take a day after {day}"
        raise OrderNotPossible(what, field="contract_end_date", value=str(ends), cure=cure)
