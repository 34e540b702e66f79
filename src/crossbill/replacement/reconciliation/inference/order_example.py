"""Usage that tells two orders of allowances apart which the old charges do not, by the engine.

Two events ask for two allowances while one of them runs short, or in the month after. The events
are of kinds that the old system's usage holds; what they cost is rated, not reckoned here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.core.money import format_minor, nanos_to_minor
from crossbill.core.rounding import RoundingMode
from crossbill.engine.rating_datasets import SERVICE, USAGE
from crossbill.platform.rating.calendars import midnight_s
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.replacement.reconciliation.inference.orders import Order
from crossbill.replacement.reconciliation.inference.rate_orders import (
    Candidate,
    key_of,
    rated_orders,
)

MOST_KINDS = 6  # of a plan: each is tried after each
LONGEST_S = 7 * 86_400
WEEK = timedelta(days=7)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """Two events of one customer, and the pair of allowances that they are about."""

    key: str
    plan: str
    pair: tuple[str, str]
    first: Row
    then: Row


@dataclass(frozen=True)
class Known:
    """What trials are made of: the catalogue, its retail services, usage and a month of it."""

    catalogue: RatingCatalogue
    service: pa.Table
    usage: ir.Table
    rated: ir.Table  # rated_usage of all copies
    month: date
    digits: int
    mode: RoundingMode


def telling_usage(
    backend: Backend, known: Known, alike: Sequence[tuple[Candidate, Sequence[Candidate]]]
) -> dict[int, str | None]:
    """For each order that is alike to the best one of its family an example, by its number."""
    trials = [t for best, others in alike for t in _trials(backend, known, best, others)]
    costs = _costs(backend, known, trials, [c for best, others in alike for c in (best, *others)])
    return {
        other.number: _told(known, trials, costs, (best, other))
        for best, others in alike
        for other in others
    }


def _told(
    known: Known,
    trials: Sequence[Trial],
    costs: Mapping[tuple[int, str], int],
    pair: tuple[Candidate, Candidate],
) -> str | None:
    """The first trial that costs something else by the two orders, in words."""
    for trial in (each for each in trials if each.plan in pair[0].family.plans):
        both = [costs.get((each.number, trial.key), 0) for each in pair]
        said = [_said(each.order, trial.pair) for each in pair]
        if said[0] != said[1] and both[0] != both[1]:
            return _sentence(known, trial, both, said)
    return None


def _sentence(known: Known, trial: Trial, costs: Sequence[int], orders: Sequence[str]) -> str:
    """What both events cost together by the one order, and by the other."""
    before, after = (_in_words(known, event) for event in (trial.first, trial.then))
    amounts = [format_minor(cost, known.digits) for cost in costs]
    told = " and ".join(f"{a} with {o}" for a, o in zip(amounts, orders, strict=True))
    return f"On plan {trial.plan}, {before} and then {after} cost together {told}"


def _in_words(known: Known, event: Row) -> str:
    kind, where = event["usage_type"], event["destination"] or event["network"]
    unit, to = known.catalogue.spec.usage_types[kind].unit, f" to {where}" if where else ""
    return f"{event['quantity']:,} {unit} of {kind}{to} on {event['started_at'].date()}"


def _said(order: Order, pair: tuple[str, str]) -> str:
    """Which of a pair is used first."""
    one, other = sorted(pair, key=order.allowances.index)
    if order.priorities[one] == order.priorities[other]:
        return f"the older of {one} and {other} first"
    return f"{one} before {other}"


def _trials(
    backend: Backend, known: Known, best: Candidate, others: Sequence[Candidate]
) -> Iterator[Trial]:
    """Each kind of usage after each, for each pair that some plan of the family grants."""
    if not others:
        return
    for plan in best.family.plans:
        kinds = _kinds(backend, known, best, plan)
        granted = set(known.catalogue.spec.plans[plan].allowances)
        pairs = [pair for pair in best.family.pairs if granted.issuperset(pair)]
        for number, (pair, one, other) in enumerate(product(pairs, kinds, kinds)):
            key = f"{plan}-{number}"
            yield from _of_pair(known, (key, plan), pair, (one, other))


def _kinds(backend: Backend, known: Known, best: Candidate, plan: str) -> list[Row]:
    """One event of each charge, zone and band of a plan, as it was used."""
    rows = known.rated.filter(known.rated.plan_code == best.copy(plan))
    each = rows.group_by("charge_code", "zone", "band").aggregate(key=key_of(rows.usage_key).min())
    found = known.usage.inner_join(each.select("key"), known.usage.usage_key == each.key)
    one_each = found.order_by("usage_key").limit(MOST_KINDS).select(*USAGE.ibis)
    events: list[Row] = backend.to_pyarrow(one_each).to_pylist()
    return events


def _of_pair(
    known: Known, named: tuple[str, str], pair: tuple[str, str], kinds: tuple[Row, Row]
) -> Iterator[Trial]:
    """Two events of one month of which one runs short, or one that lives off what was left."""
    (key, plan), (one, other) = named, kinds
    for suffix, month, quantities in _sizes(known, plan, pair):
        first = _event(known, one, known.month, 0, quantities[0])
        then = _event(known, other, month, 2, quantities[1])
        yield Trial(f"{key}-{suffix}", plan, pair, first, then)


def _sizes(
    known: Known, plan: str, pair: tuple[str, str]
) -> Iterator[tuple[str, date, tuple[int, int]]]:
    """How much is used first and then, and when: also where other allowances are used up first."""
    given = known.catalogue.spec
    sizes = [given.allowances[code][-1].quantity for code in pair]
    most, least = max(sizes), min(sizes)
    every = sum(given.allowances[code][-1].quantity for code in given.plans[plan].allowances)
    yield "same", known.month, (most, most)
    yield "others", known.month, (every - least, most)
    yield "next", following(known.month), (least, most + 2 * least)


def following(month: date) -> date:
    """The first day of the month after that of a first day."""
    return (month + timedelta(days=32)).replace(day=1)


def _event(known: Known, kind: Row, month: date, week: int, quantity: int) -> Row:
    """An event like another one in some week of a month, on its day of the week and at its time."""
    zone = known.catalogue.zone
    begins = datetime.fromtimestamp(midnight_s(month, zone), UTC).replace(tzinfo=None)
    begins += week * WEEK
    at = begins + (kind["started_at"] - begins) % WEEK
    timed = known.catalogue.is_timed(kind["usage_type"])
    most = min(quantity, LONGEST_S) if timed else quantity
    return {**kind, "started_at": at, "quantity": max(most, 1), "received_at": None}


def _costs(
    backend: Backend, known: Known, trials: Sequence[Trial], candidates: Sequence[Candidate]
) -> dict[tuple[int, str], int]:
    """What each trial costs by each order of its family, in minor units."""
    if not trials:
        return {}
    service = pa.Table.from_pylist([_holder(known, trial) for trial in trials], SERVICE.arrow)
    usage = pa.Table.from_pylist([e for trial in trials for e in _events(trial)], USAGE.arrow)
    zone = known.catalogue.zone
    first, end = known.month, following(following(known.month))
    span = (midnight_s(first, zone), midnight_s(end, zone))
    tables = {"service": service, "usage": ibis.memtable(usage)}
    charged = rated_orders(backend, known.catalogue, candidates, tables, span)["charged"]
    sums = charged.group_by("number", "product_key").aggregate(nanos=charged.nanos.sum())
    return {
        (row["number"], row["product_key"]): nanos_to_minor(
            int(row["nanos"]), known.digits, known.mode
        )
        for row in backend.to_pyarrow(sums).to_pylist()
    }


def _holder(known: Known, trial: Trial) -> Row:
    """A service of the trial's own, like some service of the plan."""
    like = known.service.filter(pc.equal(known.service["plan_code"], pa.scalar(trial.plan))).slice(
        0, 1
    )
    (row,) = like.to_pylist()
    own = dict.fromkeys(("service_key", "product_key", "account_key"), trial.key)
    always = {"valid_from": datetime(1970, 1, 1), "valid_to": None, "start_date": None}
    return row | own | always | {"share_key": None}


def _events(trial: Trial) -> Iterator[Row]:
    for number, event in enumerate((trial.first, trial.then)):
        yield {**event, "usage_key": f"{trial.key}-{number}", "service_key": trial.key}
