"""The old rater: whole minutes, the price of the hour in which a call begins, cut to the cent."""

from decimal import Decimal

from .calendar import APRIL, MAY, SECONDS_PER_DAY, Period
from .rates import (
    ANY,
    DATA,
    DIALLED,
    FIRST_DAY_HOUR,
    FREE_MINUTES,
    LAST_DAY_HOUR,
    MESSAGE,
    NETWORKS,
    PLANS,
    ROAMING,
    UNITS,
    rate,
    zone,
)
from .records import Account, Call, Usage
from .traffic import MAY_BEGINS, is_free_of_charge

HOUR = 3_600
MILLS_PER_CENT = 10


def rate_usage(account: Account) -> None:
    """Price every call of the account, and add up what each month's bill charges."""
    tariffs = {service.service_id: service.tariff for service in account.services}
    account.charged = {}
    for service_id, calls in account.usage.items():
        rate_calls(calls, tariffs[service_id])
        for period, from_now in ((APRIL, False), (MAY, True)):
            mine = [call for call in calls if (call.received >= MAY_BEGINS) is from_now]
            if mine:
                account.charged[service_id, period.first] = Usage(
                    service_id,
                    tariffs[service_id],
                    len(mine),
                    Decimal(sum(call.cents for call in mine)).scaleb(-2),
                )


def charged(account: Account, period: Period) -> list[Usage]:
    """What the month's bill charges for usage, a service each: what was received in the month."""
    return [usage for (_, first), usage in account.charged.items() if first == period.first]


def rate_calls(calls: list[Call], tariff: str) -> None:
    """Price a service's calls in their order: its free minutes of a month go to the first ones."""
    left = [FREE_MINUTES.get(tariff, 0)] * 2
    for call in calls:
        units = -(-call.units // UNITS[call.kind])
        if is_free_of_charge(call, tariff):
            month = call.start >= MAY_BEGINS
            free = min(left[month], units)
            left[month] -= free
            units -= free
        call.cents = _mills(call, tariff, units) // MILLS_PER_CENT


def _mills(call: Call, tariff: str, units: int) -> int:
    """The price of so many minutes, messages or megabytes; nothing where there are none."""
    if not units:
        return 0
    day, second = divmod(call.start, SECONDS_PER_DAY)
    price = rate(PLANS[tariff], call.kind, zone_of(call), day)
    by_day = FIRST_DAY_HOUR <= second // HOUR <= LAST_DAY_HOUR
    return price.start_fee + units * (price.by_day if by_day else price.by_night)


def zone_of(call: Call) -> str:
    """Messages and data cost the same everywhere; a call abroad goes by the network."""
    if call.kind in (MESSAGE, DATA):
        return ANY
    if call.kind == ROAMING:
        return zone(NETWORKS, call.network)
    return zone(DIALLED, call.dialled)
