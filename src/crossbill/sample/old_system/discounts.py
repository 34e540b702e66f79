"""What accounts of the old system need not pay: discounts on whole bills, and taxes.

Discounts are taken off in the order of their places, each from what those before it have left.
What one takes off is shared among the lines that it is taken from, cent by cent, so that each line
is taxed for what it really costs: cut shares first, and a cent more for those that lost most by the
cut.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from random import Random
from typing import NamedTuple

from .calendar import APRIL, MAY, Period, months_between, random_day
from .places import EVERY_TAX, SALES, Exemption
from .records import DISCOUNT, RECURRING, USAGE, ZERO, Account, AccountDiscount, Line
from .tariffs import INTERNET, OPEN_END

CERTIFIED = date(2021, 7, 1)
ENDED, BEGUN = (CERTIFIED, APRIL.last), (MAY.first, OPEN_END)
FREE_FROM_TO = (*(((CERTIFIED, OPEN_END),) * 4), ENDED, BEGUN)
ONE_IN = 5  # so many accounts have a discount
SMALLEST_SHARE = 10_000  # percents have two digits


class Offer(NamedTuple):
    """A discount that the carrier gives: a percentage or an amount, from what, how long."""

    percent: str = ""
    amount: str = ""
    category: str = ""  # of lines; blank: from all
    tariffs: tuple[str, ...] = ()  # from one of these; none: from all
    least: str = ""
    most: str = ""
    months: int = 0  # so many from its begin; 0: for ever


LOYALTY = Offer(percent="5.00", category=RECURRING)
WELCOME = Offer(amount="10.00", months=3)
HALF_A_YEAR = Offer(percent="15.00", category=RECURRING, months=6)
CALLS = Offer(percent="20.00", category=USAGE, most="5.00")
FIBER = Offer(amount="4.00", category=RECURRING, tariffs=INTERNET)
BIG, BIGGER = Offer(percent="2.50", least="60.00"), Offer(percent="4.00", least="180.00")
# What an account has together, in the order in which it is taken off.
GIVEN = (
    (LOYALTY,), (WELCOME,), (HALF_A_YEAR,), (CALLS,), (FIBER,), (BIG, BIGGER),
    (LOYALTY, WELCOME), (HALF_A_YEAR, CALLS), (FIBER, LOYALTY),
)  # fmt: skip
FIRST_GIVEN, LAST_GIVEN = date(2023, 10, 1), date(2024, 4, 30)


def give_discounts(account: Account, rng: Random) -> None:
    """Give one account in five a discount on its bills, or two."""
    account.discounts = []
    if rng.randrange(ONE_IN):
        return
    for place, offer in enumerate(rng.choice(GIVEN), 1):
        held = [s.tariff for s in account.services if s.tariff in offer.tariffs]
        if offer.tariffs and not held:
            continue
        account.discounts.append(
            AccountDiscount(
                number=f"A{account.key[1:]}{place}",
                place=place,
                percent=_amount(offer.percent),
                amount=_amount(offer.amount),
                category=offer.category,
                tariff=held[0] if held else "",
                least=_amount(offer.least),
                most=_amount(offer.most),
                first=random_day(rng, FIRST_GIVEN, LAST_GIVEN),
                months=offer.months,
            )
        )


def give_exemption(account: Account, rng: Random) -> None:
    """Give an account that is exempt its certificate: of the sales tax, or of every tax."""
    account.exemptions = []
    if account.exempt:
        first, last = rng.choice(FREE_FROM_TO)
        tax = SALES if rng.randrange(4) else EVERY_TAX
        certificate = f"certificate {account.state}-{rng.randrange(10**6):06}"
        account.exemptions.append(Exemption(tax, first, last, certificate))


def _amount(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def holds(discount: AccountDiscount, period: Period) -> bool:
    """Whether it holds on the period's first day; months are counted from the first whole one."""
    begun = 1 if discount.first.day > 1 else 0
    month = months_between(discount.first, period.first) - begun
    return month >= 0 and (not discount.months or month < discount.months)


def taken_off(
    discounts: Sequence[AccountDiscount], lines: Sequence[Line], period: Period
) -> Iterator[tuple[AccountDiscount, Line, Decimal]]:
    """What each discount takes of each line, in the order in which it is taken off."""
    left = _left_of_charges(lines)
    for discount in sorted(discounts, key=lambda each: each.place):
        if not holds(discount, period):
            continue
        mine = [n for n, cents in left.items() if cents > 0 and _fits(discount, lines[n])]
        base = sum(left[n] for n in mine)
        off = _off(discount, base)
        for n, share in _shared(off, base, mine, left, lines):
            left[n] -= share
            yield discount, lines[n], Decimal(share).scaleb(-2)


def _left_of_charges(lines: Sequence[Line]) -> dict[int, int]:
    """The cents of each charge, by its place on the bill, less its service's own discount."""
    own = {_charge(line): _cents(line.priced) for line in lines if line.category == DISCOUNT}
    return {
        n: _cents(line.priced) + (own.get(_charge(line), 0) if line.category == RECURRING else 0)
        for n, line in enumerate(lines)
        if line.category != DISCOUNT
    }


def _charge(line: Line) -> tuple[str, str, date]:
    return line.service_id, line.charge, line.first


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _fits(discount: AccountDiscount, line: Line) -> bool:
    return discount.category in ("", line.category) and discount.tariff in ("", line.tariff)


def _off(discount: AccountDiscount, base: int) -> int:
    """How many cents it takes off so many: cut, and never more than there is."""
    if base < _cents(discount.least or ZERO):
        return 0
    if discount.percent is not None:
        off = base * _cents(discount.percent) // SMALLEST_SHARE
    else:
        off = _cents(discount.amount or ZERO)
    most = base if discount.most is None else _cents(discount.most)
    return min(off, base, most)


def _shared(
    off: int, base: int, mine: list[int], left: dict[int, int], lines: Sequence[Line]
) -> Iterator[tuple[int, int]]:
    """The cents that each line bears."""
    parts = {n: divmod(off * left[n], base) for n in mine}
    order = sorted(mine, key=lambda n: (-parts[n][1], *_place(lines[n])))
    missing = off - sum(whole for whole, _ in parts.values())
    bearing = set(order[:missing])
    for n in mine:
        share = parts[n][0] + (n in bearing)
        if share:
            yield n, share


def _place(line: Line) -> tuple[str, str, str, date]:
    return line.service_id, line.category, line.charge, line.first
