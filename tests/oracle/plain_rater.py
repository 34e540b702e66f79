"""A rater as plain as can be: one event after the other, exact fractions, time walked by minutes.

The catalogue is the mapping that its YAML file says; a deck that would stand in a file beside it
has its rows under ``rows``. Services and usage are rows of the datasets of those names. The answer
to an event is one dictionary: its ``state`` is rated, duplicate or suspended.
"""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from math import ceil, floor
from zoneinfo import available_timezones

from oracle.plain_values import (
    ALWAYS,
    NEVER,
    at_most,
    begins,
    cost,
    day,
    final,
    instant,
    local,
    minutes,
    month,
    nanos,
    own_price,
    rule_holds,
    surcharge_nanos,
    zones_of,
)

LARGEST_AMOUNT = 10**18  # nanos
LARGEST_INTEGER = 2**63 - 1
LARGEST_CARRIED = 10**15
LONGEST_NUMBER = 15  # digits
LARGEST_QUANTITY = 10**12
LONGEST_SECONDS = 7 * 24 * 3600
EARLIEST = datetime(2000, 1, 1)
CODE_OF_ANY = "any"
TIME_ZONES = available_timezones()  # looked up once: it reads a whole folder


class Suspended(Exception):
    """The event cannot be priced, for the reason given."""


class PlainRater:
    """A catalogue and the services that use it; what is left of allowances is kept between events.

    What starts at ``end``, an instant of UTC, or later is suspended. No allowance was granted for
    a month before that of the first event.
    """

    def __init__(self, catalogue: dict, services: list[dict], *, end: datetime) -> None:
        self.catalogue = catalogue
        self.services = [
            row | {name: whole_second(row[name]) for name in ("valid_from", "valid_to")}
            for row in services
        ]
        self.first, self.end = end, end
        self.zone = catalogue["time_zone"]
        self.policies = {p["policy_code"]: p for p in catalogue["policies"]}
        self.holidays = {day(d) for d in catalogue.get("holidays", {}).get("dates", [])}
        self.granted: dict[tuple, int] = {}
        self.left: dict[tuple, int] = {}
        self._bands: dict[tuple, str] = {}

    def answers(self, usage: list[dict]) -> list[dict]:
        """One answer for each row, or each leg of it, in no particular order."""
        seen: set[str] = set()
        found, waiting = [], []
        for row in sorted(usage, key=came):
            answer = {"usage_key": row["usage_key"], "leg": "retail"}
            reason = unreadable(row)
            if reason:
                found.append(answer | {"state": "suspended", "reason": reason})
            elif row["usage_key"] in seen:
                found.append(answer | {"state": "duplicate"})
            else:
                seen.add(row["usage_key"])
                waiting.append(row | {"started_at": whole_second(row["started_at"])})
        sound = [r["started_at"] for r in waiting if EARLIEST <= r["started_at"] < self.end]
        self.first = min(sound, default=self.end)
        for row in sorted(waiting, key=lambda row: (row["started_at"], row["usage_key"])):
            found.extend(self.event(row))
        return found

    def used(self) -> dict[tuple, int]:
        """What was taken of each allowance of a holder and month, where something was."""
        taken = {bucket: self.granted[bucket] - left for bucket, left in self.left.items()}
        return {bucket: quantity for bucket, quantity in taken.items() if quantity}

    def event(self, row: dict) -> list[dict]:
        """The answers to one event that is not a duplicate."""
        answers = []
        for leg, key in self.legs(row).items():
            answer = {"usage_key": row["usage_key"], "leg": leg}
            try:
                answer |= {"state": "rated"} | self.rated(row, self.holding(row, leg, key))
            except Suspended as why:
                answer |= {"state": "suspended", "reason": str(why)}
            answers.append(answer)
        return answers

    # Who, where to, which prices

    def legs(self, row: dict) -> dict[str, str]:
        """What finds the service of each leg: wholesale is a second rating of the same event.

        A network finds it, and where there is none the service itself, if it has a wholesale plan
        that charges such usage.
        """
        partners = [s for s in self.services if s["leg"] == "wholesale"]
        legs = {"retail": row["service_key"]}
        if partners and row["network"] is not None:
            legs["wholesale"] = row["network"]
        for partner in partners:
            charges = self.catalogue["plans"][partner["plan_code"]]["charges"]
            charged = any(charge["usage_type"] == row["usage_type"] for charge in charges)
            if partner["service_key"] == row["service_key"] and charged:
                legs.setdefault("wholesale", row["service_key"])
        return legs

    def holding(self, row: dict, leg: str, key: str) -> dict:
        """The row of the service that was used, for what can be rated at all."""
        at = row["started_at"]
        refuse(row["quantity"] < 0, "QUANTITY_NEGATIVE")
        refuse(row["quantity"] > LARGEST_QUANTITY, "QUANTITY_TOO_LARGE")
        refuse(at < EARLIEST, "START_TOO_EARLY")
        ours = [s for s in self.services if (s["service_key"], s["leg"]) == (key, leg)]
        refuse(any(overlap(a, b) for a, b in combinations(ours, 2)), "SERVICE_DOUBLED")
        ours = [s for s in ours if s["valid_from"] <= at < (s["valid_to"] or datetime.max)]
        refuse(not ours, "SERVICE_UNKNOWN")
        refuse(at >= self.end, "START_OUT_OF_RANGE")
        carried, (service,) = row["amount_nanos"], ours
        refuse(carried is not None and carried < 0, "AMOUNT_NEGATIVE")
        refuse(row["currency"] not in (None, service["currency"]), "CURRENCY_MISMATCH")
        return service

    def in_force(self, versions: list[dict], at: datetime) -> dict | None:
        """The version that holds; one that does not say its end lasts until the next begins."""
        today = local(at, self.zone).date()
        for version in versions:
            later = [begins(other) for other in versions if begins(other) > begins(version)]
            end = day(version.get("valid_to") or min(later, default=NEVER))
            if begins(version) <= today < end:
                return version
        return None

    def each_in_force(self, versions: list[dict], at: datetime, *names: str) -> list[dict]:
        """The same for versions of several things, which these names tell apart."""
        groups: dict[tuple, list[dict]] = {}
        for version in versions:
            groups.setdefault(tuple(version.get(name) for name in names), []).append(version)
        found = [self.in_force(group, at) for group in groups.values()]
        return [version for version in found if version is not None]

    def destination(self, charge: dict, row: dict) -> dict:
        """The deck's row whose prefix is the longest that the number begins with."""
        if "deck" not in charge:
            return {"prefix": None, "destination": None}
        number = row[charge.get("zone_by", "destination")] or ""
        best: dict | None = None
        for entry in self.deck(charge["deck"], row["started_at"]):
            longer = best is None or len(entry["prefix"]) > len(best["prefix"])
            if number.startswith(entry["prefix"]) and longer:
                best = entry
        if best is None:
            raise Suspended("DESTINATION_UNKNOWN")
        return best

    def deck(self, code: str, at: datetime) -> list[dict]:
        """The rows of a deck that are in force."""
        given = self.catalogue["decks"][code]
        version = self.in_force(given if isinstance(given, list) else [given], at) or {}
        inline = version.get("prefixes", {}).items()
        rows = [{"prefix": str(prefix), "destination": zone} for prefix, zone in inline]
        rows += version.get("rows", [])
        return [row for row in rows if self.in_force([row], at)]

    def rate(self, charge: dict, where: dict, band: str, at: datetime) -> dict:
        """The rate of a band: one that names zone and band goes before one that does not."""
        found = [r for r in self.rates(charge, where, at) if r.get("band", band) == band]
        refuse(not found, "RATE_MISSING")
        return max(found, key=lambda rate: (rate.get("zone") is not None, "band" in rate))

    def rates(self, charge: dict, where: dict, at: datetime) -> list[dict]:
        """The rates of all bands where the event went."""
        tariff = self.catalogue["tariffs"][charge["tariff"]]
        if isinstance(tariff, dict):
            return [own_price(where)]
        single = [{**rate, "zone": zone} for rate in tariff for zone in zones_of(rate)]
        fitting = [rate for rate in single if rate["zone"] in (None, where["destination"])]
        return self.each_in_force(fitting, at, "zone", "band")

    # Bands

    def band(self, charge: dict, zone: str, at: datetime) -> str:
        """The band in which an instant lies."""
        code = charge.get("calendar")
        if not code:
            return CODE_OF_ANY
        # Clocks have been whole minutes apart since 2000, and rules begin at whole minutes.
        minute = at.replace(second=0, microsecond=0)
        key = (code, zone, minute)
        if key not in self._bands:
            self._bands[key] = self.winner(code, local(minute, zone))
        return self._bands[key]

    def winner(self, code: str, clock: datetime) -> str:
        """Of the rules that hold the heaviest one, of several the one that began last."""
        rules = self.catalogue["calendars"][code]
        active = [rule for rule in rules if rule_holds(rule, clock, self.holidays)]
        if not active:
            raise Suspended("BAND_MISSING")
        heaviest = max(active, key=lambda rule: (rule.get("weight", 0), minutes(rule["from"])))
        return heaviest["band"]

    def stretches(
        self, charge: dict, zone: str, at: datetime, first: int, end: int
    ) -> list[tuple[str, int, int]]:
        """The elapsed seconds [first, end), cut where the band changes."""
        at = at.replace(microsecond=0)
        found: list[tuple[str, int, int]] = []
        while first < end:
            here = at + timedelta(seconds=first)
            band = self.band(charge, zone, here)
            until = min(end, first + 60 - here.second)
            if found and found[-1][0] == band:
                found[-1] = (band, found[-1][1], until)
            else:
                found.append((band, first, until))
            first = until
        return found

    # Allowances

    def paid(self, row: dict, service: dict, zone: str | None, band: str, needed: int) -> int:
        """How much of the needed quantity allowances pay; what they take is gone afterwards."""
        covered = 0
        for bucket, terms in self.buckets(service, row["started_at"]):
            if applies(terms.get("applies_to", {}), row["usage_type"], zone, band):
                wanted = blocks_up(needed - covered, terms.get("block", 1))
                taken = min(self.left[bucket], wanted)
                self.left[bucket] -= taken
                if not terms.get("charged", False):
                    covered += min(needed - covered, taken)
        return covered

    def buckets(self, service: dict, at: datetime) -> list[tuple[tuple, dict]]:
        """What the service may take from, in order, with its terms; filled where it is new.

        Lower priorities come first, of one priority what the plan names first. Of those that can be
        kept beyond their month, the older ones of a priority come first.
        """
        plan = self.catalogue["plans"][service["plan_code"]]
        found = []
        for position, code in enumerate(plan.get("allowances", [])):
            for period in self.periods(at):
                terms = self.terms(code, period)
                if terms is None or not self.usable(terms, period, at):
                    continue
                bucket = (code, period[0], holder_of(terms, service))
                retail = [s for s in self.services if s["leg"] == "retail"]
                members = [s for s in retail if holder_of(terms, s) == bucket[2]]
                if not any(self.held(s, code, period) for s in members):
                    continue
                granted = grant(terms, service, period)
                self.granted.setdefault(bucket, granted)
                self.left.setdefault(bucket, granted)
                age = period[0] if terms.get("rollover_periods", 0) else ALWAYS
                found.append(((terms.get("priority", 0), age, position), bucket, terms))
        return [(bucket, terms) for _, bucket, terms in sorted(found, key=lambda each: each[0])]

    def periods(self, at: datetime) -> list[tuple[date, date]]:
        """The months from the first that is rated to that of the instant."""
        found = [month(local(self.first, self.zone).date())]
        while found[-1][1] <= local(at, self.zone).date():
            found.append(month(found[-1][1]))
        return found

    def terms(self, code: str, period: tuple[date, date]) -> dict | None:
        """The allowance as it is granted on the first day of a month, if it is."""
        given = self.catalogue["allowances"][code]
        versions = given if isinstance(given, list) else [given]
        return self.in_force(versions, instant(period[0], self.zone))

    def usable(self, terms: dict, period: tuple[date, date], at: datetime) -> bool:
        """Whether what is left of a month can still be used."""
        last = period
        for _ in range(terms.get("rollover_periods", 0)):
            last = month(last[1])
        return local(at, self.zone).date() < last[1]

    def held(self, service: dict, code: str, period: tuple[date, date]) -> bool:
        """Whether a service brought the allowance in a period."""
        begins, ends = (instant(d, self.zone) for d in period)
        plan = self.catalogue["plans"][service["plan_code"]]
        return (
            code in plan.get("allowances", [])
            and service["valid_from"] < ends
            and (service["valid_to"] or datetime.max) > begins
        )

    # One event

    def rated(self, row: dict, service: dict) -> dict:
        """What the event costs."""
        at, quantity = row["started_at"], row["quantity"]
        charge = self.charge(row, service)
        where = self.destination(charge, row)
        refuse(not self.rates(charge, where, at), "RATE_MISSING")
        policy = self.policies[service["policy_code"]]
        zone = service["time_zone"]
        if policy["local_time"] == "switch":
            zone = row["time_zone"] or zone
        refuse(zone not in TIME_ZONES, "TIME_ZONE_UNKNOWN")
        refuse(self.timed(row) and quantity > LONGEST_SECONDS, "CALL_OVERLONG")
        band = self.band(charge, zone, at)
        rate = self.rate(charge, where, band, at)
        every = self.rates(charge, where, at)
        refuse(
            any(at_most(r, quantity, policy) > LARGEST_AMOUNT for r in every), "AMOUNT_TOO_LARGE"
        )
        carried = carried_nanos(rate, row)

        free = min(rate.get("included", 0), quantity)
        needed = quantity - free
        stretches = [(band, 0, quantity)]
        if self.timed(row) and policy["band_crossing"] == "split":
            stretches = self.stretches(charge, zone, at, 0, quantity)
        rates = {name: self.rate(charge, where, name, at) for name, _, _ in stretches}

        covered = 0
        if service["leg"] == "retail":
            covered = self.paid(row, service, where["destination"], band, needed)
        billed, exact = 0, Fraction(0)
        for name, first, end in stretches:
            part = cost(rates[name], max(first, free + covered), end, policy)
            billed, exact = billed + part[0], exact + part[1]
        if quantity > 0:
            exact += carried
            if needed == 0 or covered < needed:
                exact += nanos(rate.get("connect_fee", "0"))
        if rate.get("max_cost") is not None:
            exact = min(exact, nanos(rate["max_cost"]))
        amount = final(exact, policy)
        refuse(amount > LARGEST_INTEGER, "AMOUNT_TOO_LARGE")
        added = self.each_in_force(charge.get("surcharges", []), at, "surcharge")
        return {
            "amount": amount,
            "surcharge": sum(surcharge_nanos(s, amount) for s in added),
            "zone": where["destination"],
            "prefix": where["prefix"],
            "band": band,
            "free": free,
            "covered": covered,
            "billed": billed,
        }

    def charge(self, row: dict, service: dict) -> dict:
        """The plan's charge for this kind of usage."""
        charges = self.catalogue["plans"][service["plan_code"]]["charges"]
        mine = [charge for charge in charges if charge["usage_type"] == row["usage_type"]]
        charge = self.in_force(mine, row["started_at"])
        if charge is None:
            raise Suspended("USAGE_TYPE_UNKNOWN")
        return charge

    def timed(self, row: dict) -> bool:
        """Whether the quantity is seconds."""
        return self.catalogue["usage_types"][row["usage_type"]]["unit"] == "seconds"


def refuse(wrong: bool, reason: str) -> None:
    """Suspend the event if something is wrong with it."""
    if wrong:
        raise Suspended(reason)


def came(row: dict) -> tuple:
    """When a record came, and where it stood."""
    return row["received_at"] or row["started_at"], row["source_file"], row["source_line"]


def unreadable(row: dict) -> str | None:
    """Why a record cannot be used whoever it belongs to, if so."""
    for name in ("destination", "network"):
        text = row[name] or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
            return f"{name.upper()}_UNREADABLE"
    return None


def overlap(one: dict, other: dict) -> bool:
    """Whether two rows of a service hold it at one time."""
    ends = [row["valid_to"] or datetime.max for row in (one, other)]
    return one["valid_from"] < ends[1] and other["valid_from"] < ends[0]


def carried_nanos(rate: dict, row: dict) -> Fraction:
    """What is charged of the price that the event carries itself."""
    if rate.get("price") != "carried":
        return Fraction(0)
    refuse(row["amount_nanos"] is None, "PRICE_MISSING")
    refuse(row["amount_nanos"] > LARGEST_CARRIED, "AMOUNT_TOO_LARGE")
    return row["amount_nanos"] * (1 + Fraction(str(rate.get("markup", "0"))) / 100)


def applies(scope: dict, usage_type: str, zone: str | None, band: str) -> bool:
    """Whether an allowance pays for such usage; what its scope does not name it leaves open."""
    return (
        usage_type in scope.get("usage_types", [usage_type])
        and zone in scope.get("zones", [zone])
        and band in scope.get("bands", [band])
    )


def blocks_up(quantity: int, block: int) -> int:
    """The quantity in whole blocks, the last one whole."""
    return ceil(Fraction(quantity, block)) * block


def holder_of(terms: dict, service: dict) -> str:
    """Whose bucket the service takes from; a product without a group is one by itself."""
    return {
        "product": service["product_key"],
        "account": service["account_key"],
        "group": service["share_key"] or service["product_key"],
    }[terms.get("share", "product")]


def grant(terms: dict, service: dict, period: tuple[date, date]) -> int:
    """What a bucket holds at first, in whole blocks."""
    quantity, (first, end) = terms["quantity"], period
    starts = service["start_date"]
    own = terms.get("share", "product") == "product"
    if own and terms.get("prorated", False) and starts is not None and first < starts < end:
        quantity = floor(Fraction(quantity * (end - starts).days, (end - first).days))
    block = terms.get("block", 1)
    return quantity // block * block


def whole_second(at: datetime | None) -> datetime | None:
    """An instant as rating counts it: to the second, what is below is dropped."""
    return at and at.replace(microsecond=0)
