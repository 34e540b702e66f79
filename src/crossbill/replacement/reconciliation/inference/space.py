"""The space of policies, and which of them explain a family's lines best.

The fields of a policy act on two stages that do not touch: amounts before tax, and tax on the
amounts that the old bills print. Within a stage all combinations are tried, since they interact.
A set of candidates is the bits of one integer, whose places are their numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cache
from itertools import product
from typing import Any, get_type_hints

from crossbill.core.policy import FURTHER_DIGITS, ChargeRounding, DiscountBase, Policy
from crossbill.core.rounding import RoundingMode

Rules = Mapping[str, Any]  # fields of a policy with their values


class DiscountOf(StrEnum):
    """Which charges a discount of a whole bill is taken from, where it does not say it."""

    ALL = "all"
    RECURRING = "recurring"
    USAGE = "usage"
    ONE_TIME = "one_time"


class DiscountOrder(StrEnum):
    """Which discounts of a bill come first, where they do not say it: each is of what is left."""

    PERCENTAGE_FIRST = "percentage_first"
    AMOUNT_FIRST = "amount_first"


CHARGED = ("day_count", "end_day_counts", "price_by", "rounding_mode")
ROUNDED = ("rounding_scope", "rounding_digits", "discount_base")
NET = (*CHARGED, *ROUNDED)
TAX = ("tax_scope", "tax_rounding_mode")
TERMS = ("discount_of", "discount_order")  # no rules of a policy, but of its discounts
DISCOUNT = (*TERMS, "rounding_mode")
# The sum of a bill is rounded with all its lines, so that no line alone tells of it.
NOT_SEARCHED = ChargeRounding.BILL
RULES = tuple(field.name for field in fields(Policy) if field.name != "policy_code")

assert set(NET) | set(TAX) == set(RULES), "each rule of a policy is searched in one stage"


def values_of(name: str) -> tuple[Any, ...]:
    """A field's values that are searched; the first is taken where nothing tells them apart."""
    kinds = {"discount_of": DiscountOf, "discount_order": DiscountOrder}
    kind = kinds.get(name) or get_type_hints(Policy)[name]
    if kind is int:
        return tuple(FURTHER_DIGITS)
    if kind is bool:
        return (True, False)
    return tuple(str(member) for member in kind if member is not NOT_SEARCHED)


@cache
def candidates(names: tuple[str, ...]) -> tuple[Rules, ...]:
    """All combinations of the fields, in order of preference; its place is a candidate's number.

    Where no further digits are kept, a charge has none before it is rounded: only one discount.
    """
    found = (dict(zip(names, chosen, strict=True)) for chosen in product(*map(values_of, names)))
    return tuple(
        rules
        for rules in found
        if rules.get("rounding_digits") != 0 or rules["discount_base"] == DiscountBase.ROUNDED
    )


@cache
def distinct(names: tuple[str, ...]) -> int:
    """The candidates without those that come to the same as a plainer one, whatever is billed.

    What is cut, or is rounded up, twice, comes to the same as once.
    """
    return sum(1 << n for n, rules in enumerate(candidates(names)) if not _twice(rules))


def having(names: tuple[str, ...], name: str, values: Iterable[Any]) -> int:
    """The candidates in which a field has one of these values."""
    wanted = {*values}
    return sum(1 << n for n, rules in enumerate(candidates(names)) if rules[name] in wanted)


def _twice(rules: Rules) -> bool:
    return (
        rules.get("rounding_scope") == ChargeRounding.LINE
        and rules["rounding_digits"] != 0
        and rules["discount_base"] == DiscountBase.ROUNDED
        and rules["rounding_mode"] in (RoundingMode.DOWN, RoundingMode.UP)
    )


@dataclass(frozen=True)
class Outcome:
    """So many lines or bills of a family that the same candidates reproduce.

    ``mask`` has the bit of each candidate that does. A row may stand for several lines of one key;
    ``size_minor`` adds up the sizes of their amounts.
    """

    family: str
    currency: str
    kind: str
    mask: int
    rows: int
    lines: int
    size_minor: int

    def fits(self, number: int) -> bool:
        """Whether the candidate of this number reproduces them."""
        return bool(self.mask >> number & 1)


@dataclass(frozen=True)
class Choice:
    """The best candidate of a stage for one family, and those that cannot be told from it.

    ``same`` are the candidates that reproduce the very same rows; ``margin`` is by how many rows
    the best of the others falls short, empty where there is none.
    """

    names: tuple[str, ...]
    number: int
    same: int
    margin: int | None

    @property
    def best(self) -> Rules:
        """The rules of the best candidate."""
        return candidates(self.names)[self.number]

    @property
    def alike(self) -> tuple[Rules, ...]:
        """The rules of all candidates that cannot be told from the best."""
        space = candidates(self.names)
        return tuple(space[number] for number in members(self.same))

    def alternatives(self, name: str) -> tuple[Any, ...]:
        """The values of a field among the candidates that are alike, the chosen one first."""
        others = (rules[name] for rules in self.alike)
        return tuple(dict.fromkeys((self.best[name], *others)))

    @property
    def open_fields(self) -> tuple[str, ...]:
        """The fields that the data does not tell."""
        return tuple(name for name in self.best if len(self.alternatives(name)) > 1)

    @property
    def joint_fields(self) -> tuple[str, ...]:
        """The open fields that depend on others: not with each value of those all of theirs fit."""
        return tuple(name for name in self.open_fields if not self._independent(name))

    def _independent(self, name: str) -> bool:
        """Whether each of the field's values fits whatever the others are."""
        values = self.alternatives(name)
        others = {_without(rules, name) for rules in self.alike}
        space = candidates(self.names)
        combined = [space[number] for number in members(distinct(self.names))]
        fitting = (r for r in combined if r[name] in values and _without(r, name) in others)
        return sum(1 for _ in fitting) == len(self.alike)

    def combinations(self, names: Sequence[str]) -> list[Rules]:
        """The values that some fields have together among the candidates that are alike."""
        found = ({name: rules[name] for name in names} for rules in self.alike)
        return list({tuple(rules.values()): rules for rules in found}.values())


def _without(rules: Rules, name: str) -> tuple[Any, ...]:
    return tuple(value for field, value in rules.items() if field != name)


class Tally:
    """How many rows each candidate reproduces, counted for all of them at once.

    The counts are binary numbers standing upright: the first integer holds the last digit of each
    candidate's count, the next one the digit before it.
    """

    def __init__(self, outcomes: Iterable[Outcome], kinds: Sequence[str]) -> None:
        self._digits: list[int] = []
        for outcome in outcomes:
            if outcome.kind in kinds:
                for place in members(outcome.rows):
                    self._add(outcome.mask, place)

    def _add(self, mask: int, place: int) -> None:
        while mask:
            while len(self._digits) <= place:
                self._digits.append(0)
            carried = self._digits[place] & mask
            self._digits[place] ^= mask
            mask, place = carried, place + 1

    def most(self, among: int) -> int:
        """Those of some candidates that reproduce most rows."""
        for digit in reversed(self._digits):
            among = among & digit or among
        return among

    def of(self, candidate: int) -> int:
        """The rows of the first of some candidates."""
        (number, *_) = members(candidate)
        return sum((digit >> number & 1) << place for place, digit in enumerate(self._digits))


def members(found: int) -> Iterator[int]:
    """The places of the bits of an integer, from the lowest on."""
    while found:
        lowest = found & -found
        yield lowest.bit_length() - 1
        found ^= lowest


def chosen(
    names: tuple[str, ...],
    outcomes: Sequence[Outcome],
    kinds: Sequence[Sequence[str]],
    like: Rules,
    *,
    within: int | None = None,
) -> Choice:
    """The candidate that reproduces most, by the first group of ``kinds``, then the next.

    Only those ``within`` are looked at, where they are stated.

    Of those that are alike the one that has most in common with ``like`` is taken, then the first.
    """
    every = top = distinct(names) & (-1 if within is None else within)
    for group in kinds:
        top = Tally(outcomes, group).most(top)
    first = top & -top
    same = top
    for outcome in outcomes:
        same &= outcome.mask if outcome.mask & first else ~outcome.mask
    whole = Tally(outcomes, [kind for group in kinds for kind in group])
    others = every & ~same
    margin = whole.of(first) - whole.of(whole.most(others)) if others else None
    return Choice(names, _likest(names, same, like), same, margin)


def narrowed(choice: Choice, within: int, like: Rules) -> Choice:
    """The choice among those of its candidates that are within, of which there is one at least."""
    same = choice.same & within
    return replace(choice, same=same, number=_likest(choice.names, same, like))


def _likest(names: tuple[str, ...], among: int, like: Rules) -> int:
    space = candidates(names)
    return min(members(among), key=lambda number: (_unlike(space[number], like), number))


def _unlike(rules: Rules, like: Rules) -> int:
    return sum(rules[name] != value for name, value in like.items() if name in rules)


def agreed(choices: Sequence[Choice], like: Rules) -> list[Choice]:
    """The choices of several families with the same best candidate, where there is one for all."""
    common = choices[0].same
    for choice in choices:
        common &= choice.same
    if not common:
        return list(choices)
    best = _likest(choices[0].names, common, like)
    return [replace(choice, number=best) for choice in choices]
