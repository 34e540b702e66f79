"""The old tariff table with its price versions; inclusive dates, as the old system keeps them."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple

OPEN_END = date(9999, 12, 31)
PROMOTION = "F1P"
UNKNOWN = ("ZZ07", "QX31", "0OLD")  # codes that no table of the old system explains any more

# code; description; class; months that are paid at once; the fee that is due when a service begins;
# then one price version each: amount@first day
TABLE = """
F1S ; Fiber 100            ; INT ; 1  ;     ; 49.00@20200101
F1L ; Fiber 100 (until 21) ; INT ; 1  ;     ; 49.00@20200101
F1P ; Fiber 100 promotion  ; INT ; 1  ;     ; 49.90@20220301
F5S ; Fiber 500            ; INT ; 1  ;     ; 69.00@20200101 74.90@20240101
FGS ; Fiber 1000           ; INT ; 1  ; INS ; 99.00@20200101 104.50@20230701 109.00@20240501
DUO ; Phone and fiber      ; VOI ; 1  ; INS ; 59.90@20200101 64.90@20240101
DUV ; Phone of the bundle  ; PRT ; 1  ;     ; 12.49@20200101 13.49@20240501
TLS ; Fixed line           ; VOI ; 1  ; CON ; 19.99@20200101 21.49@20240101
TLL ; Fixed line (copper)  ; VOI ; 1  ; CON ; 19.99@20200101 21.49@20240101
MBS ; Mobile S             ; MOB ; 1  ; SIM ; 15.00@20200101
MBM ; Mobile M             ; MOB ; 1  ; SIM ; 25.00@20200101 27.50@20240101
MBL ; Mobile L             ; MOB ; 1  ; SIM ; 45.00@20210101
MBA ; Mobile L, all taxes  ; MOB ; 1  ; SIM ; 52.00@20210101 54.00@20240501
TVB ; TV basic             ; TVS ; 1  ;     ; 29.99@20200101
TVP ; TV plus              ; TVS ; 1  ; INS ; 49.99@20200101 52.49@20240101
IPF ; Static IP address    ; ADD ; 1  ;     ; 5.00@20200101
SIP ; SIP trunk, a channel ; VOI ; 1  ; CHN ; 12.35@20210101
RTR ; Router rental        ; ADD ; 1  ;     ; 6.95@20200101 7.49@20240101
SEC ; Security suite       ; ADD ; 1  ;     ; 4.99@20200101
PRM ; Premium support      ; ADD ; 1  ;     ; 9.90@20220101
WEB ; Web hosting          ; ADD ; 3  ;     ; 29.85@20200101 32.40@20240401
DOM ; Domain name          ; ADD ; 12 ; REG ; 18.50@20200101 21.00@20240501
INS ; Installation         ; FEE ;    ;     ; 79.00@20200101
CON ; Connection           ; FEE ;    ;     ; 19.00@20200101 24.00@20240501
SIM ; SIM card             ; FEE ;    ;     ; 4.95@20200101
CHN ; Channel set-up       ; FEE ;    ;     ; 7.45@20210101
REG ; Registration         ; FEE ;    ;     ; 12.00@20200101
XMO ; Early end, mobile    ; FEE ;    ;     ; 15.00@20200101 17.50@20240501
XTV ; Early end, TV        ; FEE ;    ;     ; 12.50@20200101
"""

INTERNET = ("F1S", "F1L", "F5S", "FGS")
PAID_AHEAD = ("WEB", "DOM")  # an account holds something else too, so that it has a bill each month
CONSUMER_BASICS = ("DUO", "TLS", "TLL", "MBS", "MBM", "MBL", "TVB", "TVP", "RTR", "SEC", "PRM")
BUSINESS_BASICS = ("TLS", "TLL", "MBM", "MBL", "IPF", "SIP", "RTR", "SEC", "PRM")
BY_CHANNEL = frozenset({"SIP"})
FEE, PART = "FEE", "PRT"  # classes of what is no tariff by itself
BUNDLES = {"DUO": ("DUV",)}  # what a tariff charges beside its own price, month by month
# What an end before that of the contract costs for each month that is left.
EARLY_ENDS = {"MBM": "XMO", "MBL": "XMO", "MBA": "XMO", "TVB": "XTV", "TVP": "XTV"}
TELECOM_TARIFFS = frozenset({"DUV", "TLS", "TLL", "MBS", "MBM", "MBL", "MBA", "SIP", "CON"})
TAXES_WITHIN = frozenset({"MBA"})  # charges whose price is what the customer pays, taxes and all
# Calls of fixed lines are telecommunications; what a mobile phone uses is data before all else.
TELECOM_USAGE = frozenset({"DUO", "TLS", "TLL"})


class Version(NamedTuple):
    """One price of a tariff, first and last day included."""

    price: Decimal
    first: date
    last: date


class Tariff(NamedTuple):
    """A tariff and all prices that it ever had, oldest first; of a fee, `months` is 0.

    One month is paid when it is over, several are paid ahead.
    """

    code: str
    description: str
    kind: str
    months: int
    fee: str
    versions: tuple[Version, ...]


def _versions(text: str) -> tuple[Version, ...]:
    """Each version ends on the eve of the next."""
    parts = [part.split("@") for part in text.split()]
    starts = [date.fromisoformat(start) for _, start in parts]
    ends = [date.fromordinal(start.toordinal() - 1) for start in starts[1:]] + [OPEN_END]
    return tuple(Version(Decimal(parts[i][0]), starts[i], ends[i]) for i in range(len(parts)))


def _tariff(line: str) -> Tariff:
    code, description, kind, months, fee, versions = (part.strip() for part in line.split(";"))
    return Tariff(code, description, kind, int(months or 0), fee, _versions(versions))


TARIFFS = {t.code: t for t in map(_tariff, TABLE.strip().splitlines())}


@cache
def price(code: str, day: date) -> Decimal:
    """The price valid on the day."""
    return next(v.price for v in TARIFFS[code].versions if v.first <= day <= v.last)


def other_prices(code: str, day: date) -> list[Decimal]:
    """What the tariff cost, or will cost, on other days."""
    return [v.price for v in TARIFFS[code].versions if not v.first <= day <= v.last]


def charges(code: str) -> tuple[str, ...]:
    """What the tariff charges by the month: its own price and, of a bundle, those of its parts."""
    return (code, *BUNDLES.get(code, ()))
