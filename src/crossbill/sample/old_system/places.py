"""Where the sample carrier's customers live, and the tax jurisdictions of those places."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Place(NamedTuple):
    """A city with the first three digits of its ZIP codes and its jurisdiction."""

    city: str
    state: str
    zip_prefix: str
    tax_code: str


class Tax(NamedTuple):
    """A jurisdiction; the rate is in percent."""

    code: str
    description: str
    rate: Decimal
    since: date


EXEMPT = "EX00"

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
EX00;Exempt;0.000;20200101
"""


def _tax(line: str) -> Tax:
    code, description, rate, since = line.split(";")
    return Tax(code, description, Decimal(rate), date.fromisoformat(since))


PLACES = tuple(Place(*line.split(";")) for line in _PLACES.strip().splitlines())
TAXES = {tax.code: tax for tax in map(_tax, _TAXES.strip().splitlines())}
STREETS = (
    *("Main St", "Oak Ave", "Maple Dr", "Cedar Ln", "Broadway", "Washington Blvd", "Lake Rd"),
    *("Hill St", "Sunset Blvd", "Peña Blvd", "Park Ave", "River Rd", "Elm St", "2nd Ave"),
    *("Market St", "Calle Cañón", "Mill Rd", "Church St"),
)
