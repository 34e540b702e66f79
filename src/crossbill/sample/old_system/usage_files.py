"""How the old system writes its usage files and the rater's tables."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from .calendar import APRIL, NOT_SET, ONE_DAY, SECONDS_PER_DAY, day_text
from .rates import MEGABYTE, RATES, UNITS, ZONES, Rate
from .records import Call
from .tariffs import OPEN_END
from .traffic import FOUND, MAY_BEGINS, SENT_AGAIN, sent_twice

APRIL_USAGE, MAY_USAGE = "USAGE0424.CSV", "USAGE0524.CSV"
LATE_USAGE, REPEATED_USAGE = "USAGELAT.CSV", "USAGEDUP.CSV"
ZONE_TABLE, RATE_TABLE = "ZONES.CSV", "RATES.CSV"
USAGE_HEADER = "REC_ID;SVC_ID;UTYP;START_TS;UNITS;B_NUM;NETW;RCV_TS;FILE_SEQ"
USAGE_HEADERS = dict.fromkeys((APRIL_USAGE, MAY_USAGE, LATE_USAGE, REPEATED_USAGE), USAGE_HEADER)
ZONE_HEADER = "DECK;PREFIX;ZONE;DESCR"
RATE_HEADER = "RPLAN;UTYP;ZONE;BAND;CONN;RATE;PER;VFROM;VTO"
LONGEST_DELAY_DAYS = 75
_DAYS = [day_text(APRIL.first + n * ONE_DAY) for n in range(LONGEST_DELAY_DAYS)]
FIRST_SEQUENCE = 30_000


def usage_rows(calls: list[Call]) -> Iterator[tuple[str, str, int]]:
    """File, row and units of each delivery of each call."""
    for call in calls:
        yield _file(call), _row(call, call.received), call.units
        if sent_twice(call):
            yield REPEATED_USAGE, _row(call, SENT_AGAIN), call.units


def _file(call: Call) -> str:
    if call.received == FOUND:
        return LATE_USAGE
    return MAY_USAGE if call.received >= MAY_BEGINS else APRIL_USAGE


def _row(call: Call, received: int) -> str:
    return (
        f"{call.record_id};{call.service_id};{call.kind};{_stamp(call.start)};{call.units};"
        f"{call.dialled};{call.network};{_stamp(received)};{FIRST_SEQUENCE + received // 3600}"
    )


def _stamp(second: int) -> str:
    """Local time of the switch, YYYYMMDDHHMMSS."""
    day, rest = divmod(second, SECONDS_PER_DAY)
    hour, rest = divmod(rest, 3600)
    return f"{_DAYS[day]}{hour:02}{rest // 60:02}{rest % 60:02}"


def zone_rows() -> list[tuple[str, Decimal]]:
    """The zones, which have nothing to add up."""
    return [(";".join(row), Decimal(0)) for row in ZONES]


def rate_rows() -> list[tuple[str, Decimal]]:
    """The rates: each row with what it adds to the control total."""
    rows = []
    for rate in RATES:
        bands = {"D": rate.by_day, "N": rate.by_night}
        if rate.by_day == rate.by_night:
            bands = {"*": rate.by_day}
        rows += [_rate_row(rate, band, mills) for band, mills in bands.items()]
    return rows


def _rate_row(rate: Rate, band: str, mills: int) -> tuple[str, Decimal]:
    price, fee = Decimal(mills).scaleb(-3), Decimal(rate.start_fee).scaleb(-3)
    per = f"{UNITS[rate.kind]}" if UNITS[rate.kind] != MEGABYTE else "MB"
    days = f"{day_text(rate.first)};{_last(rate.last)}"
    fields = (rate.plan, rate.kind, rate.zone, band, _comma(fee), _comma(price), per, days)
    return ";".join(fields), price


def _last(day: date) -> str:
    return NOT_SET[1] if day == OPEN_END else day_text(day)


def _comma(value: Decimal) -> str:
    return str(value).replace(".", ",")
