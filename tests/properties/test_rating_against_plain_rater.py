"""Any catalogue, any usage: every event costs what the plain rater says, to the last nano."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from oracle.plain_rater import PlainRater
from oracle.rating_strategies import worlds
from oracle.small_rating import EVENT, SERVICE, small_catalogue
from rating_calculation import results

NAMES = {
    "amount": "amount_nanos",
    "surcharge": "surcharge_nanos",
    "zone": "zone",
    "prefix": "prefix",
    "band": "band",
    "covered": "covered_quantity",
    "billed": "billed_quantity",
}
HEAD = {
    "rating_catalogue": 1,
    "name": "small",
    "currency": "EUR",
    "holidays": {"dates": ["2024-12-24"]},
}


def by_engine(found):
    """The answers of the engine: how often each was given to each event and leg."""
    answers = Counter()
    for row in found["rated_usage"]:
        figures = tuple(row[name] for name in NAMES.values())
        answers[row["usage_key"], row["leg"], "rated", figures] += 1
    for row in [*found["suspended_usage"], *found["unreadable_usage"]]:
        answers[row["usage_key"], row["leg"], "suspended", row["code"]] += 1
    for row in found["duplicate_usage"]:
        answers[row["usage_key"], "retail", "duplicate", None] += 1
    return answers


def by_hand(rater, usage):
    """The same by the plain rater."""
    answers = Counter()
    for answer in rater.answers(usage):
        shown = {"rated": tuple(answer.get(name) for name in NAMES)}
        told = shown.get(answer["state"], answer.get("reason"))
        answers[answer["usage_key"], answer["leg"], answer["state"], told] += 1
    return answers


def taken(found):
    """What was taken of each allowance, holder and month, by the engine."""
    return {row["bucket_key"]: row["taken"] for row in found["bucket_use"] if row["taken"]}


def disagreements(world):
    """What only one of both says: each event has its answer of one and of the other."""
    rater = PlainRater(world["catalogue"], world["services"], end=world["end"])
    plain = by_hand(rater, world["usage"])
    with TemporaryDirectory() as folder:
        found = results(world, Path(folder))
    engine = by_engine(found)
    used = {":".join(str(part) for part in bucket): q for bucket, q in rater.used().items()}
    only = {"plain": plain - engine, "engine": engine - plain}
    if used != taken(found):
        only |= {"plain took": used, "engine took": taken(found)}
    return {who: answers for who, answers in only.items() if answers}


# Shrinking would rate hundreds of worlds; what disagrees is small enough to read as it is.
@settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(world=worlds(8))
def test_every_event_costs_what_the_plain_rater_says(world):
    assert disagreements(world) == {}


HOURS = [
    {"band": "ab"[hour % 2], "from": f"{hour:02}:00", "to": f"{hour + 1:02}:00"}
    for hour in range(24)
]
QUARTERS = [
    {"band": "off", "from": "00:00"},
    {"band": "peak", "from": "01:45", "to": "02:15", "weight": 1},
]
BY_BAND = [{"band": "peak", "price": "0.01"}, {"band": "off", "price": "0.007", "per": 7}]
CENT = [{"price": "0.01"}]
WEEK = 7 * 86_400


def world(held, *events, services=(SERVICE,), end=datetime(2025, 1, 1)):
    """A small catalogue with events of one service, or of those that are given."""
    rows = [
        EVENT | {"usage_key": f"e{number}", "source_line": number + 2} | event
        for number, event in enumerate(events)
    ]
    return {"catalogue": HEAD | held, "services": list(services), "usage": rows, "end": end}


def at(text, quantity=60, **more):
    return {"started_at": datetime.fromisoformat(text), "quantity": quantity} | more


def service(number, **more):
    return SERVICE | {"service_key": f"n{number}", "product_key": f"p{number}"} | more


def dated(*quantities):
    """An allowance with another quantity from the middle of June 2024."""
    ends = [{"valid_to": "2024-06-15"}, {"valid_from": "2024-06-15"}]
    return [{"quantity": q} | end for q, end in zip(quantities, ends, strict=True)]


HARD = {
    "a week in which the clocks go back": world(
        small_catalogue(BY_BAND), at("2024-10-24 03:03:03", WEEK), at("2024-03-28 03:03:03", WEEK)
    ),
    "half an hour back and forth": world(
        small_catalogue(BY_BAND, calendars={"day": QUARTERS}),
        at("2024-04-06 13:00:01", 10_800),
        at("2024-10-05 13:00:01", 10_800),
        services=[SERVICE | {"time_zone": "Australia/Lord_Howe"}],
    ),
    "a minimum in each of 168 bands": world(
        small_catalogue(
            [{"band": band, "price": "10", "minimum": WEEK} for band in "ab"],
            calendars={"day": HOURS},
        ),
        at("2024-06-03 00:00", WEEK),
    ),
    "two allowances of one priority that are kept": world(
        small_catalogue(
            CENT,
            allowances={
                "a": {"quantity": 50, "rollover_periods": 1},
                "b": {"quantity": 30, "rollover_periods": 2},
            },
        ),
        *(at(f"2024-0{n}-15", q) for n, q in enumerate((10, 70, 120, 20, 300), 1)),
    ),
    "an allowance with a new version within a month": world(
        small_catalogue(CENT, allowances={"a": dated(50, 70)}),
        *(at(f"2024-{day}", 60) for day in ("06-01", "06-14", "06-16", "07-02")),
    ),
    "groups, and who is in none": world(
        small_catalogue(CENT, allowances={"a": {"quantity": 100, "share": "group"}}),
        at("2024-06-01", 80),
        at("2024-06-02", 80, service_key="n2"),
        at("2024-06-03", 80, service_key="n3"),
        services=[service(n, share_key=group) for n, group in ((1, None), (2, "g"), (3, "g"))],
    ),
    "a second delivery, and a leg for the network": world(
        small_catalogue(CENT),
        at("2024-06-01", network="22801"),
        at("2024-06-01", usage_key="e0"),
        at("2024-06-01", network="22802"),
        services=[SERVICE, SERVICE | {"service_key": "22801", "leg": "wholesale"}],
    ),
    "the highest price that an event may carry": world(
        small_catalogue([{"price": "carried", "markup": "1000"}]),
        *({"amount_nanos": nanos, "currency": "EUR"} for nanos in (10**15, 10**15 + 1)),
    ),
}


@pytest.mark.parametrize("case", HARD.values(), ids=HARD)
def test_hard_cases(case):
    assert disagreements(case) == {}
