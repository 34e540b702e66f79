"""The space of policies, and which of them explain a family's lines best.

The fields of a policy act on two stages that do not touch: amounts before tax, and tax on the
amounts that the old bills print. Within a stage all combinations are tried, since they interact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, get_type_hints

from crossbill.core.policy import Policy

Rules = Mapping[str, Any]  # fields of a policy with their values

NET = ("day_count", "end_day_counts", "rounding_mode", "price_by")
TAX = ("tax_scope", "tax_rounding_mode")
RULES = tuple(field.name for field in fields(Policy) if field.name != "policy_code")
MOST_CANDIDATES = 62  # of a stage: each is a bit of a 64-bit integer

assert set(NET) | set(TAX) == set(RULES), "each rule of a policy is searched in one stage"


def values_of(name: str) -> tuple[Any, ...]:
    """The values that a field can have; the first is taken where nothing tells them apart."""
    kind = get_type_hints(Policy)[name]
    return (True, False) if kind is bool else tuple(str(member) for member in kind)


def candidates(names: Sequence[str]) -> list[Rules]:
    """All combinations of the fields, in order of preference; its place is a candidate's number."""
    found: list[Rules] = [
        dict(zip(names, chosen, strict=True)) for chosen in product(*map(values_of, names))
    ]
    assert len(found) <= MOST_CANDIDATES, "a stage has more candidates than an integer has bits"
    return found


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

    ``alike`` reproduce the very same rows; ``margin`` is by how many rows the best of the others
    falls short, empty where there is none.
    """

    best: Rules
    alike: tuple[Rules, ...]
    margin: int | None

    def alternatives(self, name: str) -> tuple[Any, ...]:
        """The values of a field among the candidates that are alike, the chosen one first."""
        others = (rules[name] for rules in self.alike)
        return tuple(dict.fromkeys((self.best[name], *others)))

    @property
    def open_fields(self) -> tuple[str, ...]:
        """The fields that the data does not tell."""
        return tuple(name for name in self.best if len(self.alternatives(name)) > 1)

    @property
    def joint(self) -> bool:
        """Whether open fields depend on each other: not every combination of them is alike."""
        combinations = 1
        for name in self.open_fields:
            combinations *= len(self.alternatives(name))
        return combinations != len(self.alike)


def chosen(
    names: Sequence[str], outcomes: Sequence[Outcome], kinds: Sequence[Sequence[str]], like: Rules
) -> Choice:
    """The candidate that reproduces most, by the first group of ``kinds``, then the next.

    Of those that are alike the one that has most in common with ``like`` is taken, then the first.
    """
    space = candidates(names)

    def score(number: int) -> tuple[int, ...]:
        return tuple(_rows(outcomes, group, number) for group in kinds)

    top = max(map(score, range(len(space))))
    first = next(number for number in range(len(space)) if score(number) == top)
    alike = [n for n in range(len(space)) if _same(outcomes, first, n)]
    best = min(alike, key=lambda number: (_unlike(space[number], like), number))
    others = [sum(score(n)) for n in range(len(space)) if n not in alike]
    margin = sum(top) - max(others) if others else None
    return Choice(space[best], tuple(space[n] for n in alike), margin)


def _rows(outcomes: Sequence[Outcome], kinds: Sequence[str], number: int) -> int:
    return sum(o.rows for o in outcomes if o.kind in kinds and o.fits(number))


def _same(outcomes: Sequence[Outcome], one: int, other: int) -> bool:
    return all(o.fits(one) == o.fits(other) for o in outcomes)


def _unlike(rules: Rules, like: Rules) -> int:
    return sum(rules[name] != value for name, value in like.items() if name in rules)


def agreed(choices: Sequence[Choice], like: Rules) -> list[Choice]:
    """The choices of several families with the same best candidate, where there is one for all."""
    common = [
        rules for rules in choices[0].alike if all(rules in choice.alike for choice in choices)
    ]
    if not common:
        return list(choices)
    best = min(common, key=lambda rules: _unlike(rules, like))
    return [replace(choice, best=best) for choice in choices]
