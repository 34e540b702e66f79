"""What accounts of the old system agreed upon: drawn apart, so that all else stays as it was.

Some pay prices that contain their taxes, some have promised to be charged so much each month at
least: in all, or of what is used, or of one of their telephones. What is missing is charged too.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from random import Random

from .calendar import MAY, NOT_SET, ONE_DAY, Period, day_text, random_day
from .records import USAGE, ZERO, Account, Line, Minimum, Service
from .tariffs import OPEN_END, TELECOM_TARIFFS

MINIMUMS = "MINSPD.CSV"
AGREEMENT_HEADERS = {MINIMUMS: "MIN_NO;CUST_NO;SVC_ID;KND;AMT;BYDAY;MFROM;MTO"}
AGREEMENT_CONTROL_FIELDS = {MINIMUMS: "AMT"}
ONE_IN_FOUR = 4
WITH_TAXES = {"MBL": "MBA"}  # the same service at a price that contains its taxes
BUSINESSES, HOUSEHOLDS = 6, 40  # one in so many has promised something
OF_ALL = tuple(map(Decimal, ("75.00", "120.00", "180.00", "250.00")))
OF_CALLS = tuple(map(Decimal, ("5.00", "7.50", "12.00")))
OF_ONE = tuple(map(Decimal, ("20.00", "33.33", "60.00")))
FIRST_AGREED, LAST_AGREED = date(2023, 6, 1), date(2024, 5, 20)


def agree(account: Account, rng: Random, *, is_faulty: bool) -> None:
    """Give some the price that contains its taxes, and let some have promised a minimum.

    Whose records are to be spoilt promises none of a service: that would be lost with it.
    """
    for service in account.services:
        if service.tariff in WITH_TAXES and not rng.randrange(ONE_IN_FOUR):
            service.tariff = WITH_TAXES[service.tariff]
    account.minimums = []
    if not rng.randrange(BUSINESSES if account.kind == "B" else HOUSEHOLDS):
        made = _minimum(account, rng)
        account.minimums += [] if is_faulty and made.service_id else [made]


def _minimum(account: Account, rng: Random) -> Minimum:
    """Of everything, of what is used, or of a telephone; a few begin or end within the months."""
    phones = [each for each in account.services if each.tariff in TELECOM_TARIFFS]
    service, kind, amounts = rng.choice(_promises(phones))
    ended = rng.randrange(4) == 0
    return Minimum(
        f"M{account.key[1:]}",
        service,
        kind,
        rng.choice(amounts),
        by_days=rng.randrange(2) == 0,
        first=random_day(rng, FIRST_AGREED, LAST_AGREED),
        last=random_day(rng, LAST_AGREED, MAY.last) if ended else None,
    )


def _promises(phones: Sequence[Service]) -> list[tuple[str, str, tuple[Decimal, ...]]]:
    of_all = [("", "", OF_ALL), ("", "", OF_ALL)]
    of_phones = [("", USAGE, OF_CALLS), *((each.service_id, "", OF_ONE) for each in phones[:1])]
    return [*of_all, *(of_phones if phones else [])]


def missing(
    minimums: Sequence[Minimum], lines: Sequence[Line], period: Period
) -> Iterator[tuple[Minimum, Decimal]]:
    """What the lines of a month, less their discounts, lack of each minimum that holds in it."""
    for minimum in minimums:
        first = max(minimum.first, period.first)
        last = min(minimum.last or OPEN_END, period.last)
        if first <= last:
            lacks = _wanted(minimum, first, last) - _reached(minimum, lines)
            if lacks > 0:
                yield minimum, lacks


def _wanted(minimum: Minimum, first: date, last: date) -> Decimal:
    """All of it, or the days of thirty on which it holds, cut to the cent."""
    if not minimum.by_days:
        return minimum.amount
    after = last + ONE_DAY
    months = 12 * (after.year - first.year) + after.month - first.month
    days = min(30 * months + min(after.day, 30) - min(first.day, 30), 30)
    return Decimal(int(minimum.amount * 100) * days // 30).scaleb(-2)


def _reached(minimum: Minimum, lines: Sequence[Line]) -> Decimal:
    """What counts: at the price as it is printed, a discount with what it is taken from."""
    counted = [
        line.priced
        for line in lines
        if minimum.service_id in ("", line.service_id) and minimum.kind in ("", line.kind)
    ]
    return sum(counted, ZERO)


def minimum_row(minimum: Minimum, account: Account) -> str:
    """A row of the file."""
    amount = str(minimum.amount).replace(".", ",")
    last = day_text(minimum.last) if minimum.last else NOT_SET[1]
    of = f"{minimum.number};{account.key};{minimum.service_id};{minimum.kind};{amount}"
    return f"{of};{'Y' if minimum.by_days else 'N'};{day_text(minimum.first)};{last}"
