"""The seeded defects: one function a class, each spoiling one account's records and saying how.

A fault gets an account that is right and billed right, and its ordinal within the class, which
picks among the sorts of a class. It spoils the account and returns what it did, or returns None
where this account offers no opportunity; then another account is made in its place. Each leaves one
explanation only: where an amount could also be the outcome of another class, it declines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import NamedTuple

from .accounts import CHANNELS, DISCOUNT_PERCENTS, begin_on
from .alternatives import (
    actual_days,
    actual_days_net,
    another_place_fits,
    explained_nets,
    lines_at,
    other_version_nets,
)
from .biller import (
    CENT,
    Way,
    at_price,
    bill_both_months,
    discount,
    exact_charge,
    half_up,
    has_discount,
    truncated,
    unit_price,
)
from .calendar import APRIL, MAY, ONE_DAY, random_day, random_stamp
from .places import JURISDICTIONS, STANDARD, Payer
from .rater import rate_usage
from .records import (
    DISCOUNT,
    RECURRING,
    Account,
    AccountDiscount,
    Bill,
    Line,
    Service,
)
from .tariffs import INTERNET, PROMOTION, TARIFFS, UNKNOWN, other_prices
from .traffic import MAY_BEGINS, within_holding

TWO_CENTS = 2 * CENT
FOUR_CENTS = 4 * CENT  # more than the rounding of three taxes
ODD_AMOUNTS = tuple(map(Decimal, ("3.37", "-2.71", "1.83", "7.19", "-4.43", "11.57", "-1.13")))
SENTINELS = (Decimal("-1.00"), Decimal("9999999.99"))


class Spoiled(NamedTuple):
    """What a fault did: the record that it touched and the facts, for the truth file."""

    record: str
    detail: str


FaultFunction = Callable[[Account, int, Random], Spoiled | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A class of defect; `mid_cycle` where it needs a month that is charged in part."""

    code: str
    spoil: FaultFunction
    mid_cycle: bool


FAULTS: dict[str, Fault] = {}


def _fault(code: str, *, mid_cycle: bool = False) -> Callable[[FaultFunction], FaultFunction]:
    """Register the function below as the fault of this class."""

    def register(function: FaultFunction) -> FaultFunction:
        FAULTS[code] = Fault(code, function, mid_cycle)
        return function

    return register


class Charged(NamedTuple):
    """A recurring line with the bill it stands on and the service that it charges."""

    bill: Bill
    line: Line
    service: Service

    @property
    def record(self) -> str:
        """Bill and line number as in the extract."""
        return line_record(self.bill, self.line)


def line_record(bill: Bill, line: Line) -> str:
    """Bill and line number as in the extract."""
    return f"{bill.number}/{next(n for n, own in enumerate(bill.lines, 1) if own is line)}"


def _undiscounted(account: Account) -> list[Charged]:
    """The recurring lines on which no discount line depends."""
    return [
        Charged(bill, line, service)
        for bill in account.bills
        for line in bill.lines
        if line.category == RECURRING
        and not has_discount(service := account.service(line.service_id), bill.period)
    ]


def _exact(charged: Charged, price: Decimal) -> Decimal:
    """What the line charges at a price, before it is cut to cents."""
    line = charged.line
    return exact_charge(price, charged.service.quantity, line.days, line.interval.months)


def _billed(account: Account) -> list[Service]:
    """The services held throughout that a bill charges: not each is paid for in these months."""
    charged = {line.service_id for bill in account.bills for line in bill.lines if line.days > 1}
    return [service for service in account.whole_services if service.service_id in charged]


def _rebill(charged: Charged, account: Account, priced: Decimal, way: Way = truncated) -> None:
    """Put another amount on the line, with the net and the tax that follow from it."""
    line, period = charged.line, charged.bill.period
    other = at_price(line, priced, account.payer, period, way)
    line.priced, line.net, line.tax = other.priced, other.net, other.tax
    charged.bill.sum_up()


@_fault("FORMAT")
def format_differs(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The bills print the name or the ZIP code in another manner of writing."""
    name, postcode = account.name, account.postcode
    ways = (
        (name.upper(), postcode),
        (name, postcode.replace("-", " ")),
        (name.replace(" ", "  ", 1), postcode),
        (name, postcode.replace("-", "")),
    )
    printed = ways[ordinal % len(ways)]
    if printed == (name, postcode):
        return None
    for bill in account.bills:
        bill.name, bill.postcode = printed
    return Spoiled(account.key, f"{name}, {postcode} is printed as {printed[0]}, {printed[1]}")


@_fault("ENCODING")
def name_misread(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The bills print the UTF-8 bytes of an accented name as if they were cp1252."""
    garbled = account.name.encode().decode("cp1252")
    if garbled == account.name:
        return None
    for bill in account.bills:
        bill.name = garbled
    return Spoiled(account.key, f"{account.name} is printed as {garbled}")


@_fault("SENTINEL")
def price_means_not_set(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The inventory's special price is a number that means "not set"; the tariff was charged."""
    services = [s for s in _billed(account) if s.special_price is None]
    if not services:
        return None
    service = rng.choice(services)
    service.special_price = SENTINELS[ordinal % len(SENTINELS)]
    return Spoiled(service.service_id, f"special price {service.special_price} means not set")


@_fault("MAPPING")
def code_not_mapped(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The inventory's tariff is unknown, or is a promotion that the mapping takes for its base."""
    return (_promotion if ordinal % 2 else _unknown_tariff)(account, rng)


def _unknown_tariff(account: Account, rng: Random) -> Spoiled | None:
    if not account.whole_services:
        return None
    service = rng.choice(account.whole_services)
    true, service.tariff = service.tariff, rng.choice(UNKNOWN)
    return Spoiled(service.service_id, f"tariff {service.tariff} is in no table, billed as {true}")


def _promotion(account: Account, rng: Random) -> Spoiled | None:
    services = [s for s in account.whole_services if s.tariff in INTERNET]
    if not services:
        return None
    service = rng.choice(services)
    service.tariff = PROMOTION
    service.special_price = service.discount_percent = service.discount_to = None
    bill_both_months(account)
    old = TARIFFS[PROMOTION].versions[-1].price
    return Spoiled(service.service_id, f"tariff {PROMOTION} was {old}, its offering is cheaper")


@_fault("ROUNDING")
def rounded_half_up(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """One amount of one line was rounded half up instead of cut."""
    charged = _undiscounted(account)
    if not charged:
        return None
    one = rng.choice(charged)
    price = unit_price(one.service, one.line.charge, one.bill.period)
    exact = _exact(one, price)
    whole, before = one.line.priced, (one.line.net, one.line.tax)
    if half_up(exact) != whole:
        _rebill(one, account, half_up(exact))
    else:
        _rebill(one, account, whole, half_up)
    if (one.line.net, one.line.tax) == before:
        return None
    by_days = actual_days_net(one.service, one.line, one.bill.period)
    if one.line.priced == by_days != whole or another_place_fits(account, one.bill):
        return None
    return Spoiled(one.record, f"{before[0]} + {before[1]} tax is {one.line.net} + {one.line.tax}")


@_fault("PRORATION", mid_cycle=True)
def prorated_by_actual_days(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """A part of a month was charged by the real month's days instead of thirty."""
    parts = [c for c in _undiscounted(account) if actual_days(c.line) < c.line.interval.length_days]
    if not parts:
        return None
    one = rng.choice(parts)
    right, wrong = one.line.priced, actual_days_net(one.service, one.line, one.bill.period)
    versions = other_version_nets(one.service, one.line, one.bill.period)
    if abs(right - wrong) < TWO_CENTS or wrong in versions:
        return None
    one.line.days = actual_days(one.line)
    _rebill(one, account, wrong)
    return Spoiled(one.record, f"{one.line.days} real days: {wrong}, not {right}")


@_fault("TAX")
def taxed_elsewhere(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """One bill was taxed at another jurisdiction's rates, by more on a line than rounding gives."""
    bill, other = rng.choice(account.bills), rng.choice(JURISDICTIONS)
    lines = lines_at(account.payer._replace(code=other), bill)
    gaps = [abs(there.tax - line.tax) for there, line in zip(lines, bill.lines, strict=True)]
    if not any(gaps) or any(0 < gap < FOUR_CENTS for gap in gaps):
        return None
    bill.lines = lines
    bill.sum_up()
    sales = Payer(other).rates(STANDARD, bill.period.first)[0]
    return Spoiled(bill.number, f"taxed as {other} ({sales} %), not {account.tax_code}")


@_fault("PRICE_VERSION")
def other_price_version(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """One line charges a price of the tariff that was, or is to be, valid at another time."""
    options = [
        (charged, amount)
        for charged in _undiscounted(account)
        if charged.service.whole and charged.service.special_price is None
        for amount in other_prices(charged.line.charge, charged.bill.period.first)
    ]
    if not options:
        return None
    one, amount = rng.choice(options)
    right = one.line.priced
    _rebill(one, account, truncated(_exact(one, amount)))
    return Spoiled(one.record, f"charged at {amount}: {one.line.priced}, not {right}")


@_fault("DISCOUNT")
def discount_on_one_side(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The discount of a service or of the account stands on the bills only, or is held only."""
    ways = (
        *(_discount_not_held, _discount_not_billed),
        *(_account_discount_not_held, _account_discount_not_billed),
    )
    return ways[ordinal % len(ways)](account, rng)


def _account_discount_not_held(account: Account, rng: Random) -> Spoiled | None:
    given = _last_given(account)
    if given is None:
        return None
    account.discounts.remove(given)
    return Spoiled(given.number, "on the bills, and among nobody's discounts")


def _account_discount_not_billed(account: Account, rng: Random) -> Spoiled | None:
    given = _last_given(account)
    if given is None:
        return None
    for bill in account.bills:
        bill.lines = [line for line in bill.lines if line.discount != given.number]
        bill.sum_up()
    return Spoiled(given.number, "among the account's discounts, and on no bill")


def _last_given(account: Account) -> AccountDiscount | None:
    """The discount of the account that is taken off last, so that none depends on it."""
    billed = {line.discount for bill in account.bills for line in bill.lines}
    last = account.discounts[-1] if account.discounts else None
    return last if last and last.number in billed else None


def _discount_not_held(account: Account, rng: Random) -> Spoiled | None:
    billed = [
        {line.service_id for line in bill.lines if line.category == DISCOUNT}
        for bill in account.bills
    ]
    services = [s for s in account.whole_services if all(s.service_id in ids for ids in billed)]
    if not services:
        return None
    service = rng.choice(services)
    percent, service.discount_percent, service.discount_to = service.discount_percent, None, None
    return Spoiled(service.service_id, f"{percent} % on the bills, none in the inventory")


def _discount_not_billed(account: Account, rng: Random) -> Spoiled | None:
    services = [s for s in _billed(account) if s.discount_percent is None]
    if not services:
        return None
    service = rng.choice(services)
    percent = rng.choice(DISCOUNT_PERCENTS)
    if abs(discount(unit_price(service, service.tariff, APRIL), percent)) < TWO_CENTS:
        return None
    service.discount_percent = percent
    return Spoiled(service.service_id, f"{percent} % in the inventory, none on the bills")


@_fault("MISSING_PRODUCT")
def service_not_in_inventory(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """A service that both bills charge is not in the inventory."""
    billed = _billed(account)
    if len(billed) < 2:
        return None
    service = rng.choice(billed)
    account.services.remove(service)
    return Spoiled(service.service_id, f"{service.tariff} is billed and not in the inventory")


@_fault("MISSING_USAGE")
def usage_record_lost(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """A call that a bill charges is in no usage file."""
    known = {service.service_id for service in account.services}
    calls = [
        call
        for service_id, calls in account.usage.items()
        for call in calls
        if service_id in known and call.cents
    ]
    if not calls:
        return None
    call = rng.choice(calls)
    account.usage[call.service_id].remove(call)
    price = Decimal(call.cents).scaleb(-2)
    return Spoiled(call.record_id, f"charged with {price} and in no usage file")


@_fault("DUPLICATE")
def record_twice(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """A service or the customer stands in the extract twice, the same to the last byte."""
    if ordinal % 2:
        account.copies = 2
        return Spoiled(account.key, "the customer's record stands twice")
    service = rng.choice(account.services)
    account.services.insert(account.services.index(service), service)
    return Spoiled(service.service_id, "the service's record stands twice")


@_fault("TIMING", mid_cycle=True)
def billed_a_month_late(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """A service that began in the last days of April was first charged on the May bill."""
    late = account.services[-1]
    day = random_day(rng, date(2024, 4, 26), date(2024, 4, 30))
    for service in account.services:
        if service.end == late.start - ONE_DAY and service.mid_cycle:
            service.end = day - ONE_DAY  # it gave way to the late one and still does
            service.changed = random_stamp(rng, service.end)
    begin_on(late, day, rng)
    late.end = late.discount_percent = None
    _follow_the_holdings(account, late)
    bill_both_months(account)
    april, may = account.bill(APRIL), account.bill(MAY)
    if april is None or may is None:
        return None
    mine = [line for line in april.lines if line.service_id == late.service_id]
    if len(mine) == len(april.lines):
        return None
    april.lines = [line for line in april.lines if line not in mine]
    may.lines += mine
    line = mine[0]
    for bill in (april, may):
        bill.sum_up()
    return Spoiled(line_record(may, line), f"{line.net} from {line.first} stands on {may.number}")


def _follow_the_holdings(account: Account, late: Service) -> None:
    """Take away calls made while a service was not held; of the late one keep those of May."""
    for service in account.services:
        calls = within_holding(service, account.usage.get(service.service_id, []))
        if service.service_id in account.usage:
            account.usage[service.service_id] = calls
    if late.service_id in account.usage:
        calls = account.usage[late.service_id]
        account.usage[late.service_id] = [call for call in calls if call.start >= MAY_BEGINS]
    rate_usage(account)


@_fault("STALE_EXTRACT")
def inventory_is_older(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The inventory holds the service as it was before its last change; the bills are newer."""
    channels = ordinal % 3 == 2
    services = [
        s
        for s in _billed(account)
        if (s.quantity > 1 if channels else s.special_price is not None)
        and s.start < _changed_day(s)
    ]
    if not services:
        return None
    service = rng.choice(services)
    newer, billed_from = (service.quantity, service.special_price), service.changed
    if channels:
        service.quantity = rng.choice([q for q in CHANNELS if q != service.quantity])
    else:
        charged = unit_price(service, service.tariff, APRIL)
        service.special_price = charged + Decimal(rng.randrange(50, 400)).scaleb(-2)
    older = service.quantity, service.special_price
    detail = f"quantity {older[0]} at {older[1]}, billed {newer[0]} at {newer[1]}"
    before_change = random_day(rng, service.start, _changed_day(service) - ONE_DAY)
    service.changed = random_stamp(rng, before_change)
    return Spoiled(service.service_id, f"{detail} from the record of {billed_from}")


def _changed_day(service: Service) -> date:
    return date.fromisoformat(service.changed[:8])


@_fault("CARRY_FORWARD")
def balance_is_not_the_items(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """The balance carried forward is not the sum of the open items."""
    if not account.items:
        return None
    amount = abs(rng.choice(ODD_AMOUNTS))
    items = account.balance
    account.balance += amount if items >= 0 else -amount
    return Spoiled(account.key, f"balance {account.balance}, open items {items}")


@_fault("ALLOCATION")
def paid_on_another_item(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """What one item has too much open, another has too little; the sum is right."""
    invoices = [item for item in account.items if item.kind == "I" and item.left > TWO_CENTS]
    if len(invoices) < 2:
        return None
    over, under = rng.sample(invoices, 2)
    amount = Decimal(rng.randrange(1, int(under.left * 100))).scaleb(-2)
    over.left += amount
    under.left -= amount
    return Spoiled(over.number, f"{amount} too much open here, too little at {under.number}")


@_fault("SOURCE_DEFECT")
def header_is_not_the_lines(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """A bill's header differs from the sum of its lines."""
    bill, amount = rng.choice(account.bills), rng.choice(ODD_AMOUNTS)
    bill.net += amount
    bill.total += amount
    return Spoiled(bill.number, f"header is {amount} over the lines")


@_fault("UNEXPLAINED")
def amount_without_a_rule(account: Account, ordinal: int, rng: Random) -> Spoiled | None:
    """One line's net is off by an odd amount that no rule of any class explains."""
    charged = _undiscounted(account)
    if not charged:
        return None
    one, amount = rng.choice(charged), rng.choice(ODD_AMOUNTS)
    wrong = one.line.net + amount
    if wrong <= 0 or wrong in explained_nets(one.service, one.line, one.bill.period):
        return None
    one.line.net = wrong
    one.bill.sum_up()
    return Spoiled(one.record, f"{wrong} is {amount} more than any rule gives")
