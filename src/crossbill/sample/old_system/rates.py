"""The old rater's tables: zones by leading digits, and what a unit costs in each zone."""

from datetime import date
from functools import cache
from typing import NamedTuple

from .calendar import APRIL
from .tariffs import OPEN_END

VOICE, MESSAGE, DATA, ROAMING = "V", "S", "D", "R"
DIALLED, NETWORKS = "D", "N"  # the two decks: numbers as they are dialled, networks visited
NATIONAL = "NAT"
ANY = "*"
MEGABYTE = 1_048_576

# deck ; zone ; description ; leading digits
ZONE_TABLE = """
D ; NAT ; United States        ; 2 3 4 5 6 7 8 9
D ; FRE ; Toll-free            ; 800 833 844 855 866 877 888
D ; PRM ; Premium              ; 900 976
D ; CAN ; Canada               ; 204 236 250 306 403 416 418 438 450 506 514 519 604 613 647 705
D ; CAN ; Canada               ; 709 778 780 819 867 902 905
D ; MEX ; Mexico               ; 01152
D ; GBR ; United Kingdom       ; 01144
D ; GBM ; United Kingdom, mob. ; 011447
D ; EUR ; Europe               ; 0113 0114
D ; EUM ; Europe, mobile       ; 011316 011336 011337 011346 0113467 0114176 0114179 0114915
D ; EUM ; Europe, mobile       ; 0114916 0114917
D ; ASI ; Asia                 ; 01181 01182 01186 01191
D ; WLD ; Rest of the world    ; 0112 0115 0116 0117 0118 0119
N ; RCA ; In Canada            ; 302
N ; RMX ; In Mexico            ; 334
N ; REU ; In Europe            ; 2
N ; RWW ; Elsewhere            ; 4 5 6 7
"""

# plan ; what ; zone ; start fee ; by day ; by night ; first day ; last day: in mills (tenths of a
# cent) for a minute, a message or a megabyte; a price without days holds always.
RATE_TABLE = """
FIX ; V ; NAT ; 50   ; 49   ; 29
FIX ; V ; FRE ; 0    ; 0    ; 0
FIX ; V ; PRM ; 2500 ; 1490 ; 1490
FIX ; V ; CAN ; 50   ; 79   ; 59
FIX ; V ; MEX ; 50   ; 149  ; 129
FIX ; V ; GBR ; 50   ; 99   ; 79
FIX ; V ; GBM ; 50   ; 279  ; 249
FIX ; V ; EUR ; 50   ; 119  ; 99   ;          ; 20240514
FIX ; V ; EUR ; 50   ; 105  ; 85   ; 20240515 ;
FIX ; V ; EUM ; 50   ; 289  ; 259
FIX ; V ; ASI ; 50   ; 189  ; 159
FIX ; V ; WLD ; 50   ; 390  ; 350
MOS ; V ; NAT ; 0    ; 155  ; 95
MOS ; V ; FRE ; 0    ; 0    ; 0
MOS ; V ; PRM ; 2500 ; 1990 ; 1990
MOS ; V ; CAN ; 0    ; 249  ; 199
MOS ; V ; MEX ; 0    ; 389  ; 349
MOS ; V ; GBR ; 0    ; 349  ; 289
MOS ; V ; GBM ; 0    ; 589  ; 529
MOS ; V ; EUR ; 0    ; 389  ; 329  ;          ; 20240514
MOS ; V ; EUR ; 0    ; 359  ; 299  ; 20240515 ;
MOS ; V ; EUM ; 0    ; 619  ; 559
MOS ; V ; ASI ; 0    ; 689  ; 589
MOS ; V ; WLD ; 0    ; 989  ; 889
MOS ; S ; *   ; 0    ; 95   ; 95
MOS ; D ; *   ; 0    ; 49   ; 49
MOS ; R ; RCA ; 0    ; 349  ; 349
MOS ; R ; RMX ; 0    ; 489  ; 489
MOS ; R ; REU ; 0    ; 595  ; 595
MOS ; R ; RWW ; 0    ; 1995 ; 1995
MOX ; V ; NAT ; 0    ; 119  ; 69
MOX ; V ; FRE ; 0    ; 0    ; 0
MOX ; V ; PRM ; 2500 ; 1990 ; 1990
MOX ; V ; CAN ; 0    ; 199  ; 149
MOX ; V ; MEX ; 0    ; 299  ; 259
MOX ; V ; GBR ; 0    ; 249  ; 199
MOX ; V ; GBM ; 0    ; 489  ; 439
MOX ; V ; EUR ; 0    ; 279  ; 229  ;          ; 20240514
MOX ; V ; EUR ; 0    ; 255  ; 205  ; 20240515 ;
MOX ; V ; EUM ; 0    ; 499  ; 449
MOX ; V ; ASI ; 0    ; 549  ; 489
MOX ; V ; WLD ; 0    ; 789  ; 689
MOX ; S ; *   ; 0    ; 45   ; 45
MOX ; D ; *   ; 0    ; 19   ; 19
MOX ; R ; RCA ; 0    ; 249  ; 249
MOX ; R ; RMX ; 0    ; 349  ; 349
MOX ; R ; REU ; 0    ; 395  ; 395
MOX ; R ; RWW ; 0    ; 1495 ; 1495
"""

PLANS = {"DUO": "FIX", "TLS": "FIX", "TLL": "FIX", "MBS": "MOS", "MBM": "MOX"}
PLANS |= dict.fromkeys(("MBL", "MBA"), "MOX")
FREE_MINUTES = {"MBM": 20, "MBL": 60, "MBA": 60}  # a month, to numbers in the United States
UNITS = {VOICE: 60, ROAMING: 60, MESSAGE: 1, DATA: MEGABYTE}
FIRST_DAY_HOUR, LAST_DAY_HOUR = 8, 19  # the day's price holds from 08:00:00 to 19:59:59


class ZonePrefix(NamedTuple):
    """Numbers that begin so are in this zone."""

    deck: str
    prefix: str
    zone: str
    description: str


class Rate(NamedTuple):
    """What a call costs, in mills; first and last day included."""

    plan: str
    kind: str
    zone: str
    start_fee: int
    by_day: int
    by_night: int
    first: date
    last: date


def _zone_prefixes(line: str) -> list[ZonePrefix]:
    deck, zone, description, prefixes = (part.strip() for part in line.split(";"))
    return [ZonePrefix(deck, prefix, zone, description) for prefix in prefixes.split()]


def _rate(line: str) -> Rate:
    plan, kind, zone, *rest = (part.strip() for part in line.split(";"))
    fee, by_day, by_night = map(int, rest[:3])
    first, last, *_ = [*rest[3:], "", ""]
    return Rate(
        plan,
        kind,
        zone,
        fee,
        by_day,
        by_night,
        date.fromisoformat(first) if first else date(2020, 1, 1),
        date.fromisoformat(last) if last else OPEN_END,
    )


ZONES = [row for line in ZONE_TABLE.strip().splitlines() for row in _zone_prefixes(line)]
RATES = [_rate(line) for line in RATE_TABLE.strip().splitlines()]
_PREFIXES = {(row.deck, row.prefix): row.zone for row in ZONES}
_LONGEST = max(len(row.prefix) for row in ZONES)


@cache
def zone(deck: str, number: str) -> str:
    """The zone of the longest leading digits that the deck knows."""
    found = (_PREFIXES.get((deck, number[:n])) for n in range(_LONGEST, 0, -1))
    return next(name for name in found if name)


@cache
def rate(plan: str, kind: str, zone_code: str, day: int) -> Rate:
    """The rate of a call on a day, counted from the first of April."""
    on = date.fromordinal(APRIL.first.toordinal() + day)
    return next(
        r
        for r in RATES
        if (r.plan, r.kind, r.zone) == (plan, kind, zone_code) and r.first <= on <= r.last
    )
