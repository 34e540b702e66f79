"""The old system's records in memory, as its extract will hold them."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from .calendar import APRIL, MAY, ONE_DAY, PERIODS, Period
from .places import Exemption, Payer
from .tariffs import TAXES_WITHIN

ZERO = Decimal("0.00")
RECURRING, DISCOUNT, USAGE, ONE_TIME = "R", "D", "U", "O"
UP_TO_MINIMUM = "M"  # what is missing of an agreed minimum
ANYTHING = "*"
OF_ACCOUNT = "A"  # what a discount of the account takes off, not one of a service
EARLY_END = "X"  # a kind of charge; on a bill it stands as a one-time line
CALLS = "USG"  # the charge of a tariff that says how its usage is taxed; bills leave it blank


@dataclass(slots=True)
class Service:
    """One row of the service inventory. `end` is the last day charged, an old habit."""

    service_id: str
    tariff: str
    quantity: int
    start: date
    end: date | None
    special_price: Decimal | None
    discount_percent: Decimal | None
    discount_to: date | None  # the discount holds while this lies after the period's first day
    contract_end: date | None
    changed: str

    @property
    def mid_cycle(self) -> bool:
        """Whether it begins or ends inside the two billed months, not at their edges."""
        if APRIL.first < self.start < MAY.after:
            return True
        return self.end is not None and APRIL.first < self.end + ONE_DAY < MAY.after

    @property
    def whole(self) -> bool:
        """Whether it was held throughout both billed months."""
        return self.start <= APRIL.first and (self.end is None or self.end + ONE_DAY >= MAY.after)


@dataclass(slots=True)
class AccountDiscount:
    """A discount on an account's bills: a percentage or an amount. Of two the first is first."""

    number: str
    place: int
    percent: Decimal | None
    amount: Decimal | None
    category: str  # of the lines that it is taken from; blank: of all
    tariff: str  # blank: of any
    least: Decimal | None  # only where at least so much is there
    most: Decimal | None  # so much of one bill at most
    first: date
    months: int  # so many; 0: for ever


class Minimum(NamedTuple):
    """What an account agreed to be charged each month at least; `last` is the last day of it."""

    number: str
    service_id: str  # only what this one is charged counts; blank: all
    kind: str  # only lines of this category count; blank: all
    amount: Decimal
    by_days: bool  # a month in part needs its days of it only
    first: date
    last: date | None


@dataclass(slots=True)
class Item:
    """An open item; what is owed to the carrier is positive."""

    number: str
    kind: str  # I invoice, C credit note, P payment on account
    document: str
    document_date: date
    due_date: date
    original: Decimal
    paid: Decimal
    left: Decimal


@dataclass(slots=True)
class Line:
    """A bill line; `first` and `last` are both charged, `days` counts a month as thirty."""

    service_id: str
    tariff: str
    charge: str  # which of what the tariff charges; empty for usage
    category: str
    first: date
    last: date
    days: int
    changed: str
    interval: Period  # the days that the whole price would pay for
    group: str  # of charges, for tax
    priced: Decimal = ZERO  # as the price says it: where it contains its taxes, with them
    net: Decimal = ZERO
    tax: Decimal = ZERO
    units: int | None = None  # usage records behind a usage line
    discount: str = ""  # of the account, that it takes off
    minimum: str = ""  # of which agreed minimum it is what is missing
    off: str = ""  # the category of the line that it is taken from

    @property
    def kind(self) -> str:
        """The kind of charge; a discount goes with what it is taken from."""
        return RECURRING if self.category == DISCOUNT else self.off or self.category

    @property
    def taxes_within(self) -> bool:
        """Whether the price contains its taxes."""
        return self.charge in TAXES_WITHIN


@dataclass(slots=True)
class Call:
    """A usage record: a call, a message or a data session; instants count from 1 April, local."""

    record_id: str
    service_id: str
    kind: str
    start: int
    units: int  # seconds, messages or bytes
    dialled: str
    network: str
    received: int = 0
    cents: int = 0  # what the old rater made of it


class Usage(NamedTuple):
    """What a month's bill charges for the usage of one service."""

    service_id: str
    tariff: str
    records: int
    net: Decimal


@dataclass(slots=True)
class Bill:
    """A bill; in an old system its header is not always the sum of its lines."""

    number: str
    period: Period
    name: str
    postcode: str
    lines: list[Line]
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO

    def sum_up(self) -> None:
        """Set the header to the sum of the lines."""
        self.net = sum((line.net for line in self.lines), ZERO)
        self.tax = sum((line.tax for line in self.lines), ZERO)
        self.total = self.net + self.tax


class Share(NamedTuple):
    """Which part of a kind of charges another customer pays; the rest is the customer's own."""

    kind: str  # a category of charges, or ANYTHING
    percent: Decimal
    first: date  # a month whose first day lies on or after it is paid so


class Terms(NamedTuple):
    """How the bills reach the customer, in which language, and how well it pays."""

    medium: str = "P"  # P paper, W customer web, M mail by internet
    language: str = "EN"
    credit: str = " "  # A good, B fair, C poor; blank: nobody has looked


@dataclass(slots=True)
class Account:
    """Customer and billing account in one, with all that hangs on it."""

    key: str
    name: str
    kind: str  # P person, B business
    segment: str
    street: str
    city: str
    state: str
    postcode: str
    tax_code: str
    opened: date
    changed: str
    parent: str = ""
    paid: Share | None = None  # what its parent pays of its bills
    status: str = "A"
    disputed: bool = False
    balance: Decimal = ZERO
    copies: int = 1
    services: list[Service] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    discounts: list[AccountDiscount] = field(default_factory=list)
    minimums: list[Minimum] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    usage: dict[str, list[Call]] = field(default_factory=dict)  # by service, as the files hold it
    charged: dict[tuple[str, date], Usage] = field(default_factory=dict)  # by service and month
    exempt: bool = False  # of some tax
    exemptions: list[Exemption] = field(default_factory=list)
    terms: Terms = field(default_factory=Terms)

    @property
    def payer(self) -> Payer:
        """Who is taxed for what the account is billed."""
        return Payer(self.tax_code, tuple(self.exemptions))

    @property
    def whole_services(self) -> list[Service]:
        """The services that stand on both bills for full months."""
        return [service for service in self.services if service.whole]

    def service(self, service_id: str) -> Service:
        """The service that a line charges."""
        return next(s for s in self.services if s.service_id == service_id)

    def bill(self, period: Period) -> Bill | None:
        """The bill of the period, where there is one."""
        return next((bill for bill in self.bills if bill.period == period), None)

    @property
    def billed_twice(self) -> bool:
        """Whether there is a bill for each month."""
        return len(self.bills) == len(PERIODS)
