"""Any catalogue, any usage: every event costs what the plain rater says, to the last nano."""

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from oracle.plain_rater import PlainRater
from oracle.rating_strategies import SEASONS, cases, together
from oracle.small_rating import EVENT, SERVICE, small_catalogue
from rating_calculation import results

from crossbill.platform.rating.catalogue_model import BadRatingCatalogue

CASES = 40
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


def drawn(season, count, number):
    """So many cases, each with names of its own; another number gives others.

    They are rated in one run, for a run costs more than a case. So a case that disagrees is not
    made smaller, but it is small. Hypothesis would vary one case many times; each of these is drawn
    anew, as the second example of its own, the first being always the simplest.
    """
    found = {}

    def draw(tag):
        @seed(f"{number} {tag}")
        @settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=cases(tag, season))
        def collect(case):
            found[tag] = case

        collect()

    for position in range(count):
        draw(str(position))
    return list(found.values())


@pytest.mark.parametrize("number", range(4))
def test_every_event_costs_what_the_plain_rater_says(number):
    season = list(SEASONS)[number % 2]
    zone = ("Europe/Zurich", "America/St_Johns")[number // 2]
    assert disagreements(together(zone, season, drawn(season, CASES, number))) == {}


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
    "days of a month, of which a product has some": world(
        small_catalogue(CENT, allowances={"a": {"quantity": 100, "prorated": True, "block": 7}}),
        *(at(f"2024-{day}", 90) for day in ("06-20", "07-01")),
        *(at(f"2024-{day}", 90, service_key="n2") for day in ("06-20", "07-01")),
        services=[
            service(1, start_date=date(2024, 6, 12)),
            service(2, start_date=date(2024, 6, 1)),
        ],
    ),
    "a cost just above the cap": world(
        small_catalogue(
            [{"price": "0.10", "per": 7, "max_cost": "0.014285714"}],
            policy={"rounding_scope": "line", "rounding_mode": "up"},
        ),
        {"quantity": 1},
    ),
    "rules that compete": world(
        small_catalogue(
            [{"band": band, "price": f"0.0{band}"} for band in "123"],
            calendars={
                "day": [
                    {"band": "1", "from": "00:00"},
                    {"band": "2", "from": "08:00", "to": "14:00", "weight": 5},
                    {"band": "3", "from": "12:00", "to": "16:00", "weight": 5},
                    {"band": "1", "from": "13:00", "to": "15:00", "weight": 4},
                    {"band": "2", "from": "02:00", "to": "15:30", "months": [6], "weight": 6},
                ]
            },
        ),
        at("2024-06-05 00:00", 86_400),
        at("2024-05-05 00:00", 86_400),
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
    "increments whose rounded price is ten million times the exact one": world(
        small_catalogue(
            [{"price": "0.000000001"}],
            policy={
                "rounding_scope": "increment",
                "rounding_digits": 2,
                "rounding_mode": "up",
            },
            usage_types={"voice": {"unit": "bytes"}},
        ),
        *({"quantity": q} for q in (1, 10**11 - 3, 10**11, 10**12)),
    ),
    "the highest price that an event may carry": world(
        small_catalogue([{"price": "carried", "markup": "1000"}]),
        *({"amount_nanos": nanos, "currency": "EUR"} for nanos in (10**15, 10**15 + 1)),
    ),
}


@pytest.mark.parametrize("case", HARD.values(), ids=HARD)
def test_hard_cases(case):
    assert disagreements(case) == {}


# What was decided by these: seconds count whole, and what could pass 64 bits is refused at load.
MINIMUM = {"band": "peak", "price": "0.06", "per": 60, "minimum": 60}
DECIDED = {
    "two events in one second, an allowance for one": world(
        small_catalogue(CENT, allowances={"a": {"quantity": 10}}),
        at("2024-06-05 10:00:00.9", 10),
        at("2024-06-05 10:00:00.1", 10),
    ),
    "a call with its own price goes on into a band without": world(
        small_catalogue([{"band": "peak", "price": "carried"}, MINIMUM | {"band": "off"}]),
        at("2024-06-05 17:59", 120, amount_nanos=10**9, currency="EUR"),
    ),
    "a surcharge rounded to tens": world(
        small_catalogue(
            CENT,
            charge={
                "surcharges": [
                    {
                        "surcharge": "s",
                        "percent": "10",
                        "rounding_mode": "up",
                        "rounding_digits": -1,
                    }
                ]
            },
        ),
        {},
    ),
    "increments rounded up to a billion": world(
        small_catalogue(
            CENT,
            policy={
                "rounding_scope": "increment",
                "rounding_digits": -9,
                "rounding_mode": "up",
            },
        ),
        {"quantity": 60},
        {"quantity": 0},
    ),
    "a minimum that costs more than there is": world(
        small_catalogue([{"price": "1000000000", "minimum": 60}]), {"quantity": 0}
    ),
    "very dear minimums in many bands": world(
        small_catalogue(
            [{"band": band, "price": "800", "minimum": WEEK} for band in "ab"],
            calendars={"day": HOURS},
        ),
        at("2024-06-03 00:00", WEEK),
        {"quantity": 0},
    ),
    "services that change hands within a second": world(
        small_catalogue(CENT),
        at("2024-06-05 10:00:00.2"),
        services=[SERVICE | {"valid_from": datetime(2024, 6, 5, 10, 0, 0, 500_000)}],
    ),
}


@pytest.mark.parametrize("case", DECIDED.values(), ids=DECIDED)
def test_decided_cases_agree_or_are_refused_before_anything_is_rated(case):
    try:
        assert disagreements(case) == {}
    except BadRatingCatalogue as refusal:
        assert "costs more than ten million" in str(refusal) or "cannot be rounded" in str(refusal)
