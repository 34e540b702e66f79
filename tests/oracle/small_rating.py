"""A plan with one charge and one service, for tests of rating that state only what matters."""

from datetime import datetime

POLICY = {
    "policy_code": "exact",
    "rounding_scope": "event",
    "rounding_mode": "half_up",
    "rounding_digits": 4,
    "band_crossing": "split",
    "local_time": "account",
}
DAY_NIGHT = [
    {"band": "peak", "from": "08:00", "to": "20:00", "weekdays": [1, 2, 3, 4, 5], "weight": 10},
    {"band": "off", "from": "00:00", "weight": 0},
    {"band": "off", "from": "00:00", "on": "holidays", "weight": 20},
]
MINUTE = {"price": "0.20", "per": 60, "minimum": 60}
SERVICE = {
    "service_key": "n1",
    "leg": "retail",
    "valid_from": datetime(2020, 1, 1),
    "valid_to": None,
    "account_key": "a1",
    "product_key": "p1",
    "plan_code": "mobile",
    "policy_code": "exact",
    "time_zone": "Europe/Zurich",
    "currency": "EUR",
    "share_key": "g1",
    "start_date": None,
}
NOON = datetime(2024, 6, 5, 10)  # a Wednesday, 12:00 in Zurich
EVENT = {
    "usage_key": "e1",
    "service_key": "n1",
    "usage_type": "voice",
    "started_at": NOON,
    "quantity": 60,
    "destination": "41441234567",
    "network": None,
    "time_zone": None,
    "amount_nanos": None,
    "currency": None,
    "received_at": None,
    "source_file": "usage.csv",
}


def small_catalogue(rates, *, allowances=None, policy=None, charge=None, **parts):
    """One plan with one voice charge of these rates, and what a test states besides."""
    voice = {"charge": "voice", "usage_type": "voice", "tariff": "national", "calendar": "day"}
    return {
        "time_zone": "Europe/Zurich",
        "policies": [POLICY | (policy or {})],
        "usage_types": {"voice": {"unit": "seconds"}},
        "calendars": {"day": DAY_NIGHT},
        "decks": {"zones": {"prefixes": {"41": "CH", "417": "CH-mobile"}}},
        "tariffs": {"national": rates},
        "plans": {
            "mobile": {"charges": [voice | (charge or {})], "allowances": list(allowances or {})}
        },
        "allowances": allowances or {},
    } | parts


def euros(text):
    """An amount as it is written, in nanos."""
    whole, _, cents = text.partition(".")
    return int(whole + cents.ljust(9, "0"))
