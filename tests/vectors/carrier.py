"""A carrier made for a group of vectors: a plan, a service and an event for each of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import pyarrow as pa
from rating_calculation import ENGINE, seconds, written

from crossbill.core.refusal import Refusal
from crossbill.engine.rating_datasets import USAGE
from crossbill.platform.rating.allowances import grant
from crossbill.platform.rating.catalogue import read_catalogue, services
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.shape import shape_of
from vectors.answers import halves

USAGE_TYPES = {"seconds": {"unit": "seconds"}, "units": {"unit": "units"}}


@dataclass(frozen=True)
class Event:
    """One event of a vector and the prices that hold for it."""

    key: str
    started_at: datetime
    quantity: int
    rates: Sequence[dict]
    usage_type: str = "units"
    destination: str | None = None
    prefixes: dict[str, str] | None = None
    calendar: Sequence[dict] | None = None
    rounding_mode: str = "half_up"
    rounding_digits: int = 9
    allowances: Sequence[dict] = ()


@dataclass
class Outcome:
    """What the engine says of an event: its row of rated or suspended usage, and its allowances."""

    rated: dict | None = None
    suspended: dict | None = None
    taken: list[int] = field(default_factory=list)


def outcomes(events: Sequence[Event]) -> dict[str, Outcome | Refusal]:
    """The events of a month in one run; what the catalogue is refused for is found by halves."""
    months: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        months[event.started_at.year, event.started_at.month].append(event)
    found: dict[str, Outcome | Refusal] = {}
    for month in months.values():
        found |= _of_month(month)
    return found


def _of_month(events: Sequence[Event]) -> dict[str, Outcome | Refusal]:
    try:
        with TemporaryDirectory() as folder:
            return dict(_rated(events, Path(folder)))
    except Refusal as refusal:
        if len(events) == 1:
            return {events[0].key: refusal}
    return {key: outcome for half in halves(events) for key, outcome in _of_month(half).items()}


def _rated(events: Sequence[Event], folder: Path) -> dict[str, Outcome]:
    """Read, compile, grant and rate, as the platform does it."""
    catalogue = read_catalogue(written(_world(events), folder))
    first = min(event.started_at for event in events)
    end = max(event.started_at for event in events) + timedelta(seconds=1)
    found = compiled(catalogue, from_s=seconds(first), to_s=seconds(end), time_zones={"UTC"})
    found["service"] = services(catalogue)
    found["usage"] = pa.Table.from_pylist(
        [_usage(number, event) for number, event in enumerate(events)], schema=USAGE.arrow
    )
    tables = {name: ibis.memtable(rows) for name, rows in found.items()}
    granted = grant(tables["service"], tables["allowance"], tables["period"])
    tables["bucket"] = ibis.memtable(ENGINE.to_pyarrow(granted))
    chain = rating(shape_of(ENGINE, tables))
    done = chain.run(ENGINE, {name: tables[name] for name in chain.inputs})
    names = ("rated_usage", "suspended_usage", "bucket_use")
    rows = {name: ENGINE.to_pyarrow(done[name]).to_pylist() for name in names}
    taken = {row["bucket_key"]: row["taken"] for row in rows["bucket_use"]}
    codes = {
        row["allowance_code"]: taken[row["bucket_key"]]
        for row in ENGINE.to_pyarrow(tables["bucket"]).to_pylist()
    }
    return {
        event.key: Outcome(
            rated=_of(rows["rated_usage"], event.key),
            suspended=_of(rows["suspended_usage"], event.key),
            taken=[codes[_allowance(number, n)] for n in range(len(event.allowances))],
        )
        for number, event in enumerate(events)
    }


def _of(rows: Sequence[dict], key: str) -> dict | None:
    return next((row for row in rows if row["usage_key"] == key), None)


def _usage(number: int, event: Event) -> dict:
    return {
        "usage_key": event.key,
        "service_key": _code(number),
        "usage_type": event.usage_type,
        "started_at": event.started_at,
        "quantity": event.quantity,
        "destination": event.destination,
        "source_file": "vectors",
        "source_line": number + 1,
        "received_at": event.started_at,
    }


def _code(number: int) -> str:
    return f"v{number}"


def _allowance(number: int, place: int) -> str:
    return f"v{number}-{place}"


def _world(events: Sequence[Event]) -> dict:
    """The catalogue: everything that a vector needs is called by its number."""
    numbered = [(_code(number), event) for number, event in enumerate(events)]
    rules = {(event.rounding_mode, event.rounding_digits) for event in events}
    catalogue = {
        "rating_catalogue": 1,
        "name": "vectors",
        "currency": "EUR",
        "time_zone": "UTC",
        "policies": [_policy(*rule) for rule in sorted(rules)],
        "calendars": {code: list(e.calendar) for code, e in numbered if e.calendar},
        "decks": {code: {"prefixes": e.prefixes} for code, e in numbered if e.prefixes},
        "tariffs": {code: list(event.rates) for code, event in numbered},
        "usage_types": USAGE_TYPES,
        "plans": {code: _plan(n, code, event) for n, (code, event) in enumerate(numbered)},
        "allowances": {
            _allowance(number, place): allowance
            for number, event in enumerate(events)
            for place, allowance in enumerate(event.allowances)
        },
    }
    held = [
        {
            "service_key": code,
            "plan_code": code,
            "valid_from": datetime(2000, 1, 1),
            "policy_code": _policy(event.rounding_mode, event.rounding_digits)["policy_code"],
        }
        for code, event in numbered
    ]
    return {"catalogue": catalogue, "services": held, "usage": []}  # which comes as a table


def _policy(mode: str, digits: int) -> dict:
    return {
        "policy_code": f"{mode} {digits}",
        "rounding_scope": "event",
        "rounding_mode": mode,
        "rounding_digits": digits,
        "band_crossing": "split",
        "local_time": "account",
    }


def _plan(number: int, code: str, event: Event) -> dict:
    charge = {"charge": "events", "usage_type": event.usage_type, "tariff": code}
    charge |= {"deck": code} if event.prefixes else {}
    charge |= {"calendar": code} if event.calendar else {}
    allowances = [_allowance(number, place) for place in range(len(event.allowances))]
    return {"charges": [charge], "allowances": allowances}
