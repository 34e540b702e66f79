"""What would this event cost, and why: one event that nobody has made, rated by the same chain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.period import month_period
from crossbill.core.policy import LocalTime
from crossbill.engine.calculation import Calculation
from crossbill.engine.rating_datasets import BUCKET, SERVICE, USAGE
from crossbill.platform.rating.calendars import local_date, midnight_s
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.explain import Explanation, explain
from crossbill.platform.rating.rate import Shape, rating
from crossbill.platform.rating.rate_files import Rated, granting
from crossbill.platform.rating.small_engine import small_engine
from crossbill.platform.usage import guide

KEY = "this event"
ANYBODY = "anybody"
LONG_AGO = datetime(1970, 1, 1)
COMPILED_MONTHS = 24  # kept ready, of all catalogues and local times together
GRANTED_PLANS = 256


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


@dataclass
class _Standing:
    """What the engine holds: the place and chain of the last question, and the chain's tables."""

    place: Place | None = None
    chain: Calculation | None = None
    tables: dict[str, ir.Table] = field(default_factory=dict)


_standing = _Standing()


def ask(current: Current, question: Question) -> Explanation:
    """What the event costs on the plan, step by step, or why it cannot be rated."""
    started_s = int(question.started_at.replace(tzinfo=UTC).timestamp())
    month = local_date(started_s, current.catalogue.zone).replace(day=1)
    place = Place(current, month, question.time_zone)
    with small_engine() as backend:
        bucket = BUCKET.empty()
        if question.untouched_allowances:
            bucket = _granted(backend, place, question.plan_code)
        rows = {"bucket": bucket, "usage": _usage(place, question)}
        rows["service"] = _service(place, question.plan_code, question.policy_code)
        ranks = 1 + max((int(row["rank"]) for row in bucket.to_pylist()), default=-1)
        done = _rated(backend, place, rating(_shape(current.catalogue, ranks)), rows)
        return explain(Rated(backend, current.catalogue, done), KEY)


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
    if _standing.place != place:
        _standing.place = None  # for what it held is overwritten here
    policy = place.current.catalogue.spec.policies[0].policy_code
    rows = {name: _compiled(place)[name] for name in ("allowance", "period")}
    rows["service"] = _service(place, plan_code, policy)
    done = granting().run(backend, {name: ibis.memtable(table) for name, table in rows.items()})
    granted: pa.Table = backend.to_pyarrow(done["granted_bucket"])
    return granted


def _rated(
    backend: Backend, place: Place, chain: Calculation, rows: Mapping[str, pa.Table]
) -> dict[str, ir.Table]:
    """The tables of a detailed rating of these rows.

    A question like the last one changes the rows of three inputs only: the statements find all
    others, and the views over them, where they are.
    """
    held = {name: ibis.memtable(table) for name, table in rows.items()}
    if (_standing.place, _standing.chain) == (place, chain):
        chain.run_again(backend, held)
        return _standing.tables
    _standing.place = _standing.chain = None
    held |= {name: ibis.memtable(table) for name, table in _compiled(place).items()}
    done = chain.run(backend, {name: held[name] for name in chain.inputs})
    _standing.place, _standing.chain = place, chain
    _standing.tables = done | {"accepted_usage": done["usage"]}
    return _standing.tables


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
