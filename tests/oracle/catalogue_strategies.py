"""Small catalogues of rating for properties, crowded where rating goes wrong."""

from datetime import date
from itertools import product

from hypothesis import strategies as st

MODES = ("half_up", "half_even", "down", "up")
VERSION_DAYS = tuple(
    date.fromisoformat(f"2024-{d}") for d in ("01-20", "02-01", "03-10", "03-31", "04-01", "10-27")
)
PREFIXES = ("4179", "41791", "1709", "170912", "447", "9")
DECK_ZONES = ("CH", "CH-mobile", "abroad")


def seldom(usual, *rare, of=10):
    """A strategy that is the usual one, but for one in so many (Hypothesis favours the ends)."""
    return st.integers(1, of).flatmap(lambda n: usual if n != 2 else st.sampled_from(rare))


def decimals(most=2_000_000, scale=6):
    """Decimal texts from 0 up."""
    fine = st.integers(0, most).map(lambda n: f"{n // 10**scale}.{n % 10**scale:0{scale}d}")
    return st.sampled_from(["0", "0.05", "0.10", "0.333", "0.000000001", "1"]) | fine


exact = st.fixed_dictionaries(
    {
        "rounding_scope": st.sampled_from(["event", "line"]),
        "rounding_digits": st.sampled_from([2, 4]) | st.integers(-3, 9),
    }
)
by_increment = st.fixed_dictionaries(
    {"rounding_scope": st.just("increment"), "rounding_digits": st.integers(4, 9)}
)
others = st.fixed_dictionaries(
    {
        "rounding_mode": st.sampled_from(MODES),
        "band_crossing": st.sampled_from(["split", "split", "start"]),
        "local_time": st.sampled_from(["account", "account", "switch"]),
    }
)
policies = st.builds(lambda rounding, rest: rounding | rest, exact | exact | by_increment, others)
rules = st.fixed_dictionaries(
    {
        "band": st.sampled_from(["peak", "peak", "night", "off"]),
        "from": st.sampled_from(["08:00", "00:00", "02:00", "02:30", "20:00", "12:15"]),
    },
    optional={
        "to": st.sampled_from(["24:00", "20:00", "02:45", "03:00", "08:00"]),
        "weekdays": st.sampled_from([[1, 2, 3, 4, 5], [6, 7], [7], [3]]),
        "months": st.sampled_from([[3, 4, 9, 10], [1, 2, 11]]),
        "monthdays": st.sampled_from([[1], [31], [30, 31], [6, 27, 29]]),
        "on": st.sampled_from(["any", "holidays", "workdays"]),
    },
)
day_and_night = {"band": "peak", "from": "08:00", "to": "20:00", "weight": 5}
dead_of_night = {"band": "night", "from": "02:30", "to": "03:00", "weight": 5}


@st.composite
def calendars(draw):
    """One rule that always holds, and up to three that outweigh it or each other."""
    some = st.sampled_from([day_and_night, dead_of_night])
    weight = st.fixed_dictionaries({"weight": st.sampled_from([5, 10])})
    drawn = st.builds(lambda rule, more: rule | more, rules, weight)
    more = [draw(some | drawn) for _ in range(draw(st.integers(1, 3)))]
    more = [rule for rule in more if rule["from"] < rule.get("to", "24:00")]
    unlike: dict = {}
    for rule in more:  # of two rules with one weight and one beginning, neither would win
        unlike.setdefault((rule["weight"], rule["from"]), rule)
    always = {"band": draw(st.sampled_from(["off", "off", "peak"])), "from": "00:00", "weight": 0}
    return [always, *unlike.values()]


def step_terms(units):
    """The terms of one step, of quantities that come in such units."""
    return st.fixed_dictionaries(
        {"price": decimals(), "per": st.sampled_from(units)},
        optional={
            "minimum": st.sampled_from([0, 1, 30, 60]),
            "increment": st.sampled_from([1, 1, 6, 7, 30, 60]),
        },
    )


@st.composite
def rates(draw, units, shapes):
    """A rate of one step written inline, or of up to three, or one that the event carries."""
    terms = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "connect_fee": decimals(),
                "included": st.sampled_from([0, 1, 10, 60, 100]),
                "max_cost": st.sampled_from(["0", "0.50", "2.005"]),
            },
        )
    )
    shape = draw(st.sampled_from(shapes))
    if shape == "carried":
        markup = draw(st.sampled_from(["0", "10", "-25", "0.0001", "33.3333"]))
        return {**terms, "price": "carried", "markup": markup}
    if shape == "inline":
        return {**terms, **draw(step_terms(units))}
    begins = [0, *draw(st.lists(st.sampled_from([1, 45, 60, 600]), unique=True, max_size=2))]
    steps = [{"from": start, **draw(step_terms(units))} for start in sorted(begins)]
    return {**terms, "steps": steps}


@st.composite
def periods_of_versions(draw):
    """One to three versions, the next from the day on which the one before ends."""
    days = sorted(draw(st.lists(st.sampled_from(VERSION_DAYS), unique=True, max_size=2)))
    first = draw(seldom(st.none(), date(2024, 1, 15)))
    last = draw(seldom(st.none(), date(2024, 12, 1)))
    # Without its end a version lasts until the next begins.
    ends = days if draw(st.booleans()) else [None] * len(days)
    periods = zip([first, *days], [*ends, last], strict=True)
    return [stated({"valid_from": start, "valid_to": end}) for start, end in periods]


@st.composite
def tariffs(draw, zones, bands, units, *, numbers):
    """The rates of all zones and bands in each version; a zone has one for all bands, or each.

    Where numbers are looked up, there are sometimes more: a rate for what the others leave out, or
    a special one that goes before them.
    """
    # A call may cross into another band, which must be priced in the same way.
    one_band = len(bands) == 1
    shapes = ["inline", "inline", "steps", "steps", *(["carried"] if one_band else [])]
    versions = draw(periods_of_versions())
    found = []
    for zone in zones:
        each = not one_band and draw(st.booleans())
        for band, (number, version) in product(bands if each else [None], enumerate(versions)):
            place = stated({"zone": zone, "band": band, "version": f"v{number}"})
            found.append({**place, **version, **draw(rates(units, shapes))})
    # Where a special rate leaves a band open there must always be another for that.
    always = "valid_from" not in versions[0] and "valid_to" not in versions[-1]
    if numbers and always and draw(seldom(st.just(False), True, of=3)):
        place = {"zones": ["CH", "CH-mobile"], "band": bands[0]} if None in zones else {}
        further = draw(periods_of_versions())
        found += [{**place, **version, **draw(rates(units, shapes))} for version in further]
    return found


def stated(values):
    """The values without those that are left out."""
    return {name: value for name, value in values.items() if value is not None}


@st.composite
def decks(draw):
    """One to three versions of nested prefixes, each in one of three zones."""
    further = st.dictionaries(st.sampled_from(PREFIXES), st.sampled_from(DECK_ZONES), max_size=5)
    fixed = {"41": "CH", "417": "CH-mobile", "1": "abroad", "44": "abroad"}
    versions = draw(periods_of_versions())
    return [{"prefixes": {**draw(further), **fixed}, **version} for version in versions]


deck_rows = st.fixed_dictionaries(
    {
        "destination": st.sampled_from(["A", "Z"]),
        "connect_fee": decimals(),
        "included_seconds": st.sampled_from([0, 10, 60]),
        "rate_per_minute": decimals(),
        "increment_seconds": st.sampled_from([1, 6, 60]),
    }
)


@st.composite
def priced_decks(draw):
    """A deck with a price for each prefix, as it would stand in a file."""
    prefixes = draw(st.lists(st.sampled_from(PREFIXES), unique=True, max_size=5))
    rows = [{"prefix": prefix, **draw(deck_rows)} for prefix in ["41", "1", *prefixes]]
    again = {**rows[0], "prefix": "447001", "valid_to": "2024-03-10"}
    later = {**again, "valid_from": "2024-03-31", "valid_to": "", **draw(deck_rows)}
    return {"rows": [again, later, {**rows[0], "destination": "A"}, *rows[1:]]}


surcharge_terms = st.fixed_dictionaries(
    {
        "percent": st.sampled_from(["6.75", "7.7", "0.0001", "100", "0"]),
        "rounding_mode": st.sampled_from(MODES),
        "rounding_digits": st.integers(0, 9),
    }
)


@st.composite
def surcharges(draw):
    """Up to two surcharges, each in one to three versions."""
    return [
        {"surcharge": f"s{number}", **version, **draw(surcharge_terms)}
        for number in range(draw(st.integers(0, 2)))
        for version in draw(periods_of_versions())
    ]


def scopes(bands):
    """What an allowance pays for, of these bands."""
    some = st.lists(st.sampled_from(bands), unique=True, min_size=1)
    names = {
        "usage_types": st.sampled_from([["voice"], ["voice", "message"], ["data"]]),
        "zones": st.sampled_from([["CH"], ["CH", "CH-mobile"], ["A"]]),
        "bands": some,
    }
    return st.just({}) | st.fixed_dictionaries({}, optional=names)


def allowance_terms(bands):
    """The terms of an allowance where a calendar has these bands."""
    return st.fixed_dictionaries(
        {
            "quantity": st.sampled_from([600, 1, 59, 60, 61, 0, 1000, 6000, 10**6]),
            "priority": st.integers(0, 1),
            "block": st.sampled_from([1, 1, 7, 30, 60]),
            "applies_to": scopes(["any", *bands]),
            "share": st.sampled_from(["product", "product", "account", "group"]),
            "prorated": st.booleans(),
            "rollover_periods": st.sampled_from([0, 0, 1, 2]),
            "charged": seldom(st.just(False), True, of=5),
        }
    )


UNITS = {
    "voice": [[60, 1], [1, 6, 7, 30, 60]],
    "message": [[1]],
    "data": [[1024, 2**20, 2**30], [1, 1000, 10**6, 10**9], [1000, 1024, 2**20]],
}


def bands_of(calendar):
    """The bands that a calendar has."""
    return sorted({rule["band"] for rule in calendar})


@st.composite
def charges(draw, tag, kind, calendar):
    """The versions of one charge, and the tariff that prices it."""
    named = {"charge": kind, "usage_type": kind, "tariff": f"{kind}-{tag}"}
    bands = bands_of(calendar)
    if draw(seldom(st.just(True), False, of=4)):
        named["calendar"] = f"calendar-{tag}"
    zones: list = [None]
    if kind != "data" and draw(seldom(st.just(True), False, of=4)):
        looked_up = draw(st.sampled_from(["destination", "destination", "network"]))
        named |= {"deck": f"zones-{tag}", "zone_by": looked_up}
        zones = draw(st.sampled_from([[None], DECK_ZONES, DECK_ZONES, ["CH", "abroad"]]))
    units = draw(st.sampled_from(UNITS[kind]))
    bands = bands if "calendar" in named else ["any"]
    tariff = draw(tariffs(zones, bands, units, numbers="deck" in named))
    if kind == "voice" and draw(seldom(st.just(False), True, of=5)):
        named |= {"deck": f"own-{tag}", "zone_by": "destination"}
        tariff = {"deck": f"own-{tag}"}
    versions = draw(seldom(st.just([{}]), [{"valid_to": date(2024, 3, 31)}], of=8))
    if draw(seldom(st.just(False), True, of=8)):
        versions = draw(periods_of_versions())
    charged = [{**named, **version, "surcharges": draw(surcharges())} for version in versions]
    return charged, tariff


@st.composite
def versions_of(draw, terms):
    """One version of an allowance, or seldom several with other quantities."""
    if draw(seldom(st.just(True), False, of=6)):
        return terms
    versions = draw(periods_of_versions())
    quantities = st.sampled_from([0, 60, 100, 601])
    return [{**terms, **version, "quantity": draw(quantities)} for version in versions]


@st.composite
def catalogues(draw, tag):
    """What the plans of one case use: two plans, of which the second has no charge for data."""
    calendar = draw(calendars())
    priced = {kind: draw(charges(tag, kind, calendar)) for kind in UNITS}
    terms = draw(st.lists(allowance_terms(bands_of(calendar)), max_size=3))
    allowances = {f"allowance{n}-{tag}": draw(versions_of(t)) for n, t in enumerate(terms)}
    both = [{"policy_code": f"policy{n}-{tag}", **draw(policies)} for n in range(2)]
    voice, message, data = (charged for charged, _ in priced.values())
    full = {"charges": [*voice, *message, *data], "allowances": list(allowances)}
    small = {"charges": [*voice, *message], "allowances": list(allowances)[:1]}
    return {
        "policies": both,
        "calendars": {f"calendar-{tag}": calendar},
        "decks": {f"zones-{tag}": draw(decks()), f"own-{tag}": draw(priced_decks())},
        "tariffs": {f"{kind}-{tag}": tariff for kind, (_, tariff) in priced.items()},
        "plans": {f"full-{tag}": full, f"small-{tag}": small},
        "allowances": allowances,
    }
