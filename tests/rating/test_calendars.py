"""Which band holds when: by example, and against a clock that is read minute by minute."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbill.platform.rating.calendars import (
    DAY_S,
    BandSpan,
    Rule,
    Undecided,
    band_spans,
    first_undecided,
    is_zone,
    local_date,
    midnight_s,
    rule_spans,
)

ZURICH, UTC_ZONE = ZoneInfo("Europe/Zurich"), ZoneInfo("UTC")
HOUR_S = 3600
WORKDAYS = frozenset({1, 2, 3, 4, 5})
OFF = Rule("off")
PEAK = Rule("peak", 8 * HOUR_S, 20 * HOUR_S, weekdays=WORKDAYS, weight=10)
HOLIDAY = Rule("holiday", on="holidays", weight=20)


def seconds(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def shown(spans, zone=ZURICH):
    """Spans as text in local time: what a person reads in a calendar."""
    return [
        f"{datetime.fromtimestamp(span.from_s, zone):%a %d %H:%M%z} {span.band}" for span in spans
    ]


def test_working_week_has_a_peak_on_its_days_only():
    spans = band_spans(
        [OFF, PEAK], ZURICH, seconds("2024-03-07T23:00"), seconds("2024-03-11T23:00")
    )
    assert shown(spans) == [
        "Fri 08 00:00+0100 off",
        "Fri 08 08:00+0100 peak",
        "Fri 08 20:00+0100 off",  # one span over the weekend: nights and days of one band
        "Mon 11 08:00+0100 peak",
        "Mon 11 20:00+0100 off",
    ]


def test_holiday_outweighs_the_working_day():
    good_friday = {date(2024, 3, 29)}
    rules = [OFF, PEAK, HOLIDAY]
    start, end = midnight_s(date(2024, 3, 28), ZURICH), midnight_s(date(2024, 3, 30), ZURICH)
    assert shown(band_spans(rules, ZURICH, start, end, good_friday)) == [
        "Thu 28 00:00+0100 off",
        "Thu 28 08:00+0100 peak",
        "Thu 28 20:00+0100 off",
        "Fri 29 00:00+0100 holiday",
    ]


@pytest.mark.parametrize(
    ("day", "hours", "night_hours"),
    [
        (date(2024, 3, 30), 24, 4),
        (date(2024, 3, 31), 23, 3),  # clocks skip from 02:00 to 03:00
        (date(2024, 10, 27), 25, 5),  # 02:00 to 03:00 comes twice
    ],
)
def test_day_on_which_the_clocks_change_has_its_own_length(day, hours, night_hours):
    night = Rule("night", 0, 4 * HOUR_S, weight=1)
    start, end = midnight_s(day, ZURICH), midnight_s(day + timedelta(days=1), ZURICH)
    assert end - start == hours * HOUR_S
    spans = band_spans([OFF, night], ZURICH, start, end)
    assert [(span.band, span.to_s - span.from_s) for span in spans] == [
        ("night", night_hours * HOUR_S),
        ("off", 20 * HOUR_S),
    ]


def test_band_within_the_repeated_hour_comes_twice():
    twice = Rule("half", 2 * HOUR_S + 1800, 3 * HOUR_S, weight=1)
    start, end = midnight_s(date(2024, 10, 27), ZURICH), midnight_s(date(2024, 10, 28), ZURICH)
    spans = band_spans([OFF, twice], ZURICH, start, end)
    assert shown(spans) == [
        "Sun 27 00:00+0200 off",
        "Sun 27 02:30+0200 half",
        "Sun 27 02:00+0100 off",
        "Sun 27 02:30+0100 half",
        "Sun 27 03:00+0100 off",
    ]


def test_band_within_the_skipped_hour_does_not_come():
    skipped = Rule("half", 2 * HOUR_S, 2 * HOUR_S + 1800, weight=1)
    start, end = midnight_s(date(2024, 3, 31), ZURICH), midnight_s(date(2024, 4, 1), ZURICH)
    assert [span.band for span in band_spans([OFF, skipped], ZURICH, start, end)] == ["off"]


def test_of_equal_weights_the_later_beginning_wins():
    early, late = Rule("early", weight=10), Rule("late", 18 * HOUR_S, weight=10)
    spans = band_spans([late, early], UTC_ZONE, 0, DAY_S)
    assert spans == [BandSpan(0, 18 * HOUR_S, "early"), BandSpan(18 * HOUR_S, DAY_S, "late")]


def test_month_and_day_of_month_choose_days():
    may_day = Rule("feast", months=frozenset({5}), monthdays=frozenset({1}), weight=20)
    start = seconds("2015-04-30T00:00")
    spans = band_spans([OFF, may_day], UTC_ZONE, start, start + 3 * DAY_S)
    assert shown(spans, UTC_ZONE) == [
        "Thu 30 00:00+0000 off",
        "Fri 01 00:00+0000 feast",
        "Sat 02 00:00+0000 off",
    ]


def test_time_without_a_rule_is_a_span_without_a_band():
    spans = band_spans([PEAK], UTC_ZONE, seconds("2024-03-08T00:00"), seconds("2024-03-09T00:00"))
    assert [span.band for span in spans] == [None, "peak", None]


def test_rules_are_kept_apart_where_their_bands_are_one():
    morning, evening = Rule("off", 0, 8 * HOUR_S), Rule("off", 8 * HOUR_S)
    assert [s.rule for s in rule_spans([morning, evening], UTC_ZONE, 0, DAY_S)] == [
        morning,
        evening,
    ]
    assert len(band_spans([morning, evening], UTC_ZONE, 0, DAY_S)) == 1


# Instants that are not decided


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([OFF, PEAK], None),
        ([PEAK], Undecided(date(2024, 1, 1), 0, ())),
        ([Rule("day", 0, 1800), Rule("x", 1800, weekdays=frozenset({1}))], (2, 1800, ())),
        ([Rule("a"), Rule("b")], (1, 0, ("a", "b"))),
        ([Rule("a"), Rule("a")], None),
        ([OFF, Rule("a", monthdays=frozenset({3}), weight=1), Rule("b", weight=1,
          monthdays=frozenset({3, 4}))], (3, 0, ("a", "b"))),
        ([Rule("work", on="workdays")], (1, 0, ())),
        ([Rule("work", on="workdays"), Rule("feast", on="holidays")], None),
    ],
)  # fmt: skip
def test_first_instant_that_no_rule_or_several_decide(rules, found):
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(60)]
    if isinstance(found, tuple):
        found = Undecided(date(2024, 1, found[0]), *found[1:])
    assert first_undecided(rules, days, {date(2024, 1, 1)}) == found


# Local time


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Europe/Zurich", date(2024, 7, 1), "2024-06-30T22:00"),
        ("Asia/Kathmandu", date(2024, 7, 1), "2024-06-30T18:15"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00"),  # there is no 00:00 that day
        ("America/Havana", date(2024, 11, 3), "2024-11-03T04:00"),  # 00:00 comes twice: the first
    ],
)
def test_midnight_is_the_first_second_of_the_local_day(zone, day, first):
    found = midnight_s(day, ZoneInfo(zone))
    assert found == seconds(first)
    assert local_date(found, ZoneInfo(zone)) == day
    assert local_date(found - 1, ZoneInfo(zone)) == day - timedelta(days=1)


@pytest.mark.parametrize("name", ["", "Europe/Zurch", "../etc/passwd", "/etc/passwd", "Europe"])
def test_what_is_no_zone(name):
    assert not is_zone(name)


# The property: an oracle that looks at the clock each minute

minutes_of_day = st.integers(0, 24 * 4).map(lambda quarter: quarter * 900)


@st.composite
def rules(draw):
    first, last = sorted(draw(st.lists(minutes_of_day, min_size=2, max_size=2, unique=True)))
    return Rule(
        draw(st.sampled_from("abc")),
        first,
        last,
        draw(st.none() | st.frozensets(st.integers(1, 7), min_size=1)),
        draw(st.none() | st.frozensets(st.sampled_from([3, 4, 10, 11]), min_size=1)),
        draw(st.none() | st.frozensets(st.sampled_from([1, 2, 3, 27, 30, 31]), min_size=1)),
        draw(st.sampled_from(["any", "any", "holidays", "workdays"])),
        draw(st.integers(0, 2)),
    )


ZONES = ["Europe/Zurich", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
# A day before clocks change somewhere, or nothing happens.
STARTS = ["2024-03-30", "2024-03-09", "2024-10-26", "2024-11-02", "2024-04-05", "2024-06-30"]


@given(
    st.lists(rules(), min_size=1, max_size=5),
    st.sampled_from(ZONES),
    st.sampled_from(STARTS),
    st.integers(0, 24 * 60),
    st.integers(1, 40 * 60),
)
def test_each_minute_has_the_band_that_a_clock_shows(given_rules, name, day, start, length):
    zone = ZoneInfo(name)
    holidays = {date(2024, 3, 31), date(2024, 10, 27)}
    from_s = seconds(day) + start * 60
    to_s = from_s + length * 60
    spans = band_spans(given_rules, zone, from_s, to_s, holidays)
    assert [spans[0].from_s, spans[-1].to_s] == [from_s, to_s]
    assert all(a.to_s == b.from_s and a.band != b.band for a, b in pairwise(spans))
    told = [span.band for span in spans for _ in range(span.from_s, span.to_s, 60)]
    assert told == [
        band_by_the_clock(given_rules, datetime.fromtimestamp(s, zone), holidays)
        for s in range(from_s, to_s, 60)
    ]


def band_by_the_clock(given_rules, clock, holidays):
    """The band at an instant, from nothing but what the wall shows."""
    best = None
    for rule in given_rules:
        minute = clock.hour * 60 + clock.minute
        if not rule.from_s <= minute * 60 < rule.to_s:
            continue
        if rule.weekdays and clock.weekday() + 1 not in rule.weekdays:
            continue
        if rule.months and clock.month not in rule.months:
            continue
        if rule.monthdays and clock.day not in rule.monthdays:
            continue
        free = clock.date() in holidays
        if (rule.on == "holidays" and not free) or (rule.on == "workdays" and free):
            continue
        rank = (rule.weight, rule.from_s)
        if best is None or rank > (best.weight, best.from_s):
            best = rule
    return best and best.band


# What another rating system asserts


@pytest.mark.shared_data
def test_spans_that_a_peer_counts(shared_data):
    path = shared_data.parent / "vectors" / "telecom.json"
    vectors = [v for v in json.loads(path.read_text()) if v["semantics"] == "span_count"]
    assert len(vectors) >= 2
    for vector in vectors:
        asked = vector["input"]
        peer = [peer_rule(interval, n) for n, interval in enumerate(asked["intervals"])]
        found = rule_spans(peer, UTC_ZONE, seconds(asked["start"]), seconds(asked["end"]))
        assert len(found) == int(vector["expected"]["spans"]), vector["id"]
        if "winner_weight" in vector["expected"]:
            assert found[0].rule.weight == int(vector["expected"]["winner_weight"])


def peer_rule(interval, number):
    hours, minutes, secs = (int(part) for part in interval["start"].split(":"))
    days = [interval[key] for key in ("weekdays", "months", "monthdays")]
    return Rule(
        f"interval {number}",
        hours * 3600 + minutes * 60 + secs,
        DAY_S,
        *(None if each is None else frozenset(each) for each in days),
        weight=interval["weight"],
    )
