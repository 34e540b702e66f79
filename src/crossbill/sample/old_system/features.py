"""What the services of an account can do and are barred from; and the fault in it for a control.

None of it changes a bill, and what is seeded here has no class.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from random import Random

from .calendar import MAY, NOT_SET, ONE_DAY, day_text, random_day
from .files import day_or
from .plan import ACCOUNTS_PER_DEFECT, share
from .records import Account, Service
from .traffic import PLANS

FEATURES = "SVCFEA.CSV"
FEATURE_HEADERS = {FEATURES: "SVC_ID;CUST_NO;FEA;FFROM;FTO"}
FEATURE_CONTROL_FIELDS = {FEATURES: ""}
CONTROL = "features"  # which has to find the fault

AS_OF_DATE = MAY.after
OF_TELEPHONES = ("ROAM", "VMAIL", "CFWD", "CBAR", "PBAR")
BARRING = "PBAR"


@dataclass(frozen=True)
class Feature:
    """What a service can do, or is barred from; `last` is the last day on which it holds."""

    service_id: str
    code: str
    first: date
    last: date | None


def feature_plan(
    bounds: tuple[int, int], accounts: int, taken: Iterable[int], rng: Random
) -> frozenset[int]:
    """Which accounts of a chunk get the fault: none of those that have another one."""
    others = set(taken)
    free = [index for index in range(*bounds) if index not in others]
    counted = share(max(1, accounts // ACCOUNTS_PER_DEFECT), bounds, accounts)
    return frozenset(rng.sample(free, len(counted)))


def make_features(account: Account, spoil: bool, rng: Random) -> tuple[list[Feature], list[str]]:
    """The features of the account's telephones, and the row of the truth where one was spoilt."""
    once = {service.service_id: service for service in account.services}  # one may be twice there
    made = [
        each
        for service in once.values()
        if service.tariff in PLANS and service.start < AS_OF_DATE
        for each in _of(service, rng)
    ]
    if not spoil:
        return made, []
    service = next(each for each in account.services if _is_held(each))
    first = Feature(service.service_id, BARRING, service.start, None)
    again = Feature(service.service_id, BARRING, AS_OF_DATE - ONE_DAY, None)
    others = [f for f in made if (f.service_id, f.code) != (first.service_id, BARRING)]
    detail = f"{BARRING} from {first.first} and again from {again.first}"
    truth = f'{CONTROL},{account.key},{service.service_id},"{detail}"'
    return [*others, first, again], [truth]


def _is_held(service: Service) -> bool:
    """Whether it is charged on the day of the extract, and began before the day before."""
    begun = service.start < AS_OF_DATE - ONE_DAY
    return begun and (service.end is None or service.end >= AS_OF_DATE)


def _of(service: Service, rng: Random) -> list[Feature]:
    """Two features of three; each goes with its service at the latest."""
    last = min(service.end or AS_OF_DATE, AS_OF_DATE - ONE_DAY)
    return [
        Feature(service.service_id, code, random_day(rng, service.start, last), service.end)
        for code in OF_TELEPHONES
        if rng.randrange(3) and service.start <= last
    ]


def feature_row(feature: Feature, account: Account) -> str:
    """A row of the file."""
    days = f"{day_text(feature.first)};{day_or(feature.last, NOT_SET[1])}"
    return f"{feature.service_id};{account.key};{feature.code};{days}"
