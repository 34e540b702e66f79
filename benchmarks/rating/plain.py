"""The same rating as plain loops in Python: how fast is a program that takes one event at a time?

`oracle` is the rater that the tests trust, in fractions; `DecimalRater` is what one would write by
hand for this carrier alone: dictionaries, and decimal numbers that are rounded once an event.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml
from oracle.plain_rater import PlainRater

NANOS = 10**9
CENT_PARTS = Decimal("0.0001")
END = datetime(2024, 4, 1)

Row = dict[str, Any]


def read_terms(folder: Path) -> Row:
    """The catalogue as its file says it, with the deck's rows beside it."""
    terms: Row = yaml.load((folder / "catalogue.yaml").read_text(), yaml.BaseLoader)
    with (folder / "world.csv").open(newline="") as file:
        terms["decks"]["world"]["rows"] = list(csv.DictReader(file))
    return terms


def oracle(terms: Row, services: Iterable[Row], usage: Iterable[Row]) -> Iterator[tuple[str, int]]:
    """The key and the nanos of each event.

    Each account has a rater of its own, and a deck is expanded once: else it would mostly look for
    services and build the same lists again.
    """
    terms = numbered(terms)
    accounts = {row["service_key"]: row["account_key"] for row in services}
    members: dict[str, list[Row]] = {}
    for service in services:
        members.setdefault(service["account_key"], []).append(service)
    bands: dict[tuple[Any, ...], str] = {}
    decks: dict[str, list[Row]] = {}
    for account, rows in groupby(usage, key=lambda row: accounts[row["service_key"]]):
        rater = _Oracle(terms, members[account], end=END)
        rater._bands, rater.decks = bands, decks
        for answer in rater.answers(list(rows)):
            yield answer["usage_key"], answer["amount"]


class _Oracle(PlainRater):
    """The oracle with one list for each deck: no row of this carrier's begins or ends."""

    decks: dict[str, list[Row]]

    def deck(self, code: str, at: datetime) -> list[Row]:
        if code not in self.decks:
            self.decks[code] = super().deck(code, at)
        return self.decks[code]


WHOLE = {"from", "minimum", "increment", "per", "quantity", "priority", "block", "weight",
         "rounding_digits", "weekdays"}  # fmt: skip


def numbered(value: Any, key: str = "") -> Any:
    """The terms with whole numbers where the file has them."""
    if isinstance(value, dict):
        return {name: numbered(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [numbered(item, key) for item in value]
    return int(value) if key in WHOLE and value.isdigit() else value


class DecimalRater:
    """This carrier's prices in a loop; it knows no other shape of a catalogue."""

    def __init__(self, terms: Row, services: Iterable[Row]) -> None:
        self.terms = numbered(terms)
        self.services = {row["service_key"]: row for row in services}
        self.zone = ZoneInfo(self.terms["time_zone"])
        self.plans = {
            code: (
                {charge["usage_type"]: charge for charge in plan["charges"]},
                [(name, self.terms["allowances"][name]) for name in plan["allowances"]],
            )
            for code, plan in self.terms["plans"].items()
        }
        self.national = self.terms["decks"]["national"]["prefixes"]
        self.world = {row["prefix"]: row for row in self.terms["decks"]["world"]["rows"]}
        tariffs = self.terms["tariffs"]
        self.rates = {(rate["zone"], rate["band"]): _rate(rate) for rate in tariffs["national"]}
        self.flat = {name: _rate(tariffs[name][0]) for name in ("data", "messages")}
        self.abroad = {prefix: _own_rate(row) for prefix, row in self.world.items()}
        self.left: dict[tuple[str, str, int], int] = {}

    def rated(self, usage: Iterable[Row]) -> Iterator[tuple[str, int]]:
        """The key and the nanos of each event."""
        for row in usage:
            yield row["usage_key"], self.event(row)

    def event(self, row: Row) -> int:
        """What one event costs, in nanos."""
        service = self.services[row["service_key"]]
        charges, allowances = self.plans[service["plan_code"]]
        tariff = charges[row["usage_type"]]["tariff"]
        quantity, zone = row["quantity"], None
        if tariff == "national":
            zone = self.national[_longest(row["destination"], self.national)]
            stretches = self.stretches(row["started_at"], quantity)
            parts = [(self.rates[zone, band], a, b) for band, a, b in stretches]
        elif tariff == "world":
            parts = [(self.abroad[_longest(row["destination"], self.world)], 0, quantity)]
        else:
            parts = [(self.flat[tariff], 0, quantity)]
        covered = self.covered(row, service, allowances, zone)
        # Divided last and once, so that what is exact stays so; one event's rates have one unit.
        priced = sum((_times(rate, max(a, covered), b) for rate, a, b in parts), Decimal(0))
        amount = priced / parts[0][0].per
        if quantity > 0 and covered < quantity:
            amount += parts[0][0].connect_fee
        return int(amount.quantize(CENT_PARTS, ROUND_HALF_UP) * NANOS)

    def covered(
        self, row: Row, service: Row, allowances: list[tuple[str, Row]], zone: str | None
    ) -> int:
        """How much allowances pay; what they take is gone."""
        covered, quantity = 0, row["quantity"]
        for name, allowance in allowances:
            pays = allowance["applies_to"]
            if row["usage_type"] not in pays["usage_types"]:
                continue
            if "zones" in pays and zone not in pays["zones"]:
                continue
            shared = allowance.get("share") == "account"
            holder = service["account_key"] if shared else service["product_key"]
            block = allowance.get("block", 1)
            bucket = (name, holder, self.clock(row["started_at"]).month)
            left = self.left.get(bucket, allowance["quantity"] // block * block)
            taken = min(left, -(-(quantity - covered) // block) * block)
            self.left[bucket] = left - taken
            covered += min(quantity - covered, taken)
        return covered

    def stretches(self, at: datetime, quantity: int) -> list[tuple[str, int, int]]:
        """The elapsed seconds of each band: peak is from 8 to 20 on the days of work."""
        found: list[tuple[str, int, int]] = []
        first = 0
        while first < quantity:
            clock = self.clock(at + timedelta(seconds=first))
            peak = clock.isoweekday() <= 5 and 8 <= clock.hour < 20
            band = "peak" if peak else "off"
            until = min(quantity, first + 3600 - clock.minute * 60 - clock.second)
            if found and found[-1][0] == band:
                found[-1] = (band, found[-1][1], until)
            else:
                found.append((band, first, until))
            first = until
        return found

    def clock(self, at: datetime) -> datetime:
        """Local time at an instant of UTC."""
        return at.replace(tzinfo=UTC).astimezone(self.zone)


class Rate(NamedTuple):
    """The price of so many base units, and in which steps they are counted."""

    connect_fee: Decimal
    minimum: int
    increment: int
    price: Decimal
    per: int


def _rate(rate: Row) -> Rate:
    fee, price = Decimal(rate.get("connect_fee", 0)), Decimal(rate["price"])
    return Rate(fee, rate.get("minimum", 0), rate.get("increment", 1), price, rate.get("per", 1))


def _own_rate(row: Row) -> Rate:
    fee, price = Decimal(row["connect_fee"]), Decimal(row["rate_per_minute"])
    return Rate(fee, 0, int(row["increment_seconds"]), price, 60)


def _longest(number: str, prefixes: Row) -> str:
    return next(number[:n] for n in range(9, 0, -1) if number[:n] in prefixes)


def _times(rate: Rate, first: int, end: int) -> Decimal:
    """A stretch of one band times its price: the minimum whole, the rest in whole increments."""
    if first >= end:
        return Decimal(0)
    counted = rate.minimum if first < rate.minimum else 0
    rest = max(end - max(first, rate.minimum), 0)
    return (counted - rest // -rate.increment * rate.increment) * rate.price
