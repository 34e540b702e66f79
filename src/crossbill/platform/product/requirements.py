"""The rules of what needs what: an add-on is held only beside an offering that it requires."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import ClassVar

from crossbill.core.refusal import Refusal
from crossbill.platform.product.changes import Held, Kind, Plan

NEW_KEY = ""  # of a product that a plan begins; no product of the books has it


class RequiresAnother(Refusal):
    """The account does not hold what the offering requires. Order one of those first."""

    code: ClassVar[str] = "REQUIRES_ANOTHER"


class RequiredByAnother(Refusal):
    """Another product of the account requires this one. Cancel that product first."""

    code: ClassVar[str] = "REQUIRED_BY_ANOTHER"


@dataclass(frozen=True)
class Needs:
    """What the catalogues in force say.

    ``requires`` has, by offering, those of which one must be held; ``contains`` what a bundle is
    made of, each of which counts as held with it.
    """

    requires: Mapping[str, Collection[str]] = field(default_factory=dict)
    contains: Mapping[str, Collection[str]] = field(default_factory=dict)


def refuse_alone(plans: Sequence[Plan], held: Collection[Held], needs: Needs) -> None:
    """Refuse plans that leave a product without what it requires, on their day or a later one.

    ``held`` are the products of all accounts concerned. What is alone before may stay so; of plans
    that are made together one may begin what another one requires.
    """
    after = _after(plans, held)
    first = min(plan.wanted.effective_date for plan in plans)
    for day in _days(first, [*held, *after]):
        known = Counter(map(_what, _alone(held, day, needs)))
        for each in _alone(after, day, needs):
            if not known[_what(each)]:
                raise _refusal(plans, each, day, needs)
            known[_what(each)] -= 1


def _after(plans: Iterable[Plan], held: Iterable[Held]) -> list[Held]:
    """The products as the plans leave them."""
    after = list(held)
    for plan in plans:
        ends = plan.ends
        after = [replace(e, end_date=ends.get(e.product_key, e.end_date)) for e in after]
        if plan.begins is not None:
            new = plan.begins
            after.append(Held(NEW_KEY, new.terms, new.start_date, new.end_date))
    return after


def _days(first: date, products: Iterable[Held]) -> list[date]:
    """The day, and the later ones on which something begins or ends."""
    days = {each.start_date for each in products} | {each.end_date for each in products}
    return sorted({first} | {day for day in days if day is not None and day > first})


def _alone(products: Iterable[Held], day: date, needs: Needs) -> list[Held]:
    """What is held on the day without any of what it requires on the same account."""
    there = [each for each in products if _is_held(each, day)]
    offered: dict[str, set[str]] = {}
    for each in there:
        own = offered.setdefault(each.terms.account_key, set())
        own |= _within(each.terms.offering_code, needs.contains)
    return [
        each
        for each in there
        if (wanted := needs.requires.get(each.terms.offering_code))
        and offered[each.terms.account_key].isdisjoint(wanted)
    ]


def _is_held(product: Held, day: date) -> bool:
    return product.start_date <= day and (product.end_date is None or day < product.end_date)


def _within(code: str, contains: Mapping[str, Collection[str]]) -> set[str]:
    """An offering and all that it contains, at any depth."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(contains.get(each, ()))
    return found


def _what(product: Held) -> tuple[str, str]:
    """What stands alone where; which of several alike does not matter."""
    return product.terms.account_key, product.terms.offering_code


def _refusal(plans: Sequence[Plan], alone: Held, day: date, needs: Needs) -> Refusal:
    """The refusal that names what would be alone, and what to do first."""
    account, code = _what(alone)
    one_of = " or ".join(sorted(needs.requires[code]))
    if alone.product_key in (NEW_KEY, *(plan.goes_on for plan in plans)):
        begins = {plan.wanted.effective_date for plan in plans}
        when = "on that day" if begins == {day} else f"from {day}"
        what = f"{code} requires {one_of}, and the account holds none of it {when}"
        cure = f"order {one_of} first, or from an earlier day"
        return RequiresAnother(what, field="offering_code", value=code, cure=cure)
    what = f"{alone.product_key} requires {one_of}, and {account} would hold none of it from {day}"
    suspends = any(plan.wanted.kind is Kind.SUSPEND for plan in plans)
    deed = "suspend or cancel" if suspends else "cancel"
    cure = f"{deed} {alone.product_key} first, from {day} or earlier"
    return RequiredByAnother(what, field="product_key", value=alone.product_key, cure=cure)
