"""Which accounts of the estate are hard to move, and which get a defect: decided beforehand.

Every number of a chunk is its share of the estate's number, so the totals hold for any size and a
chunk can be made without knowing another.
"""

from dataclasses import dataclass
from itertools import pairwise
from random import Random

CHUNK_ACCOUNTS = 5_000
ACCOUNTS_PER_DEFECT = 1_000
HARD_SHARE = 20  # one account in twenty

MID_CYCLE, CREDIT, PARENT, CHILD = "mid-cycle", "credit", "parent", "child"
SUSPENDED, DISPUTED = "suspended", "disputed"

# Twenty hard accounts in the order of dealing them out; a child belongs to the parent before it.
HARD_KINDS = (
    *(MID_CYCLE, MID_CYCLE, CREDIT, PARENT, CHILD, SUSPENDED, DISPUTED),
    *(MID_CYCLE, CREDIT, MID_CYCLE, MID_CYCLE, CREDIT, PARENT, CHILD, CHILD),
    *(SUSPENDED, DISPUTED, MID_CYCLE, CREDIT, MID_CYCLE),
)


@dataclass(slots=True)
class Plan:
    """What one account shall be: hard in which way, whose child, with which defect."""

    hard: str = ""
    parent: int | None = None
    fault: str = ""
    ordinal: int = 0  # the how-manieth of its class in the estate; picks among the sorts of a class


def chunk_bounds(accounts: int) -> list[tuple[int, int]]:
    """Chunks of almost equal size, none above CHUNK_ACCOUNTS, as [first, after)."""
    chunks = -(-accounts // CHUNK_ACCOUNTS)
    edges = [accounts * chunk // chunks for chunk in range(chunks + 1)]
    return list(pairwise(edges))


def share(whole: int, bounds: tuple[int, int], accounts: int) -> range:
    """Which of `whole` things, dealt evenly over the estate, fall into the chunk."""
    return range(whole * bounds[0] // accounts, whole * bounds[1] // accounts)


def chunk_plan(
    bounds: tuple[int, int], accounts: int, faults: dict[str, bool], rng: Random
) -> dict[int, Plan]:
    """The accounts of a chunk that are not plain; `faults` says which classes need mid-cycle."""
    plans = _hard(bounds, accounts, rng)
    plain = [index for index in range(*bounds) if index not in plans]
    rng.shuffle(plain)
    for code, mid_cycle in faults.items():
        for ordinal in share(max(1, accounts // ACCOUNTS_PER_DEFECT), bounds, accounts):
            index = _pick(plans, plain, mid_cycle=mid_cycle, rng=rng)
            plan = plans.setdefault(index, Plan())
            plan.fault, plan.ordinal = code, ordinal
    return plans


def _hard(bounds: tuple[int, int], accounts: int, rng: Random) -> dict[int, Plan]:
    """The chunk's hard accounts, families kept together."""
    count = len(share(accounts // HARD_SHARE, bounds, accounts))
    plans: dict[int, Plan] = {}
    parent: int | None = None
    for number, index in enumerate(rng.sample(range(*bounds), count)):
        kind = HARD_KINDS[number % len(HARD_KINDS)]
        if kind == PARENT:
            parent = index
            kind = kind if number + 1 < count else CREDIT  # nobody is left to be its child
        plans[index] = Plan(hard=kind, parent=parent if kind == CHILD else None)
    return plans


def _pick(plans: dict[int, Plan], plain: list[int], *, mid_cycle: bool, rng: Random) -> int:
    """An account without a defect yet.

    Parents stay clean: one that is kept back would keep its children back, and a defect would smear
    over several accounts. One in twenty defects of the other classes lands on a hard account too.
    """
    if not mid_cycle and rng.randrange(HARD_SHARE):
        return plain.pop()
    kinds = {MID_CYCLE} if mid_cycle else {CREDIT, CHILD, SUSPENDED, DISPUTED}
    free = [i for i, plan in plans.items() if plan.hard in kinds and not plan.fault]
    return rng.choice(free) if free else plain.pop()
