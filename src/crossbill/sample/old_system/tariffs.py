"""The old tariff table with its price versions; inclusive dates, as the old system keeps them."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple

OPEN_END = date(9999, 12, 31)
PROMOTION = "F1P"
UNKNOWN = ("ZZ07", "QX31", "0OLD")  # codes that no table of the old system explains any more

# code; description; class; then one price version each: amount@first day
TABLE = """
F1S ; Fiber 100            ; INT ; 49.00@20200101
F1L ; Fiber 100 (until 21) ; INT ; 49.00@20200101
F1P ; Fiber 100 promotion  ; INT ; 49.90@20220301
F5S ; Fiber 500            ; INT ; 69.00@20200101 74.90@20240101
FGS ; Fiber 1000           ; INT ; 99.00@20200101 104.50@20230701 109.00@20240501
TLS ; Fixed line           ; VOI ; 19.99@20200101 21.49@20240101
TLL ; Fixed line (copper)  ; VOI ; 19.99@20200101 21.49@20240101
MBS ; Mobile S             ; MOB ; 15.00@20200101
MBM ; Mobile M             ; MOB ; 25.00@20200101 27.50@20240101
MBL ; Mobile L             ; MOB ; 45.00@20210101
TVB ; TV basic             ; TVS ; 29.99@20200101
TVP ; TV plus              ; TVS ; 49.99@20200101 52.49@20240101
IPF ; Static IP address    ; ADD ; 5.00@20200101
SIP ; SIP trunk, a channel ; VOI ; 12.35@20210101
RTR ; Router rental        ; ADD ; 6.95@20200101 7.49@20240101
SEC ; Security suite       ; ADD ; 4.99@20200101
PRM ; Premium support      ; ADD ; 9.90@20220101
"""

INTERNET = ("F1S", "F1L", "F5S", "FGS")
CONSUMER_EXTRAS = ("TLS", "TLL", "MBS", "MBM", "MBL", "TVB", "TVP", "RTR", "SEC", "PRM")
BUSINESS_EXTRAS = ("TLS", "TLL", "MBM", "MBL", "IPF", "SIP", "RTR", "SEC", "PRM")
BY_CHANNEL = frozenset({"SIP"})


class Version(NamedTuple):
    """One price of a tariff, first and last day included."""

    price: Decimal
    first: date
    last: date


class Tariff(NamedTuple):
    """A tariff and all prices that it ever had, oldest first."""

    code: str
    description: str
    kind: str
    versions: tuple[Version, ...]


def _versions(text: str) -> tuple[Version, ...]:
    """Each version ends on the eve of the next."""
    parts = [part.split("@") for part in text.split()]
    starts = [date.fromisoformat(start) for _, start in parts]
    ends = [date.fromordinal(start.toordinal() - 1) for start in starts[1:]] + [OPEN_END]
    return tuple(Version(Decimal(parts[i][0]), starts[i], ends[i]) for i in range(len(parts)))


def _tariff(line: str) -> Tariff:
    code, description, kind, versions = (part.strip() for part in line.split(";"))
    return Tariff(code, description, kind, _versions(versions))


TARIFFS = {t.code: t for t in map(_tariff, TABLE.strip().splitlines())}


@cache
def price(code: str, day: date) -> Decimal:
    """The price valid on the day."""
    return next(v.price for v in TARIFFS[code].versions if v.first <= day <= v.last)


def other_prices(code: str, day: date) -> list[Decimal]:
    """What the tariff cost, or will cost, on other days."""
    return [v.price for v in TARIFFS[code].versions if not v.first <= day <= v.last]
