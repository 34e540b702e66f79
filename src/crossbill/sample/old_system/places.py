"""Where the sample carrier's customers live, and the tax jurisdictions of those places."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from .calendar import APRIL, MAY
from .tariffs import OPEN_END


class Place(NamedTuple):
    """A city with the first three digits of its ZIP codes and its jurisdiction."""

    city: str
    state: str
    zip_prefix: str
    tax_code: str


class Tax(NamedTuple):
    """A rate of one tax of a jurisdiction on one group of charges: percent, last day included."""

    code: str
    tax: str
    group: str
    description: str
    rate: Decimal
    first: date
    last: date


EVERY_TAX = "ALL"
SALES, FEDERAL, CITY = "SAL", "USF", "CTX"
STANDARD, TELECOM = "S", "T"  # groups of charges; a line and what it costs to begin are telecom


class Exemption(NamedTuple):
    """What somebody need not pay: one tax or every tax, last day included."""

    tax: str
    first: date
    last: date
    certificate: str

    def frees(self, tax: Tax, day: date) -> bool:
        """Whether the tax is not due on the day."""
        return self.tax in (tax.tax, EVERY_TAX) and self.first <= day <= self.last


_PLACES = """
New York;NY;100;NY01
Brooklyn;NY;112;NY01
Albany;NY;122;NY02
Buffalo;NY;142;NY03
Los Angeles;CA;900;CA01
San Diego;CA;921;CA02
Cañon Heights;CA;934;CA03
Hartford;CT;061;CT01
Stamford;CT;069;CT01
Denver;CO;802;CO01
Colorado Springs;CO;809;CO02
Phoenix;AZ;850;AZ01
Tucson;AZ;857;AZ02
Austin;TX;787;TX01
Seattle;WA;981;WA01
Chicago;IL;606;IL01
Miami;FL;331;FL01
Atlanta;GA;303;GA01
Boston;MA;021;MA01
Minneapolis;MN;554;MN01
Salt Lake City;UT;841;UT01
"""

_TAXES = """
NY01;New York City;8.875;20200101
NY02;Albany County;8.000;20200101
NY03;Erie County;8.750;20200101
CA01;Los Angeles County;9.500;20230701
CA02;San Diego County;7.750;20200101
CA03;San Luis Obispo County;7.250;20200101
CT01;Connecticut;6.350;20200101
CO01;Denver;8.810;20230101
CO02;El Paso County;4.712;20200101
AZ01;Phoenix;8.600;20200101
AZ02;Tucson;9.100;20200101
TX01;Austin;8.250;20200101
WA01;Seattle;10.350;20230701
IL01;Chicago;10.250;20200101
FL01;Miami-Dade County;7.000;20200101
GA01;Fulton County;8.900;20200101
MA01;Massachusetts;6.250;20200101
MN01;Hennepin County;8.525;20231001
UT01;Salt Lake City;7.840;20200101
"""


# What telecom bears beside the sales tax: the federal surcharge everywhere.
_FEDERAL = (
    (Decimal("2.340"), date(2020, 1, 1), APRIL.last),
    (Decimal("2.510"), MAY.first, OPEN_END),
)
_CITIES = {"NY01": "2.350", "IL01": "7.000", "WA01": "6.000"}


def _taxes(line: str) -> Iterator[Tax]:
    """All taxes of a jurisdiction."""
    code, description, sales, since = line.split(";")
    for group in (STANDARD, TELECOM):
        first = date.fromisoformat(since)
        yield Tax(code, SALES, group, description, Decimal(sales), first, OPEN_END)
    for rate, first, last in _FEDERAL:
        yield Tax(code, FEDERAL, TELECOM, "Federal universal service", rate, first, last)
    if code in _CITIES:
        city = f"{description} telecommunications"
        yield Tax(code, CITY, TELECOM, city, Decimal(_CITIES[code]), date(2020, 1, 1), OPEN_END)


PLACES = tuple(Place(*line.split(";")) for line in _PLACES.strip().splitlines())
TAXES = tuple(tax for line in _TAXES.strip().splitlines() for tax in _taxes(line))
JURISDICTIONS = tuple(dict.fromkeys(tax.code for tax in TAXES))
STREETS = (
    *("Main St", "Oak Ave", "Maple Dr", "Cedar Ln", "Broadway", "Washington Blvd", "Lake Rd"),
    *("Hill St", "Sunset Blvd", "Peña Blvd", "Park Ave", "River Rd", "Elm St", "2nd Ave"),
    *("Market St", "Calle Cañón", "Mill Rd", "Church St"),
)


@cache
def taxes(code: str, group: str, day: date) -> tuple[Tax, ...]:
    """The taxes of a jurisdiction on a group of charges on the day."""
    mine = (tax for tax in TAXES if (tax.code, tax.group) == (code, group))
    return tuple(tax for tax in mine if tax.first <= day <= tax.last)


class Payer(NamedTuple):
    """Who is taxed: in which jurisdiction, and what it is free of."""

    code: str
    exemptions: tuple[Exemption, ...] = ()

    def stated(self, group: str, day: date) -> list[tuple[Decimal, bool]]:
        """The rates on a group of charges on the day, the highest first; whether each is due."""
        found = [(t.rate, not self._free_of(t, day)) for t in taxes(self.code, group, day)]
        return sorted(found, reverse=True)

    def rates(self, group: str, day: date) -> tuple[Decimal, ...]:
        """What the taxes that are due take of a group of charges on the day."""
        return tuple(rate for rate, due in self.stated(group, day) if due)

    def _free_of(self, tax: Tax, day: date) -> bool:
        return any(each.frees(tax, day) for each in self.exemptions)
