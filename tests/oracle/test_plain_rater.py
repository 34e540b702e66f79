"""The oracle of rating itself, held against figures worked out by hand."""

from datetime import date, datetime, timedelta

import pytest

from oracle.plain_rater import PlainRater
from oracle.small_rating import EVENT, MINUTE, NOON, SERVICE, euros, small_catalogue


def answers(held, *events, services=(SERVICE,)):
    rater = PlainRater(held, list(services), end=datetime(2025, 1, 1))
    rows = [EVENT | {"usage_key": f"e{n}", "source_line": n} | e for n, e in enumerate(events)]
    found = {answer["usage_key"]: [] for answer in rows}
    for answer in rater.answers(rows):
        found[answer["usage_key"]].append(answer)
    return [answer for answers in found.values() for answer in answers]


def amounts(held, *events, **services):
    return [answer["amount"] for answer in answers(held, *events, **services)]


@pytest.mark.parametrize(
    ("changed", "seconds", "euro", "billed"),
    [
        ({"connect_fee": "0.05"}, 0, "0", 0),  # zero seconds cost nothing, not even the fee
        ({}, 1, "0.20", 60),  # 1 s counts as the minimum: 60/60 x 0.20
        ({}, 61, "0.2033", 61),  # 60 s and 1 s: 0.20 + 0.20/60 = 0.20333..
        ({"increment": 60}, 61, "0.40", 120),  # 2 whole minutes: 2 x 0.20
        ({"increment": 6}, 61, "0.22", 66),  # 60 s and 6 s: 66/60 x 0.20
        ({"connect_fee": "0.05"}, 61, "0.2533", 61),  # 0.05 + 0.20333..
        ({"max_cost": "0.30"}, 120, "0.30", 120),  # 2 x 0.20, but 0.30 at most
        # 10 s are free; [10,60) counts as the minimum of 60, then 40 s: 100/60 x 0.20
        ({"included": 10}, 100, "0.3333", 100),
        ({"included": 10, "connect_fee": "0.05"}, 9, "0.05", 0),  # all free, the fee is due
    ],
)
def test_one_step(changed, seconds, euro, billed):
    (answer,) = answers(small_catalogue([MINUTE | changed]), {"quantity": seconds})
    assert (answer["amount"], answer["billed"]) == (euros(euro), billed)


def test_steps_by_elapsed_seconds():
    steps = [
        {"from": 0, "price": "0.20", "per": 60, "minimum": 60, "increment": 1},
        {"from": 600, "price": "0.10", "per": 60, "increment": 60},
    ]
    # [0,600): 600/60 x 0.20 = 2.00; [600,661): 61 s are 2 whole minutes, 2 x 0.10 = 0.20
    (answer,) = answers(small_catalogue([{"steps": steps}]), {"quantity": 661})
    assert (answer["amount"], answer["billed"]) == (euros("2.20"), 720)


BY_BAND = [
    {"band": "peak", "price": "0.60", "per": 60, "connect_fee": "0.05"},
    {"band": "off", "price": "0.06", "per": 60, "connect_fee": "0.01"},
]


@pytest.mark.parametrize(
    ("start", "seconds", "euro", "band"),
    [
        ("2024-06-05 05:59:00", 120, "0.67", "off"),  # from 07:59: 0.01 + 60 s off, 60 s peak
        ("2024-06-05 17:59:59", 60, "0.119", "peak"),  # from 19:59:59: 0.05 + 0.01 + 59 x 0.001
        ("2024-06-08 10:00:00", 60, "0.07", "off"),  # a Saturday: 0.01 + 0.06
        ("2024-06-06 10:00:00", 60, "0.07", "off"),  # a Thursday, but a holiday: 0.01 + 0.06
        ("2024-01-10 06:59:00", 120, "0.67", "off"),  # from 07:59 in winter
    ],
)
def test_bands(start, seconds, euro, band):
    held = small_catalogue(BY_BAND, holidays={"dates": ["2024-06-06"]})
    event = {"started_at": datetime.fromisoformat(start), "quantity": seconds}
    (answer,) = answers(held, event)
    assert (answer["amount"], answer["band"]) == (euros(euro), band)


def test_one_band_for_all_of_it():
    held = small_catalogue(BY_BAND, policy={"band_crossing": "start"})
    # from 07:59: all 120 s off, 0.01 + 0.12
    event = {"started_at": datetime(2024, 6, 5, 5, 59), "quantity": 120}
    assert amounts(held, event) == [euros("0.13")]


NIGHT = [
    {"band": "off", "from": "00:00", "weight": 0},
    {"band": "peak", "from": "02:30", "to": "03:00", "weight": 1},
]


@pytest.mark.parametrize(
    ("zone", "start", "minutes", "euro"),
    [
        # 01:50 to 03:10 without the hour from 02:00: 20 minutes off at 0.06
        ("Europe/Zurich", "2024-03-31 00:50", 20, "1.20"),
        # 01:50 to 03:10 with that hour twice: two half hours of peak at 0.60, 80 minutes off
        ("Europe/Zurich", "2024-10-26 23:50", 140, "40.80"),
        # 00:50 to 03:10 without the hour from 02:00, half an hour off UTC: 80 minutes off
        ("America/St_Johns", "2024-03-10 04:20", 80, "4.80"),
    ],
)
def test_clocks_that_change(zone, start, minutes, euro):
    rates = [{k: v for k, v in rate.items() if k != "connect_fee"} for rate in BY_BAND]
    held = small_catalogue(rates, calendars={"day": NIGHT})
    event = {"started_at": datetime.fromisoformat(start), "quantity": minutes * 60}
    assert amounts(held, event, services=[SERVICE | {"time_zone": zone}]) == [euros(euro)]


def test_switch_time_chooses_the_band():
    held = small_catalogue(BY_BAND, policy={"local_time": "switch"})
    # 10:00 UTC is 07:30 in St. John's: off, 0.06 + 0.01
    (answer,) = answers(held, {"time_zone": "America/St_Johns"})
    assert (answer["amount"], answer["band"]) == (euros("0.07"), "off")


@pytest.mark.parametrize(
    ("scope", "mode", "digits", "seconds", "euro"),
    [
        # 0.10 a minute: one second costs 0.001666..
        ("event", "half_up", 2, 100, "0.17"),  # 0.16666..
        ("event", "down", 2, 100, "0.16"),
        ("event", "up", 0, 100, "1"),
        ("event", "half_even", 2, 75, "0.12"),  # 0.125
        ("event", "half_up", 2, 75, "0.13"),
        ("line", "half_up", 2, 100, "0.166666667"),
        ("line", "down", 2, 100, "0.166666666"),
        ("increment", "half_up", 3, 100, "0.2"),  # 100 x 0.002
        ("increment", "down", 3, 100, "0.1"),  # 100 x 0.001
        ("increment", "half_up", 2, 100, "0"),  # 100 x 0.00
    ],
)
def test_rounding(scope, mode, digits, seconds, euro):
    policy = {"rounding_scope": scope, "rounding_mode": mode, "rounding_digits": digits}
    held = small_catalogue([{"price": "0.10", "per": 60}], policy=policy)
    assert amounts(held, {"quantity": seconds}) == [euros(euro)]


def test_a_minimum_is_rounded_by_itself():
    policy = {"rounding_scope": "increment", "rounding_digits": 2}
    rate = {"price": "0.10", "per": 60, "minimum": 45, "increment": 7}
    # the minimum: 45/60 x 0.10 = 0.075 -> 0.08; 10 s are 2 x 7 s, 7/60 x 0.10 = 0.0117 -> 0.01
    (answer,) = answers(small_catalogue([rate], policy=policy), {"quantity": 55})
    assert (answer["amount"], answer["billed"]) == (euros("0.10"), 59)


def test_a_carried_price_and_surcharges():
    added = [
        {"surcharge": "vat", "percent": "6.75", "rounding_mode": "down", "rounding_digits": 2},
        {"surcharge": "fund", "percent": "1", "rounding_mode": "up", "rounding_digits": 4},
    ]
    rate = {"price": "carried", "markup": "10", "connect_fee": "0.05"}
    held = small_catalogue([rate], charge={"surcharges": added})
    event = {"amount_nanos": euros("1.50"), "currency": "EUR"}
    # 1.50 x 1.10 + 0.05 = 1.70; 6.75 % = 0.11475 -> 0.11; 1 % = 0.017
    (answer,) = answers(held, event)
    assert (answer["amount"], answer["surcharge"]) == (euros("1.70"), euros("0.127"))
    assert [a["reason"] for a in answers(held, event | {"currency": "USD"})] == [
        "CURRENCY_MISMATCH"
    ]


def test_longest_prefix_and_own_prices():
    priced = {"price": "0.10"}
    rates = [{"zone": "CH", **priced}, {"zone": "CH-mobile", **priced}]
    held = small_catalogue(rates, charge={"deck": "zones", "zone_by": "destination"})
    numbers = ("41441234567", "41791234567", "33123456789")
    found = answers(held, *({"destination": number} for number in numbers))
    assert [(a.get("zone"), a.get("prefix")) for a in found] == [
        ("CH", "41"),
        ("CH-mobile", "417"),
        (None, None),
    ]
    row = {"prefix": "417", "destination": "CH-mobile", "connect_fee": "0.02"}
    row |= {"rate_per_minute": "0.30", "included_seconds": 10, "increment_seconds": 30}
    decks = {"own": {"rows": [row]}}
    held = small_catalogue({"deck": "own"}, charge={"deck": "own"}, decks=decks)
    # 95 s: 10 free, 85 s are 3 x 30 s, 90/60 x 0.30 = 0.45, fee 0.02
    assert amounts(held, {"destination": "41791234567", "quantity": 95}) == [euros("0.47")]


def test_the_version_at_the_start_prices_all_of_it():
    rates = [
        {"price": "0.10", "per": 60, "valid_to": date(2024, 6, 5)},
        {"price": "0.90", "per": 60, "valid_from": date(2024, 6, 5)},
    ]
    midnight = datetime(2024, 6, 4, 22)  # in Zurich
    before = {"started_at": midnight - timedelta(seconds=1), "quantity": 120}
    assert amounts(small_catalogue(rates), before, {"started_at": midnight}) == [
        euros("0.20"),
        euros("0.90"),
    ]


# Allowances: every second costs 0.01, the connect fee is 0.50

RATE = {"price": "0.01", "connect_fee": "0.50"}


def covered(terms, *events, services=(SERVICE,), **more):
    held = small_catalogue([RATE], allowances={"first": terms} | more)
    return [(a["covered"], a["amount"]) for a in answers(held, *events, services=services)]


def at(seconds, quantity, **changed):
    return {"started_at": NOON + timedelta(seconds=seconds), "quantity": quantity} | changed


def test_an_allowance_is_used_in_order_of_time_in_whole_blocks():
    # 130 hold 2 blocks of 60. The event at 10 takes one whole block for its 30 s, that at 20 the
    # other for 60 of its 70 s and pays 10 s and the fee; nothing is left at 30.
    found = covered({"quantity": 130, "block": 60}, at(30, 5), at(20, 70), at(10, 30))
    assert found == [(0, euros("0.55")), (60, euros("0.60")), (30, 0)]


def test_an_allowance_exactly_used_up():
    assert covered({"quantity": 100}, at(0, 100), at(1, 1)) == [(100, 0), (0, euros("0.51"))]


def test_ties_are_used_in_order_of_their_keys():
    # e0 and e1 start at once: e0 is first
    assert covered({"quantity": 10}, at(0, 8), at(0, 8)) == [(8, 0), (2, euros("0.56"))]


def test_the_next_allowance_pays_what_is_left():
    second = {"quantity": 100, "priority": 2}
    # 10 of the first, 30 of the second; then all 20 of the second
    found = covered({"quantity": 10, "priority": 1}, at(0, 40), at(1, 20), second=second)
    assert found == [(40, 0), (20, 0)]


def test_a_charged_allowance_only_counts():
    terms = {"quantity": 10, "charged": True, "priority": 1}
    found = covered(terms, at(0, 40), second={"quantity": 30, "priority": 2})
    assert found == [(30, euros("0.60"))]  # 10 s at 0.01 and the fee


def test_what_is_covered_is_cut_off_the_front():
    held = small_catalogue([MINUTE], allowances={"first": {"quantity": 70}})
    # [70,100) lies after the minimum: 30/60 x 0.20
    assert amounts(held, {"quantity": 100}) == [euros("0.10")]


def test_a_scope_asks_for_the_band_of_the_start():
    held = small_catalogue(
        [RATE], allowances={"a": {"quantity": 99, "applies_to": {"bands": ["off"]}}}
    )
    night = datetime(2024, 6, 5, 5, 59, 50)
    found = answers(held, {"started_at": night, "quantity": 20}, {"quantity": 20})
    assert [a["covered"] for a in found] == [20, 0]


def test_a_product_that_starts_within_the_month_gets_its_share():
    services = [SERVICE | {"start_date": date(2024, 6, 12)}]
    # 19 of 30 days: 100 x 19/30 = 63.33.., 63
    found = covered({"quantity": 100, "prorated": True}, at(30 * 86400 - 11 * 86400, 100))
    assert found == [(100, 0)]
    event = {"started_at": datetime(2024, 6, 20), "quantity": 100}
    found = covered({"quantity": 100, "prorated": True}, event, services=services)
    assert [f[0] for f in found] == [63]
    july = {"started_at": datetime(2024, 7, 1), "quantity": 100}
    found = covered({"quantity": 100, "prorated": True}, july, services=services)
    assert [f[0] for f in found] == [100]


def test_what_is_left_rolls_over_the_older_first():
    terms = {"quantity": 100, "rollover_periods": 1}
    months = [datetime(2024, n, 10) for n in (1, 2, 2, 3, 3)]
    used = (30, 80, 70, 40, 100)
    # January leaves 70; February takes 70 + 10, then 70 of its 90; March: 20 of February's, 20;
    # then the 80 that are left of its own
    events = [{"started_at": m, "quantity": q} for m, q in zip(months, used, strict=True)]
    assert [c for c, _ in covered(terms, *events)] == [30, 80, 70, 40, 80]


@pytest.mark.parametrize(("share", "second"), [("product", 80), ("account", 20), ("group", 20)])
def test_who_shares(share, second):
    services = [SERVICE, SERVICE | {"service_key": "n2", "product_key": "p2"}]
    events = (at(0, 80), at(1, 80, service_key="n2"))
    terms = {"quantity": 100, "share": share, "prorated": True}
    assert [c for c, _ in covered(terms, *events, services=services)] == [80, second]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"service_key": "n9"}, "SERVICE_UNKNOWN"),
        ({"started_at": datetime(2019, 12, 31)}, "SERVICE_UNKNOWN"),
        ({"usage_type": "data"}, "USAGE_TYPE_UNKNOWN"),
        ({"quantity": -1}, "QUANTITY_NEGATIVE"),
        ({"quantity": 10**12 + 1}, "QUANTITY_TOO_LARGE"),
        ({"quantity": 7 * 86400 + 1}, "CALL_OVERLONG"),
        ({"started_at": datetime(1999, 12, 31)}, "START_TOO_EARLY"),
        ({"started_at": datetime(2025, 1, 1)}, "START_OUT_OF_RANGE"),
        ({"destination": "+41"}, "DESTINATION_UNREADABLE"),
        ({"destination": "4" * 16}, "DESTINATION_UNREADABLE"),
        ({"destination": "33"}, "DESTINATION_UNKNOWN"),
        ({"destination": None}, "DESTINATION_UNKNOWN"),
        ({"network": "4 1"}, "NETWORK_UNREADABLE"),
        ({"currency": "USD"}, "CURRENCY_MISMATCH"),
        ({"amount_nanos": -1}, "AMOUNT_NEGATIVE"),
    ],
)
def test_suspended(changed, reason):
    (answer,) = answers(small_catalogue([MINUTE], charge={"deck": "zones"}), changed)
    assert (answer["state"], answer["reason"]) == ("suspended", reason)


def test_doubled_services_and_events():
    (answer,) = answers(small_catalogue([MINUTE]), {}, services=[SERVICE, SERVICE])
    assert answer["reason"] == "SERVICE_DOUBLED"
    found = answers(small_catalogue([MINUTE]), {}, {"usage_key": "e0"})
    assert sorted(a["state"] for a in found) == ["duplicate", "rated"]


def test_the_network_has_a_leg_of_its_own():
    partner = {"service_key": "44", "leg": "wholesale", "plan_code": "carrier"}
    held = small_catalogue([MINUTE])
    voice = {"charge": "voice", "usage_type": "voice", "tariff": "carrier"}
    held["plans"]["carrier"] = {"charges": [voice]}
    held["tariffs"]["carrier"] = [{"price": "0.01", "per": 60}]
    found = answers(held, {"network": "44"}, services=[SERVICE, SERVICE | partner])
    assert [(a["leg"], a["amount"]) for a in found] == [
        ("retail", euros("0.20")),
        ("wholesale", euros("0.01")),
    ]
