"""What other rules would have charged: so a seeded defect has one explanation only."""

from decimal import Decimal
from itertools import product

from .accounts import DISCOUNT_PERCENTS
from .biller import at_price, exact_charge, half_up, truncated, unit_price
from .calendar import Period
from .places import JURISDICTIONS, Payer
from .records import Account, Bill, Line, Service
from .tariffs import TARIFFS, other_prices


def actual_days(line: Line) -> int:
    """Days that the line really covers."""
    return (line.last - line.first).days + 1


def actual_days_net(service: Service, line: Line, period: Period) -> Decimal:
    """The charge by days of the real months instead of thirty each."""
    amount = unit_price(service, line.charge, period) * service.quantity * actual_days(line)
    return truncated(amount / line.interval.length_days)


def other_version_nets(service: Service, line: Line, period: Period) -> set[Decimal]:
    """The charge at the tariff's other prices, truncated and rounded."""
    prices = other_prices(line.charge, period.first)
    months = line.interval.months
    exact = [exact_charge(amount, service.quantity, line.days, months) for amount in prices]
    return {way(amount) for amount in exact for way in (truncated, half_up)}


def explained_nets(service: Service, line: Line, period: Period) -> set[Decimal]:
    """Every net that some rule explains: any price, day count, rounding, discount or quantity."""
    prices = {v.price for tariff in TARIFFS.values() for v in tariff.versions}
    prices.add(unit_price(service, line.charge, period))
    whole = line.interval
    days = {(line.days, 30 * whole.months), (actual_days(line), whole.length_days), (1, 1)}
    quantities = {1, service.quantity - 1, service.quantity, service.quantity + 1}
    taken_off = (Decimal(0), *DISCOUNT_PERCENTS)
    exact = (
        amount * quantity * above / below * (100 - percent) / 100
        for amount, quantity, (above, below), percent in product(
            prices, quantities, days, taken_off
        )
    )
    return {way(amount) for amount in exact for way in (truncated, half_up)}


def lines_at(payer: Payer, bill: Bill) -> list[Line]:
    """What each line would be for somebody, in another jurisdiction perhaps."""
    return [at_price(line, line.priced, payer, bill.period) for line in bill.lines]


def another_place_fits(account: Account, bill: Bill) -> bool:
    """Whether some other jurisdiction gives exactly the taxes that stand on the bill."""
    others = (code for code in JURISDICTIONS if code != account.tax_code)
    return any(lines_at(account.payer._replace(code=code), bill) == bill.lines for code in others)
