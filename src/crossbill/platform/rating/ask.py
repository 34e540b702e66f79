"""What would this event cost, and why: one event that nobody has made, rated by the same chain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.period import month_period
from crossbill.core.policy import LocalTime
from crossbill.engine.duckdb import stored_rows
from crossbill.engine.planned import Planned, Rows
from crossbill.engine.rating_datasets import BUCKET, SERVICE, USAGE
from crossbill.platform.rating.calendars import local_date, midnight_s
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.explain import Explanation, explain
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.rate_compiled import granting
from crossbill.platform.rating.shape import Shape
from crossbill.platform.rating.small_engine import small_engine
from crossbill.platform.usage import guide

KEY = "this event"
ANYBODY = "anybody"
LONG_AGO = datetime(1970, 1, 1)
COMPILED_MONTHS = 24  # kept ready, of all catalogues and local times together
GRANTED_PLANS = 256
ASKED = ("usage", "located", "resolved", "party", "rated_usage", "piece")


@dataclass(frozen=True)
class Question:
    """An event as a person describes it; ``started_at`` is in UTC, without a zone."""

    plan_code: str
    policy_code: str
    usage_type: str
    started_at: datetime
    time_zone: str
    quantity: int
    destination: str | None = None
    network: str | None = None
    carried_nanos: int | None = None
    untouched_allowances: bool = True


@dataclass(frozen=True)
class Place:
    """A catalogue in one month and local time: questions about one place share its tables."""

    current: Current
    month: date
    time_zone: str


@dataclass(frozen=True)
class _Answered:
    """What follows from a question, beside what follows from its place alone."""

    backend: Backend
    found: Mapping[str, Rows]

    def holds(self, name: str) -> bool:
        """Whether such rows follow from a question."""
        return name in self.found

    def rows(self, name: str, /, **wanted: object) -> Rows:
        """The rows that have these values."""
        if name not in self.found:
            return stored_rows(self.backend, name, **wanted)
        return [row for row in self.found[name] if wanted.items() <= row.items()]


def ask(current: Current, question: Question) -> Explanation:
    """What the event costs on the plan, step by step, or why it cannot be rated."""
    started_s = int(question.started_at.replace(tzinfo=UTC).timestamp())
    month = local_date(started_s, current.catalogue.zone).replace(day=1)
    place = Place(current, month, question.time_zone)
    with small_engine("questions") as backend:
        bucket = BUCKET.empty()
        if question.untouched_allowances:
            bucket = _granted(backend, place, question.plan_code)
        rows = {"bucket": bucket, "usage": _usage(place, question)}
        rows["service"] = _service(place, question.plan_code, question.policy_code)
        ranks = 1 + max((int(row["rank"]) for row in bucket.to_pylist()), default=-1)
        found = _planned(backend, place, _shape(current.catalogue, ranks)).rows(rows)
        answered = _Answered(backend, {**found, "accepted_usage": found["usage"]})
        return explain(answered, KEY)


def get_ready(current: Current, plan_code: str) -> None:
    """Build the chain for a plan ahead of the first question, which then waits less."""
    ranks = len(current.catalogue.spec.plans[plan_code].allowances)
    rating(_shape(current.catalogue, ranks))


def _shape(catalogue: RatingCatalogue, ranks: int) -> Shape:
    """The chain for any question about a catalogue; nobody has a wholesale party."""
    rates = [rate for tariff in catalogue.spec.tariffs.values() for rate in tariff.rates]
    return Shape(
        ranks,
        surcharges=any(charge.spec.surcharges for charge in catalogue.event_charges),
        carried=any(rate.carried_ppm for rate in rates),
        capped=any(rate.max_cost is not None for rate in rates),
        switched=any(
            policy.local_time == LocalTime.SWITCH.value for policy in catalogue.spec.policies
        ),
        detail=True,
    )


@lru_cache(maxsize=COMPILED_MONTHS)
def _compiled(place: Place) -> Mapping[str, pa.Table]:
    """The catalogue's tables for events of the month in the local time."""
    catalogue = place.current.catalogue
    following = month_period(place.month.year, place.month.month).to_date
    return compiled(
        catalogue,
        from_s=midnight_s(place.month, catalogue.zone),
        to_s=midnight_s(following, catalogue.zone),
        time_zones={place.time_zone},
    )


@lru_cache(maxsize=GRANTED_PLANS)
def _granted(backend: Backend, place: Place, plan_code: str) -> pa.Table:
    """The allowances of the month as they are granted on a plan."""
    _planned.cache_clear()  # for some of its inputs are overwritten here
    policy = place.current.catalogue.spec.policies[0].policy_code
    rows = {name: _compiled(place)[name] for name in ("allowance", "period")}
    rows["service"] = _service(place, plan_code, policy)
    granting().run(backend, {name: ibis.memtable(table) for name, table in rows.items()})
    return pa.Table.from_pylist(stored_rows(backend, "granted_bucket"), BUCKET.arrow)


@lru_cache(maxsize=1)  # the engine holds one
def _planned(backend: Backend, place: Place, shape: Shape) -> Planned:
    """The chain for questions about a place, of which they change three inputs only."""
    chain = rating(shape)
    change = {dataset.name: dataset.arrow for dataset in (BUCKET, SERVICE, USAGE)}
    tables = _compiled(place)
    stay = {name: tables[name] for name in chain.inputs if name not in change}
    return Planned(backend, chain, stay, change, _asked(shape))


def _asked(shape: Shape) -> list[str]:
    """What an explanation reads of what follows from a question."""
    surcharges = ["rated_surcharge"] if shape.surcharges else []
    return [*ASKED, *surcharges, *(["consumption"] if shape.ranks else [])]


def _usage(place: Place, question: Question) -> pa.Table:
    """The event as a table of one row."""
    carried = question.carried_nanos
    row = {
        "usage_key": KEY, "service_key": ANYBODY, "usage_type": question.usage_type,
        "started_at": question.started_at, "quantity": question.quantity,
        "destination": question.destination, "network": question.network,
        "time_zone": question.time_zone, "amount_nanos": carried,
        "currency": None if carried is None else place.current.catalogue.spec.currency,
        "source_file": "a question", "source_line": 1,
    }  # fmt: skip
    return pa.Table.from_pylist([row], USAGE.arrow)


def _service(place: Place, plan_code: str, policy_code: str) -> pa.Table:
    """Somebody on the plan, as a table of one row."""
    row = {
        "service_key": ANYBODY, "leg": guide.RETAIL, "valid_from": LONG_AGO,
        "account_key": ANYBODY, "product_key": ANYBODY, "plan_code": plan_code,
        "policy_code": policy_code, "time_zone": place.time_zone,
        "currency": place.current.catalogue.spec.currency,
    }  # fmt: skip
    return pa.Table.from_pylist([row], SERVICE.arrow)
