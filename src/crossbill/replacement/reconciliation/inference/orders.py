"""The orders in which an old system may have used up the allowances of a catalogue.

An order is that of allowances, as their ``priority`` states it in the catalogue. Only between two
that may pay for one event does it matter, so orders that agree on all such pairs are one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import TypeAlias

import pyarrow as pa

from crossbill.platform.rating.catalogue_format import AllowanceSpec, ScopeSpec
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import positions
from crossbill.platform.rating.compile_rates import overlap

STATED, OLDEST = "as stated", "the oldest first"
MOST_PERMUTED = 4  # of more allowances that compete only the rules are tried
STEP = 10  # between priorities, so that another one fits between

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Priorities: TypeAlias = Mapping[str, int]


@dataclass(frozen=True)
class PlanFamily:
    """Plans whose products share an allowance, a product or a number: one order is for all."""

    plans: tuple[str, ...]
    pairs: Pairs  # the allowances that may pay for one event

    @property
    def name(self) -> str:
        """The plans in words."""
        return ", ".join(self.plans)

    @property
    def competing(self) -> tuple[str, ...]:
        """The allowances whose order matters."""
        return tuple(sorted({code for pair in self.pairs for code in pair}))


@dataclass(frozen=True)
class Order:
    """An order of all competing allowances, and the rules that come to it, if any do."""

    rules: tuple[str, ...]
    priorities: Priorities  # of one number the older bucket goes first

    @property
    def allowances(self) -> list[str]:
        """The allowances as they are used up, one after the other."""
        return sorted(self.priorities, key=lambda code: (self.priorities[code], code))


def plan_families(catalogue: RatingCatalogue, service: pa.Table) -> list[PlanFamily]:
    """The plans that somebody holds, parted into families; ``service`` are retail ones."""
    found: list[set[str]] = []
    for together in (*_of_one_holder(service), *_of_one_allowance(catalogue)):
        beside = [group for group in found if group & together]
        found = [group for group in found if not group & together]
        found.append(set().union(together, *beside))
    held = set(service["plan_code"].to_pylist())
    families = (tuple(sorted(group & held)) for group in found)
    return [PlanFamily(plans, _pairs(catalogue, plans)) for plans in sorted(families) if plans]


def _of_one_holder(service: pa.Table) -> set[frozenset[str]]:
    """The plans of each product, and of each number: its usage is rated in one copy."""
    found = set()
    for key in ("product_key", "service_key"):
        plans: dict[str | None, set[str]] = defaultdict(set)
        held = service.group_by([key, "plan_code"]).aggregate([])
        for name, plan in zip(held[key].to_pylist(), held["plan_code"].to_pylist(), strict=True):
            plans[name].add(str(plan))
        found |= {frozenset(each) for each in plans.values()}
    return found


def _of_one_allowance(catalogue: RatingCatalogue) -> Iterator[set[str]]:
    """The plans that grant each allowance: whoever shares a bucket shares its order."""
    for code in catalogue.spec.allowances:
        yield {name for name, plan in catalogue.spec.plans.items() if code in plan.allowances}


def _pairs(catalogue: RatingCatalogue, plans: Sequence[str]) -> Pairs:
    """The allowances of one plan of which some event could take; what only counts takes nothing."""
    allowances = catalogue.spec.allowances
    found = {
        (one, other)
        for plan in plans
        for one, other in combinations(sorted(catalogue.spec.plans[plan].allowances), 2)
        if any(
            overlap(a.applies_to, b.applies_to) and not (a.charged or b.charged)
            for a in allowances[one]
            for b in allowances[other]
        )
    }
    return tuple(sorted(found))


def orders(catalogue: RatingCatalogue, family: PlanFamily) -> list[Order]:
    """The distinct orders of a family's allowances: by the rules, and where they are few, all."""
    terms = {code: catalogue.spec.allowances[code][-1] for code in family.competing}
    position = positions(catalogue)
    found: dict[tuple[int, ...], Order] = {}
    for rule, priorities in _tried(catalogue, terms):
        key = tuple(_before(pair, priorities, terms, position) for pair in family.pairs)
        order = found.setdefault(key, Order((), priorities))
        found[key] = replace(order, rules=(*order.rules, *([rule] if rule else [])))
    return list(found.values())


def _before(
    pair: tuple[str, str],
    priorities: Priorities,
    terms: Mapping[str, AllowanceSpec],
    position: Mapping[str, int],
) -> int:
    """Whether the first of a pair is asked first (-1), the second (1), or the older bucket (0)."""
    one, other = pair
    mine, theirs = priorities[one], priorities[other]
    if mine == theirs:
        mine, theirs = (int(terms[code].rollover_periods > 0) for code in pair)
        if mine and theirs:
            return 0
    if mine == theirs:
        mine, theirs = position[one], position[other]
    return -1 if mine < theirs else 1


def _tried(
    catalogue: RatingCatalogue, terms: Mapping[str, AllowanceSpec]
) -> Iterator[tuple[str, Priorities]]:
    """Each rule, and each permutation, which has no name, with the priorities that make it."""
    stated = sorted(terms, key=lambda code: (terms[code].priority, code))
    yield STATED, {code: terms[code].priority for code in stated}
    yield "reversed", _in_steps(reversed(stated))
    for name, of in _rules(catalogue).items():
        places = {code: of(each) for code, each in terms.items()}
        if len(set(places.values())) > 1:  # else it says nothing of them
            yield name, _in_steps(sorted(stated, key=places.__getitem__))
    if any(each.rollover_periods for each in terms.values()):
        yield OLDEST, dict.fromkeys(stated, STEP)
    if len(stated) <= MOST_PERMUTED:
        for each in permutations(stated):
            yield "", _in_steps(each)


def _in_steps(codes: Iterable[str]) -> Priorities:
    return {code: number * STEP for number, code in enumerate(codes, 1)}


def _rules(catalogue: RatingCatalogue) -> dict[str, Callable[[AllowanceSpec], int]]:
    """What an allowance is put in order by; of several versions the last one speaks."""
    return {
        "smallest first": lambda terms: terms.quantity,
        "largest first": lambda terms: -terms.quantity,
        "first to expire": lambda terms: terms.rollover_periods,
        "most restricted first": lambda terms: _breadth(catalogue, terms.applies_to),
        "least restricted first": lambda terms: -_breadth(catalogue, terms.applies_to),
    }


def _breadth(catalogue: RatingCatalogue, scope: ScopeSpec) -> int:
    """How many kinds of usage, zones and bands, each with each, an allowance pays for."""
    zones = {zone for deck in catalogue.decks.values() for zone in deck.zones}
    bands = {rule.band for rules in catalogue.calendars.values() for rule in rules}
    types = len(scope.usage_types or catalogue.spec.usage_types)
    return types * len(scope.zones or (*zones, None)) * len(scope.bands or bands)
