"""The old biller: one account at a time, in decimals, with 30-day months and truncation."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from .agreements import missing
from .calendar import ONE_DAY, PERIODS, Period, month_after, months_between
from .discounts import taken_off
from .places import STANDARD, TELECOM, Payer
from .rater import charged
from .records import (
    DISCOUNT,
    OF_ACCOUNT,
    ONE_TIME,
    RECURRING,
    UP_TO_MINIMUM,
    USAGE,
    ZERO,
    Account,
    Bill,
    Line,
    Service,
    Usage,
)
from .tariffs import EARLY_ENDS, TARIFFS, TELECOM_TARIFFS, TELECOM_USAGE, charges, price

CENT = Decimal("0.01")
DAYS_PER_MONTH = 30
Way = Callable[[Decimal], Decimal]  # how an amount becomes whole cents


def truncated(amount: Decimal) -> Decimal:
    """Whole cents, cut toward zero; adding zero turns the -0.00 of a tiny credit into 0.00."""
    return amount.quantize(CENT, ROUND_DOWN) + ZERO


def half_up(amount: Decimal) -> Decimal:
    """Whole cents, commercially rounded: what this biller does not do."""
    return amount.quantize(CENT, ROUND_HALF_UP) + ZERO


def days_360(first: date, after: date) -> int:
    """Days of the half-open interval when each month has thirty."""
    thirty = DAYS_PER_MONTH
    return thirty * months_between(first, after) + min(after.day, thirty) - min(first.day, thirty)


def exact_charge(amount: Decimal, quantity: int, days: int, months: int = 1) -> Decimal:
    """Price of so many months times units for these days, before it is cut to cents."""
    return amount * quantity * days / (DAYS_PER_MONTH * months)


def exact_share(amount: Decimal, percent: Decimal) -> Decimal:
    """A percentage of an amount, before it is cut to cents."""
    return amount * percent / 100


def at_price(
    line: Line, priced: Decimal, payer: Payer, period: Period, way: Way = truncated
) -> Line:
    """The line with an amount as its price says it, by the tax rates of the period's first day."""
    made = replace(line, priced=priced, net=priced)
    if line.taxes_within:
        made.net, made.tax = without_taxes(priced, payer.stated(line.group, period.first), way)
    else:
        made.tax = taxed(priced, payer.rates(line.group, period.first), way)
    return made


def taxed(net: Decimal, rates: Iterable[Decimal], way: Way) -> Decimal:
    """What the taxes take of an amount, each cut by itself."""
    return sum((way(exact_share(net, rate)) for rate in rates), ZERO)


def without_taxes(
    priced: Decimal, stated: list[tuple[Decimal, bool]], way: Way
) -> tuple[Decimal, Decimal]:
    """Net and tax of a price that contains its taxes, the highest of which comes first.

    The net amount is cut, and what each of the others takes of it; the highest is the rest. Who
    need not pay a tax pays less by its part.
    """
    net = way(priced * 100 / (100 + sum(rate for rate, _ in stated)))
    others = [way(exact_share(net, rate)) for rate, _ in stated[1:]]
    parts = [priced - net - sum(others, ZERO), *others]
    return net, sum((part for part, (_, due) in zip(parts, stated, strict=True) if due), ZERO)


def tax_group(charge: str) -> str:
    """Whether a tariff or a fee is taxed as telecommunications."""
    return TELECOM if charge in TELECOM_TARIFFS else STANDARD


def usage_group(tariff: str) -> str:
    """Whether what is used of a tariff is taxed as telecommunications."""
    return TELECOM if tariff in TELECOM_USAGE else STANDARD


def unit_price(service: Service, charge: str, period: Period) -> Decimal:
    """The customer's special price, else the charge's price on the period's first day."""
    if service.special_price is not None:
        return service.special_price
    return price(charge, period.first)


def has_discount(service: Service, period: Period) -> bool:
    """Whether a discount still holds after the period's first day."""
    if service.discount_percent is None:
        return False
    return service.discount_to is None or service.discount_to > period.first


def paid_at_once(service: Service, period: Period) -> Period | None:
    """What the service is charged for on the bill of the month: the month, or several ahead.

    Several months are counted from the one in which the service began.
    """
    months = TARIFFS[service.tariff].months
    held = months_between(service.start, period.first)
    if held < 0 or held % months:
        return None
    return Period(period.first, month_after(period.first, months))


def charged_days(service: Service, interval: Period) -> tuple[date, date] | None:
    """First charged day and first day no longer charged within the interval, if any.

    Of months that are paid ahead too: an end is known when the bill is made.
    """
    first = max(service.start, interval.first)
    after = interval.after if service.end is None else min(service.end + ONE_DAY, interval.after)
    return (first, after) if first < after else None


def service_lines(service: Service, period: Period, payer: Payer) -> list[Line]:
    """The charges of one service and, apart, their discounts; and what it costs to begin or end."""
    lines = [
        line
        for charge in charges(service.tariff)
        for line in _monthly(service, charge, period, payer)
    ]
    return lines + _fees(service, period, payer)


def _monthly(service: Service, charge: str, period: Period, payer: Payer) -> list[Line]:
    """What one of the service's prices comes to on the bill of the month, and its discount."""
    interval = paid_at_once(service, period)
    charged = charged_days(service, interval) if interval else None
    days = days_360(*charged) if charged else 0
    if not interval or not charged or days == 0:
        return []
    price = unit_price(service, charge, period)
    whole = truncated(exact_charge(price, service.quantity, days, interval.months))
    amounts = [(RECURRING, whole)]
    if has_discount(service, period):
        amounts.append((DISCOUNT, discount(whole, service.discount_percent)))
    return [
        at_price(
            Line(
                service.service_id,
                service.tariff,
                charge,
                category,
                charged[0],
                charged[1] - ONE_DAY,
                days,
                service.changed,
                interval,
                tax_group(charge),
            ),
            amount,
            payer,
            period,
        )
        for category, amount in amounts
        if category == RECURRING or amount
    ]


def months_left(service: Service) -> int:
    """The months of the contract that are left when the service ends, begun ones counted."""
    if service.end is None or service.contract_end is None:
        return 0
    after, until = service.end + ONE_DAY, service.contract_end
    begun = 1 if until.day > after.day else 0
    return max(months_between(after, until) + begun, 0)


def due_once(service: Service, period: Period) -> Iterator[tuple[str, date, int]]:
    """The fees that the service owes in the month: which, on what day, how many times."""
    start, end = service.start, service.end
    never = end is not None and end < start
    fee, early = TARIFFS[service.tariff].fee, EARLY_ENDS.get(service.tariff)
    if fee and not never and period.first <= start < period.after:
        yield fee, start, service.quantity
    if early and end and not never and period.first <= end < period.after:
        yield early, end, service.quantity * months_left(service)


def _fees(service: Service, period: Period, payer: Payer) -> list[Line]:
    """What is due once, when the service begins or ends before its contract does."""
    return [
        at_price(
            Line(
                service.service_id,
                service.tariff,
                fee,
                ONE_TIME,
                day,
                day,
                1,
                service.changed,
                Period(day, day + ONE_DAY),
                tax_group(fee),
            ),
            price(fee, period.first) * times,
            payer,
            period,
        )
        for fee, day, times in due_once(service, period)
        if times
    ]


def usage_line(usage: Usage, period: Period, payer: Payer) -> Line:
    """The usage of one service that was received in the period: a sum of prices, each cut."""
    line = Line(
        usage.service_id,
        usage.tariff,
        "",
        USAGE,
        period.first,
        period.last,
        DAYS_PER_MONTH,
        changed="",
        interval=period,
        group=usage_group(usage.tariff),
        units=usage.records,
    )
    return at_price(line, usage.net, payer, period)


def discount(amount: Decimal, percent: Decimal | None) -> Decimal:
    """What a discount takes off an amount, below zero."""
    return -truncated(exact_share(amount, percent or ZERO)) + ZERO


def discount_lines(account: Account, lines: list[Line], period: Period) -> list[Line]:
    """What the account's own discounts take off, a line for each line that bears a part of one."""
    return [
        replace(
            at_price(line, -share, account.payer, period),
            category=OF_ACCOUNT,
            units=None,
            discount=given.number,
            off=line.category,
        )
        for given, line, share in taken_off(account.discounts, lines, period)
    ]


def minimum_lines(account: Account, lines: list[Line], period: Period) -> list[Line]:
    """What is missing of what the account agreed to be charged at least, taxed as what is sold."""
    return [
        at_price(
            Line(
                minimum.service_id,
                "",
                "",
                UP_TO_MINIMUM,
                period.first,
                period.last,
                DAYS_PER_MONTH,
                changed="",
                interval=period,
                group=STANDARD,
                minimum=minimum.number,
            ),
            lacks,
            account.payer,
            period,
        )
        for minimum, lacks in missing(account.minimums, lines, period)
    ]


def bill(account: Account, period: Period) -> Bill | None:
    """One account's bill of one month, or none where nothing is charged."""
    payer = account.payer
    lines = [line for service in account.services for line in service_lines(service, period, payer)]
    lines += [usage_line(usage, period, payer) for usage in charged(account, period)]
    lines += discount_lines(account, lines, period)
    lines += minimum_lines(account, lines, period)
    if not lines:
        return None
    made = Bill(bill_number(account, period), period, account.name, account.postcode, lines)
    made.sum_up()
    return made


def bill_number(account: Account, period: Period) -> str:
    """Month and customer."""
    return f"B{period.first:%y%m}{account.key[1:]}"


def bill_both_months(account: Account) -> None:
    """Give the account its two old bills."""
    made = (bill(account, period) for period in PERIODS)
    account.bills = [one for one in made if one is not None]
