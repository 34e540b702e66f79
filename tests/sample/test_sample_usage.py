"""Usage in the sample's extract: what the traffic is like, and what the old rater makes of it."""

import csv
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

import pytest
import yaml
from sample_extract import USAGE, Estate, Row, money

from crossbill.sample import carrier_folder
from crossbill.sample.old_system.calendar import APRIL, MAY
from crossbill.sample.old_system.rater import charged, rate_calls, rate_usage
from crossbill.sample.old_system.rates import DATA, MESSAGE, RATES, ROAMING, VOICE, ZONES
from crossbill.sample.old_system.records import Account, Call, Service
from crossbill.sample.old_system.traffic import MAY_BEGINS

CENT = Decimal("0.01")
NATIONAL, TOLL_FREE, ITALY = "2125550123", "8005550123", "011390612345"
HOUR, DAY = 3_600, 86_400
NINE, NIGHT = 9 * HOUR, 22 * HOUR


def call(
    kind: str = VOICE, start: int = NINE, units: int = 60, to: str = NATIONAL, **other
) -> Call:
    return Call("R1", "S1", kind, start, units, to, other.pop("network", ""), **other)


def cents(tariff: str, *calls: Call) -> list[int]:
    rate_calls(list(calls), tariff)
    return [each.cents for each in calls]


# The old rater, worked out by hand


@pytest.mark.parametrize(
    ("tariff", "one", "expected"),
    [
        ("TLS", call(units=60), 9),  # 5.0 + 4.9 cents
        ("TLS", call(units=61), 14),  # 5.0 + 2 x 4.9 = 14.8, cut
        ("TLS", call(units=1), 9),
        ("TLS", call(units=0), 0),  # nobody answered: no fee
        ("TLS", call(start=8 * HOUR - 1), 7),  # 5.0 + 2.9, and all of it at night's price
        ("TLS", call(start=20 * HOUR - 1, units=7_200), 593),  # 5.0 + 120 x 4.9, all by day
        ("TLS", call(start=20 * HOUR), 7),
        ("TLS", call(to=TOLL_FREE, units=600), 0),
        ("MBS", call(to=ITALY), 38),
        ("MBS", call(to=ITALY, start=43 * DAY + NINE), 38),  # the last day of the old price
        ("MBS", call(to=ITALY, start=44 * DAY + NINE), 35),
        ("MBS", call(MESSAGE, units=1), 9),
        ("MBS", call(DATA, units=1_048_576, to=""), 4),
        ("MBS", call(DATA, units=1_048_577, to=""), 9),
        ("MBL", call(ROAMING, units=61, network="20801"), 79),
        ("MBL", call(ROAMING, units=61, network="72405"), 299),
    ],
)  # fmt: skip
def test_a_call_worked_out_by_hand(tariff: str, one: Call, expected: int) -> None:
    assert cents(tariff, one) == [expected]


def test_free_minutes_go_to_the_first_calls_of_a_month() -> None:
    first = call(units=18 * 60)
    second = call(start=NIGHT, units=4 * 60 + 1)  # two of five minutes are free
    abroad = call(start=NIGHT + 600, to=ITALY)
    third = call(start=DAY + NINE)
    may = call(start=MAY_BEGINS, units=20 * 60)
    spent = call(start=MAY_BEGINS + 1_300)
    assert cents("MBM", first, second, abroad, third, may, spent) == [0, 20, 22, 11, 0, 6]


def test_a_call_stands_on_the_bill_of_the_month_in_which_it_was_received() -> None:
    account = Account("C1", "Ann", "P", "RC", "", "", "NY", "", "NY01", date(2020, 1, 1), "")
    account.services = [Service("S1", "TLS", 1, APRIL.first, None, None, None, None, None, "")]
    account.usage = {
        "S1": [call(received=NINE + 600), call(start=NINE + HOUR, received=MAY_BEGINS, units=120)]
    }
    rate_usage(account)
    april, may = (charged(account, period) for period in (APRIL, MAY))
    assert [(usage.records, usage.net) for usage in april] == [(1, Decimal("0.09"))]
    assert [(usage.records, usage.net) for usage in may] == [(1, Decimal("0.14"))]


# The usage lines of all bills, rated once more from the extract's own tables


def longest(estate: Estate, deck: str, number: str) -> str:
    found = [
        z for z in estate.tables["ZONES"] if z["DECK"] == deck and number.startswith(z["PREFIX"])
    ]
    return max(found, key=lambda zone: len(zone["PREFIX"]))["ZONE"]


class Rater:
    """The rules of the README over the tables of the extract, in decimals."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.plans = {row["TRF"]: row["RPLAN"] for row in estate.tables["TARIFF"]}
        self.free = {row["TRF"]: int(row["FREE_MIN"] or 0) for row in estate.tables["TARIFF"]}
        self.rates = defaultdict(list)
        for row in estate.tables["RATES"]:
            self.rates[row["RPLAN"], row["UTYP"], row["ZONE"]].append(row)
        self.zones: dict[tuple[str, str], str] = {}

    def zone(self, row: Row) -> str:
        if row["UTYP"] in (MESSAGE, DATA):
            return "*"
        key = ("N", row["NETW"][:6]) if row["UTYP"] == ROAMING else ("D", row["B_NUM"][:8])
        if key not in self.zones:
            self.zones[key] = longest(self.estate, *key)
        return self.zones[key]

    def lines(self, calls: list[Row], tariff: str) -> dict[str, tuple[Decimal, int]]:
        """Net and number of records by the month of receipt."""
        left: dict[str, int] = defaultdict(lambda: self.free[tariff])
        found: dict[str, tuple[Decimal, int]] = {}
        for row in calls:
            zone, month = self.zone(row), row["START_TS"][:6]
            per = 60 if row["UTYP"] in (VOICE, ROAMING) else 1_048_576 if row["UTYP"] == DATA else 1
            units = -(-int(row["UNITS"]) // per)
            if zone == "NAT" and row["UTYP"] == VOICE:
                taken = min(units, left[month])
                left[month] -= taken
                units -= taken
            net, count = found.get(row["RCV_TS"][:6], (Decimal(0), 0))
            price = self.price(row, tariff, zone, units) if units else Decimal(0)
            found[row["RCV_TS"][:6]] = net + price.quantize(CENT, ROUND_DOWN), count + 1
        return found

    def price(self, row: Row, tariff: str, zone: str, units: int) -> Decimal:
        band = "D" if "08" <= row["START_TS"][8:10] < "20" else "N"
        (rate,) = [
            rate
            for rate in self.rates[self.plans[tariff], row["UTYP"], zone]
            if rate["BAND"] in (band, "*") and rate["VFROM"] <= row["START_TS"][:8] <= rate["VTO"]
        ]
        return money(rate["CONN"]) + units * money(rate["RATE"])


def test_usage_lines_follow_from_the_usage_files_and_the_tables(estate: Estate) -> None:
    rater, compared = Rater(estate), 0
    lost = {account for account, code in estate.seeded.items() if code == "MISSING_USAGE"}
    lines = [row for row in estate.tables["BILLLIN"] if row["CAT"] == "U"]
    tariffs = {row["SVC_ID"]: row["TRF"] for row in lines}
    printed = defaultdict(dict)
    for row in lines:  # one, or two where two customers share what was used
        month = f"20{row['BILL_NO'][1:5]}"
        net, _ = printed[row["SVC_ID"]].get(month, (0, 0))
        printed[row["SVC_ID"]][month] = (net + money(row["NET"]), int(row["UNITS"]))
    for service, calls in estate.usage.items():
        if f"C{service[1:10]}" not in lost:
            assert rater.lines(calls, tariffs[service]) == printed[service], service
            compared += 1
    assert compared > 5_000
    assert {row["SVC_TS"] for row in lines} == {""}


# The traffic


def stamp(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S")


def test_there_are_at_most_ten_events_a_month_and_service(estate: Estate) -> None:
    counts = [len(calls) for calls in estate.usage.values()]
    assert sum(counts) <= 2 * 10 * len(counts)
    assert max(counts) <= 24


def test_traffic_has_its_peaks(estate: Estate) -> None:
    starts = [stamp(row["START_TS"]) for calls in estate.usage.values() for row in calls]
    days = Counter(start.date() for start in starts)
    hours = Counter(start.hour for start in starts)
    assert max(days, key=days.__getitem__) == date(2024, 5, 12)
    plain = [n for day, n in days.items() if day.weekday() < 5 and day < date(2024, 5, 25)]
    weekend = [n for day, n in days.items() if day.weekday() > 4 and day < date(2024, 5, 12)]
    assert sum(weekend) / len(weekend) > 1.2 * sum(plain) / len(plain)
    assert hours[18] > 4 * hours[7] / 3 > 0
    assert hours[3] == 0
    kinds = Counter(row["UTYP"] for calls in estate.usage.values() for row in calls)
    assert set(kinds) == {VOICE, MESSAGE, DATA, ROAMING}


def test_one_telephone_makes_one_call_at_a_time(estate: Estate) -> None:
    for calls in estate.usage.values():
        until = datetime(2024, 4, 1)
        for row in calls:
            if row["UTYP"] in (VOICE, ROAMING):
                assert stamp(row["START_TS"]) >= until, row
                until = stamp(row["START_TS"]) + timedelta(seconds=int(row["UNITS"]))


def test_usage_lies_within_the_holding_of_its_service(estate: Estate) -> None:
    for service in estate.tables["SVCINV"]:
        for row in estate.usage.get(service["SVC_ID"], []):
            assert service["STRT"] <= row["START_TS"][:8] <= service["ENDT"], row


def test_each_file_holds_what_it_says(estate: Estate) -> None:
    april, may, late, again = (estate.tables[name] for name in USAGE)
    assert {row["RCV_TS"][:6] for row in april} == {"202404"}
    assert {row["RCV_TS"][:6] for row in may} == {"202405"}
    assert all(row["RCV_TS"] > row["START_TS"] for name in USAGE for row in estate.tables[name])
    assert any(row["START_TS"][:6] == "202404" for row in may)  # the last calls of April
    assert {(row["START_TS"][:6], row["RCV_TS"][:6]) for row in late} == {("202404", "202405")}
    assert {row["UTYP"] for row in late} == {VOICE, ROAMING}  # no free minutes pay for these
    assert all(row["B_NUM"].startswith("011") for row in late if row["UTYP"] == VOICE)
    known = {row["REC_ID"]: row for row in (*april, *may, *late)}
    assert len(known) == len(april) + len(may) + len(late)
    assert len(again) > 100
    for row in again:
        first = known[row["REC_ID"]]
        assert row["RCV_TS"] > first["RCV_TS"]
        assert row | {"RCV_TS": "", "FILE_SEQ": ""} == first | {"RCV_TS": "", "FILE_SEQ": ""}


# The new catalogue of rating must say what the old tables say: a slip would look like a defect.


NAMES = {"NAT": "national", "FRE": "toll-free", "PRM": "premium", "CAN": "canada", "MEX": "mexico",
         "GBR": "uk", "GBM": "uk-mobile", "EUR": "europe", "EUM": "europe-mobile", "ASI": "asia",
         "WLD": "world", "RCA": "in canada", "RMX": "in mexico", "REU": "in europe",
         "RWW": "elsewhere", "*": None}  # fmt: skip
TARIFFS = {"FIX": "fixed", "MOS": "mobile-s", "MOX": "mobile"}
KINDS = {VOICE: "calls", ROAMING: "roaming", MESSAGE: "messages", DATA: "data"}


@pytest.fixture(scope="module")
def rating() -> dict:
    return yaml.load((carrier_folder() / "rating.yaml").read_text("utf-8"), yaml.BaseLoader)


def test_decks_are_those_of_the_old_rater(rating: dict) -> None:
    with (carrier_folder() / "zones.csv").open(encoding="utf-8", newline="") as file:
        dialled = {row["prefix"]: row["destination"] for row in csv.DictReader(file)}
    international = {
        z.prefix.removeprefix("011") if z.prefix.startswith("011") else f"1{z.prefix}": z.zone
        for z in ZONES
        if z.deck == "D"
    }
    assert dialled == {prefix: NAMES[zone] for prefix, zone in international.items()}
    networks = {z.prefix: NAMES[z.zone] for z in ZONES if z.deck == "N"}
    assert rating["decks"]["networks"]["prefixes"] == networks
    assert len(ZONES) > 60


def test_rates_are_those_of_the_old_rater(rating: dict) -> None:
    new = {
        (code, rate.get("zone"), band, rate.get("valid_from"), rate.get("valid_to")): (
            Decimal(rate["price"]),
            Decimal(rate.get("connect_fee", "0")),
        )
        for code, rates in rating["tariffs"].items()
        for rate in rates
        for band in ([rate["band"]] if "band" in rate else ["day", "night"])
    }
    change = "2024-05-15"
    old = {
        (
            f"{TARIFFS[rate.plan]}-{KINDS[rate.kind]}",
            NAMES[rate.zone],
            band,
            change if rate.first == date(2024, 5, 15) else None,
            change if rate.last == date(2024, 5, 14) else None,
        ): (Decimal(mills).scaleb(-3), Decimal(rate.start_fee).scaleb(-3))
        for rate in RATES
        for band, mills in (("day", rate.by_day), ("night", rate.by_night))
    }
    assert new == old
