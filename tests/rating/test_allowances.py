"""Who gets what from a bucket, against a loop over the events in their order; what is a family."""

from random import Random

import ibis
import pyarrow as pa
import pytest

from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.rating import allowances
from crossbill.platform.rating.allowances import SPAN_S
from crossbill.platform.rating.catalogue_format import AllowanceSpec
from crossbill.platform.rating.compile_rates import scopes_of

ENGINE = DuckDBBackend().connect()
BLOCK = 10


def wants(events: int, spans: int, seed: int) -> list[dict]:
    """Events of one party, many of them at the same instants, their keys in no order."""
    rng = Random(seed)
    keys = rng.sample(range(10 * events), events)
    return [
        {"event_id": n, "usage_key": f"U{key:05}", "bucket_id": 7,
         "started_s": SPAN_S + rng.randrange(spans) * SPAN_S + rng.randrange(3),
         "need": rng.randint(1, 25)}
        for n, key in enumerate(keys)
    ]  # fmt: skip


def one_by_one(events: list[dict], capacity: int) -> dict[int, int]:
    """What each event takes in whole blocks, as far as there is something left."""
    taken = {}
    for event in sorted(events, key=lambda e: (e["started_s"], e["usage_key"])):
        wanted = -(-event["need"] // BLOCK) * BLOCK
        taken[event["event_id"]] = min(wanted, capacity)
        capacity -= taken[event["event_id"]]
    return {event_id: quantity for event_id, quantity in taken.items() if quantity}


def by_the_engine(events: list[dict], capacity: int) -> dict[int, int]:
    bucket = {"bucket_id": 7, "block": BLOCK, "capacity": capacity, "charged": False}
    asking, numbered = (ibis.memtable(pa.Table.from_pylist(rows)) for rows in (events, [bucket]))
    short = allowances.running_out(allowances.spans(asking, numbered), numbered)
    late = allowances.first_come(asking.drop("usage_key"), short, asking)
    given = allowances.taking(asking.drop("usage_key"), short, late)
    rows = ENGINE.to_pyarrow(given).to_pylist()
    return {row["event_id"]: row["taken"] for row in rows if row["taken"]}


@pytest.mark.parametrize("spans", [1, 4])
@pytest.mark.parametrize("capacity", [0, 10, 170, 300, 600, 5000])
def test_a_bucket_serves_events_in_order_until_it_runs_out(capacity, spans):
    events = wants(40, spans, seed=capacity + spans)
    assert by_the_engine(events, capacity) == one_by_one(events, capacity)


def test_what_is_needed_of_the_last_block_is_given_and_all_of_it_is_taken():
    event = wants(1, 1, seed=1)[0] | {"need": 3}
    assert by_the_engine([event], 10) == {0: 10}


CALLS, TEXTS = {"usage_types": ["voice"]}, {"usage_types": ["message"]}
HOME, AWAY, NIGHT = {"zones": ["CH"]}, {"zones": ["DE"]}, {"bands": ["off"]}
ANY: dict = {}


@pytest.mark.parametrize(
    ("scopes", "families"),
    [
        ([CALLS, TEXTS], 2),
        ([CALLS, CALLS | NIGHT], 1),
        ([CALLS, ANY], 1),
        ([HOME, AWAY], 2),
        ([HOME, AWAY, ANY], 1),  # what pays for either stands between them
        ([HOME, NIGHT], 1),
        ([HOME | {"bands": ["peak"]}, NIGHT], 2),
    ],
)
def test_allowances_that_may_pay_for_one_event_are_a_family(scopes, families):
    allowances = [AllowanceSpec(quantity=1, applies_to=scope) for scope in scopes]
    known = scopes_of(allowances)
    assert len({known.family(each.applies_to) for each in allowances}) == families
