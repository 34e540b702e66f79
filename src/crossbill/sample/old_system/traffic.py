"""The traffic of the sample carrier: who calls, writes and surfs, when, where to and how long."""

from datetime import date
from random import Random

from .calendar import APRIL, MAY, ONE_DAY, SECONDS_PER_DAY
from .rates import DATA, DIALLED, FREE_MINUTES, MESSAGE, NATIONAL, PLANS, ROAMING, VOICE, zone
from .records import Account, Call, Service

HOUR = 3_600
MAY_BEGINS = (APRIL.after - APRIL.first).days * SECONDS_PER_DAY
JUNE_BEGINS = (MAY.after - APRIL.first).days * SECONDS_PER_DAY
COLLECTED_AFTER = 600  # a switch closes a file each hour and sends it ten minutes later

# The file of the international gateway that was lost and came weeks later: its days and its coming.
LOST = range(16 * SECONDS_PER_DAY, 19 * SECONDS_PER_DAY)
FOUND = MAY_BEGINS + 5 * SECONDS_PER_DAY + 14 * HOUR + 1_800
# What was received on these days was sent again; the copies came on the second of May.
SENT_TWICE = (range(21 * SECONDS_PER_DAY, 22 * SECONDS_PER_DAY),)
SENT_AGAIN = MAY_BEGINS + SECONDS_PER_DAY + 9 * HOUR

EVENT_DAY = date(2024, 5, 12)  # Mother's Day, on which everybody calls
WEEKDAY, WEEKEND, EVENT = 2, 3, 14  # how likely a call is on such a day
# How likely each hour of the day is.
HOURLY = (1, 1, 0, 0, 0, 1, 2, 4, 7, 9, 9, 8, 9, 8, 7, 7, 8, 10, 12, 12, 10, 8, 5, 3)
EVENTS_OF_A_SERVICE = (2, 6, 8, 10, 10, 12, 14, 16, 20, 24)  # in both months

SECONDS = (0, 8, 25, 40, 60, 61, 90, 120, 121, 150, 200, 270, 360, 500, 720, 1_300)
BYTES = (9_000, 60_000, 400_000, 1_048_576, 1_048_577, 2_500_000, 6_000_000, 19_000_000)
# Number of kinds in twenty, mobile and fixed; who travels makes some of the calls abroad.
MOBILE = (VOICE,) * 11 + (MESSAGE,) * 4 + (DATA,) * 5
FIXED = (VOICE,)
TRAVELLERS = 5  # one in so many
ABROAD = 4  # one call of a traveller in so many

AREAS = ("212", "315", "415", "512", "617", "702", "808", "914")
NATIONALLY = AREAS * 5 + ("800", "888", "900", "416", "514", "604")
INTERNATIONALLY = (
    *("0114420", "0114477", "01133142", "0113361", "0114930", "01149171", "0114144", "0114179"),
    *("0113906", "01152155", "01152181", "0118133", "0118610", "0119122", "0115511", "01161293"),
    *("011271", "0117495", "0113467", "0118210"),
)
NETWORKS_ABROAD = (
    "302720",
    "334020",
    "20801",
    "26201",
    "23410",
    "22210",
    "44010",
    "46000",
    "72405",
)


def _days() -> tuple[int, ...]:
    """Each day of both months as often as it is likely."""
    found: list[int] = []
    for number in range((MAY.after - APRIL.first).days):
        day = APRIL.first + number * ONE_DAY
        weight = WEEKEND if day.weekday() > 4 else WEEKDAY
        found += [number] * (EVENT if day == EVENT_DAY else weight)
    return tuple(found)


DAYS = _days()
HOURS = tuple(hour for hour, weight in enumerate(HOURLY) for _ in range(weight))


def give_usage(account: Account, rng: Random) -> None:
    """Let the account use its telephones; what is received in June is in no file yet."""
    account.usage = {
        service.service_id: _usage(service, rng)
        for service in account.services
        if service.tariff in PLANS
    }


def held(service: Service) -> tuple[int, int]:
    """First second of the holding and first second after it, from the first of April on."""
    first = (service.start - APRIL.first).days * SECONDS_PER_DAY
    if service.end is None:
        return first, JUNE_BEGINS
    return first, ((service.end - APRIL.first).days + 1) * SECONDS_PER_DAY


def within_holding(service: Service, calls: list[Call]) -> list[Call]:
    """The calls that begin while the service is held."""
    first, after = held(service)
    return [call for call in calls if first <= call.start < after]


def _usage(service: Service, rng: Random) -> list[Call]:
    """A service's calls in their order; a telephone makes one call at a time."""
    fixed = PLANS[service.tariff] == "FIX"
    travels = not fixed and rng.randrange(TRAVELLERS) == 0
    kinds = FIXED if fixed else MOBILE
    calls = [_call(service, kinds, travels, rng) for _ in range(_pick(EVENTS_OF_A_SERVICE, rng))]
    calls.sort(key=lambda call: call.start)
    kept: list[Call] = []
    free = 0  # from this second on nobody is on the phone
    for call in within_holding(service, calls):
        talking = call.kind in (VOICE, ROAMING)
        if call.received < JUNE_BEGINS and (not talking or call.start >= free):
            free = call.start + call.units + 1 if talking else free
            call.record_id = f"R{service.service_id[1:]}{len(kept) + 1:03}"
            kept.append(call)
    return kept


def _pick(choices: tuple, rng: Random):  # type: ignore[no-untyped-def, type-arg] # one of them, quickly
    return choices[int(rng.random() * len(choices))]


def _call(service: Service, kinds: tuple[str, ...], travels: bool, rng: Random) -> Call:
    """One call, message or session at some instant."""
    start = (_pick(DAYS, rng) * 24 + _pick(HOURS, rng)) * HOUR + int(rng.random() * HOUR)
    kind = _pick(kinds, rng)
    network = ""
    if kind == VOICE and travels and rng.random() * ABROAD < 1:
        kind, network = ROAMING, _pick(NETWORKS_ABROAD, rng)
    dialled = "" if kind == DATA else _dialled(rng)
    call = Call("", service.service_id, kind, start, _units(kind, rng), dialled, network)
    call.received = _received(call, rng)
    return call


def _dialled(rng: Random) -> str:
    """A number as it is dialled: ten digits, or 011 and the country."""
    if rng.random() * 8 < 1:
        return f"{_pick(INTERNATIONALLY, rng)}{int(rng.random() * 90_000) + 10_000}"
    return f"{_pick(NATIONALLY, rng)}{int(rng.random() * 8_000_000) + 2_000_000}"


def _units(kind: str, rng: Random) -> int:
    """Seconds, messages or bytes."""
    if kind == MESSAGE:
        return 1
    base: int = _pick(BYTES if kind == DATA else SECONDS, rng)
    return base + int(rng.random() * base / 4) if rng.random() * 2 < 1 else base


def _received(call: Call, rng: Random) -> int:
    """When the file with the call came: within the hour; from abroad it takes up to three days."""
    if crosses_the_border(call) and call.start in LOST:
        return FOUND
    if call.kind == ROAMING:
        return call.start + call.units + (6 + int(rng.random() * 60)) * HOUR
    end = call.start + (call.units if call.kind == VOICE else 0)
    return (end // HOUR + 1) * HOUR + COLLECTED_AFTER


def crosses_the_border(call: Call) -> bool:
    """Whether the international gateway carried it; no free minutes pay for such a call."""
    return call.kind == ROAMING or (call.kind == VOICE and call.dialled.startswith("011"))


def sent_twice(call: Call) -> bool:
    """Whether the file that the call came in was delivered a second time."""
    return any(call.received in times for times in SENT_TWICE)


def is_free_of_charge(call: Call, tariff: str) -> bool:
    """Whether the tariff's free minutes may pay for the call."""
    return tariff in FREE_MINUTES and call.kind == VOICE and zone(DIALLED, call.dialled) == NATIONAL
