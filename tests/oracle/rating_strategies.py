"""Small catalogues, services and usage for properties of rating, crowded where rating goes wrong.

A case is one or two plans with all that they use, its services and its events. A world is some
cases in one catalogue, each with names of its own, so that one run of the engine rates them all.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, product
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from oracle.catalogue_strategies import catalogues, seldom

ZONES = ("Europe/Zurich", "Europe/Zurich", "America/St_Johns", "Asia/Kathmandu", "UTC")
HOLIDAYS = ("2024-03-29", "2024-03-31", "2024-10-27", "2024-12-24")
START_DAYS = {
    1: (date(2024, 1, 20), date(2024, 1, 31), date(2024, 3, 10), date(2024, 3, 31)),
    9: (date(2024, 9, 30), date(2024, 10, 1), date(2024, 10, 27), date(2024, 10, 31)),
}
# Instants near which much happens: the clocks change, a month ends, a band ends, a version begins.
SPRING = (
    "2024-03-31 01:00",  # Zurich loses the hour from 02:00 to 03:00
    "2024-03-10 05:30",  # St. John's loses an hour
    "2024-01-31 23:00",  # midnight of 1 February in Zurich
    "2024-03-31 22:00",  # midnight of 1 April in Zurich, summer time
    "2024-02-01 03:30",  # midnight of 1 February in St. John's
    "2024-01-31 18:15",  # midnight of 1 February in Kathmandu
    "2024-02-29 12:00",
    "2024-03-28 23:00",  # a holiday begins in Zurich
    "2024-03-06 07:00",  # 08:00 in Zurich, a Wednesday
    "2024-03-06 19:00",  # 20:00 in Zurich
    "2024-02-14 23:30",  # 20:00 in St. John's
    "2024-02-10 12:00",
)
AUTUMN = (
    "2024-10-27 01:00",  # Zurich has the hour from 02:00 twice
    "2024-11-03 04:30",  # St. John's has an hour twice
    "2024-10-02 06:00",  # 08:00 in Zurich, a Wednesday
    "2024-10-02 18:00",  # 20:00 in Zurich
    "2024-11-12 11:30",  # 08:00 in St. John's
    "2024-10-31 23:00",  # midnight of 1 November in Zurich
    "2024-09-30 22:00",  # midnight of 1 October in Zurich
    "2024-11-30 18:15",  # midnight of 1 December in Kathmandu
)
SEASONS = {
    (datetime(2024, 1, 10), datetime(2024, 4, 20)): SPRING,
    (datetime(2024, 9, 20), datetime(2024, 12, 10)): AUTUMN,
}
DAYS = {
    1: ("2024-02-01", "2024-02-29", "2024-03-06", "2024-03-10", "2024-03-31", "2024-04-01"),
    9: ("2024-10-01", "2024-10-02", "2024-10-27", "2024-10-31", "2024-11-03", "2024-11-30"),
}
HUGE, WEEK = 10**12, 7 * 24 * 3600
NUMBERS = ("41791234567", "41441234567", "4179", "41", "17091234567", "12125550100", "447700900123")
STRANGE_NUMBERS = ("33123456789", "", "+41791234567", "41 79", "4" * 16, None)


@st.composite
def services(draw, tag, season):
    """Up to four numbers of up to two products; seldom one that is held twice or not at once."""
    days = START_DAYS[season[0].month]
    leaving = tuple(datetime.fromisoformat(at) for at in SEASONS[season])
    starts = [draw(seldom(st.none(), *days, of=4)) for _ in range(2)]
    plans = [draw(st.sampled_from(["full", "full", "small"])) for _ in range(2)]
    found = []
    for number in draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)):
        held = number % 2
        begins = datetime.combine(starts[held] or date(2020, 1, 1), time())
        ends = draw(seldom(st.none(), *leaving))
        row = {
            "service_key": f"n{number}-{tag}",
            "leg": "retail",
            "valid_from": begins,
            "valid_to": ends if ends is None or ends > begins else None,
            "account_key": f"account-{tag}",
            "product_key": f"product{held}-{tag}",
            "plan_code": f"{plans[held]}-{tag}",
            "policy_code": f"policy{draw(st.integers(0, 1))}-{tag}",
            "time_zone": draw(st.sampled_from(ZONES)),
            "currency": "EUR",
            "share_key": f"group-{tag}",
            "start_date": starts[held],
        }
        found.append(row)
    partner = {**found[0], "service_key": partner_of(tag), "leg": "wholesale"}
    partners = draw(seldom(st.just([]), [partner], of=60))
    return once_each(found, draw(seldom(st.just(True), False))) + partners


def partner_of(tag):
    """The number of a network that is a case's own."""
    return f"4179{int(tag):06d}"


def once_each(rows, wanted):
    """The rows with one for each service, unless a service may be held twice."""
    unlike = {row["service_key"]: row for row in rows}
    if wanted:
        return list(unlike.values())
    first = min(unlike.values(), key=lambda row: row["service_key"])
    again = {**first, "valid_from": first["valid_from"] + timedelta(days=31), "valid_to": None}
    return [*unlike.values(), again]


def edges_of(calendar, zones, season):
    """Instants at which rules of a calendar begin and end in these zones, on some days."""
    clocks = {rule[name] for rule in calendar for name in ("from", "to") if name in rule}
    found = set()
    for day, clock, zone in product(DAYS[season[0].month], clocks - {"24:00"}, zones):
        at = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo(zone))
        found.add(at.astimezone(UTC).replace(tzinfo=None))
    return sorted(found)


def starts(season, further):
    """Instants near the edges of a season or further ones; seldom outside of it."""
    edges = (
        st.sampled_from(further)
        | st.sampled_from(further)
        | st.sampled_from([datetime.fromisoformat(at) for at in SEASONS[season]])
    )
    seconds = st.sampled_from([0, -1, 1, -30, -60, -600, -3600, 60]) | st.integers(-4000, 4000)
    parts = seldom(st.just(0), 1, 250_000, 999_999)
    near = st.builds(
        lambda edge, s, us: edge + timedelta(seconds=s, microseconds=us),
        edges,
        seconds,
        parts,
    )
    first, end = season
    return seldom(near, datetime(1999, 12, 31), first, end, of=20)


AMOUNTS = st.integers(0, 10**12)
QUANTITIES = {
    "voice": seldom(
        st.sampled_from([60, 600, 1000, 3600, 6000, 0, 1, 59, 61]) | st.integers(0, 20_000),
        *(WEEK, WEEK + 1, 90_000, -1, HUGE + 1),
        of=15,
    ),
    "message": st.sampled_from([0, 1, 1, 2, 60, 1000]),
    "data": seldom(
        st.integers(0, 10**7) | st.sampled_from([0, 10**6, 2**30, HUGE]), HUGE + 1, -5, of=12
    ),
}


@st.composite
def crossing(draw, further):
    """When a call begins and how long it is, so that it goes on over one of these instants."""
    before, after = draw(st.integers(0, 700)), draw(st.integers(0, 4000))
    return draw(st.sampled_from(further)) - timedelta(seconds=before), before + after


@st.composite
def events(draw, tag, keys, season, further):
    """One event of one of the services, or seldom of none."""
    kind = draw(seldom(st.just("voice"), "data", "message", of=3))
    carried = draw(seldom(st.just(True), False, of=4))
    number = st.sampled_from(NUMBERS)
    started_at, quantity = draw(starts(season, further)), draw(QUANTITIES[kind])
    if kind == "voice" and draw(st.booleans()):
        started_at, quantity = draw(crossing(further))
    return {
        "usage_key": f"e{draw(st.integers(0, 999))}-{tag}",
        "service_key": draw(seldom(st.sampled_from(keys), f"unknown-{tag}", of=20)),
        "usage_type": kind,
        "started_at": started_at,
        "quantity": quantity,
        "destination": draw(seldom(number, *STRANGE_NUMBERS, of=20)),
        "network": draw(st.none() | seldom(number | st.just(partner_of(tag)), "33", of=20)),
        "time_zone": draw(seldom(st.sampled_from(ZONES), None, "Mars/Olympus", of=20)),
        "amount_nanos": draw(seldom(AMOUNTS, -1, 10**15 + 1, of=20)) if carried else None,
        "currency": draw(seldom(st.just("EUR"), "USD", of=20)) if carried else None,
        "source_file": f"{tag}.csv",
        "received_at": None,
    }


@st.composite
def cases(draw, tag, season):
    """A catalogue, its services and up to twelve events in the order of their file."""
    catalogue = draw(catalogues(tag))
    held = draw(services(tag, season))
    keys = sorted({row["service_key"] for row in held})
    count = draw(st.integers(1, 12))  # a list of any size would mostly be short
    zones = {row["time_zone"] for row in held}
    further = edges_of(catalogue["calendars"][f"calendar-{tag}"], zones, season)
    used = [draw(events(tag, keys, season, further)) for _ in range(count)]
    if draw(st.booleans()):  # ties: several events begin at once
        used = [{**row, "started_at": used[0]["started_at"]} for row in used]
    numbered = [{**row, "source_line": n} for n, row in enumerate(used, 2)]
    return {"catalogue": catalogue, "services": held, "usage": numbered}


def together(zone, season, chosen):
    """Cases with names of their own as one world: one catalogue, all their services and usage."""
    catalogue = {
        "rating_catalogue": 1,
        "name": "world",
        "currency": "EUR",
        "time_zone": zone,
        "holidays": {"dates": list(HOLIDAYS)},
        "usage_types": {
            "voice": {"unit": "seconds"},
            "message": {"unit": "messages"},
            "data": {"unit": "bytes"},
        },
        "policies": [policy for case in chosen for policy in case["catalogue"]["policies"]],
    }
    for part in ("calendars", "decks", "tariffs", "plans", "allowances"):
        parts = (case["catalogue"][part].items() for case in chosen)
        catalogue[part] = dict(chain.from_iterable(parts))
    return {
        "catalogue": catalogue,
        "services": [row for case in chosen for row in case["services"]],
        "usage": [row for case in chosen for row in case["usage"]],
        "end": season[1],
    }
