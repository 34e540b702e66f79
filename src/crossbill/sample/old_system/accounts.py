"""Making one account: who it is, what it holds and what it owes, all without a mistake."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from .calendar import APRIL, MAY, ONE_DAY, day_text, random_day, random_stamp
from .names import organisation, person
from .places import PLACES, STREETS
from .plan import CHILD, CREDIT, DISPUTED, MID_CYCLE, SUSPENDED, Plan
from .records import ANYTHING, RECURRING, USAGE, ZERO, Account, Item, Service, Share
from .tariffs import (
    BUNDLES,
    BUSINESS_BASICS,
    BY_CHANNEL,
    CONSUMER_BASICS,
    INTERNET,
    PAID_AHEAD,
    price,
)

FIRST_OPENED, LAST_OPENED = date(2016, 1, 1), date(2024, 2, 28)
LAST_QUIET_DAY = date(2024, 3, 31)
MOST_SERVICES = 6
SERVICE_COUNTS = (1, 2, 2, 3, 3, 3, 4, 4, 5, 6)
CHANNELS = (2, 4, 5, 8, 10, 15, 20, 30, 60)
DISCOUNT_PERCENTS = tuple(map(Decimal, ("5.00", "7.50", "10.00", "12.50", "15.00", "20.00")))
DISCOUNT_ENDS = (date(2024, 3, 15), date(2024, 4, 30), date(2024, 5, 1), date(2024, 12, 31))
SHARES = ((ANYTHING, 100), (ANYTHING, 60), (ANYTHING, 50), (RECURRING, 100), (USAGE, 75), ("", 0))
SHARED_SINCE = (date(2023, 7, 1), date(2023, 7, 1), date(2024, 4, 2))  # the last: since May
SPECIAL_PERCENTS = (70, 75, 80, 85, 88, 92, 95)


def account_key(index: int) -> str:
    """The customer number of the account at this place of the estate."""
    return f"C{index + 1:09}"


def make_account(index: int, plan: Plan, rng: Random) -> Account:
    """One account with services and open items, hard in the way that the plan says."""
    account = _identity(index, rng)
    _give_services(account, rng)
    _give_items(account, rng)
    if plan.hard == MID_CYCLE:
        _change_mid_cycle(account, rng)
    elif plan.hard == CREDIT:
        _give_credit(account, rng)
    elif plan.hard == CHILD and plan.parent is not None:
        account.parent = account_key(plan.parent)
        account.paid = None if plan.fault else _paid_by_the_parent(rng)
    account.status = "S" if plan.hard == SUSPENDED else "A"
    account.disputed = plan.hard == DISPUTED
    account.balance = sum((item.left for item in account.items), ZERO)
    return account


def _identity(index: int, rng: Random) -> Account:
    """Name, address and jurisdiction."""
    business = rng.randrange(4) == 0
    place = rng.choice(PLACES)
    plus4 = f"-{rng.randrange(1, 10_000):04}" if rng.randrange(5) < 2 else ""
    opened = random_day(rng, FIRST_OPENED, LAST_OPENED)
    return Account(
        key=account_key(index),
        name=organisation(rng) if business else person(rng),
        kind="B" if business else "P",
        segment=("EN" if rng.randrange(5) == 0 else "SB") if business else "RC",
        street=f"{rng.randrange(1, 9_900)} {rng.choice(STREETS)}",
        city=place.city,
        state=place.state,
        postcode=f"{place.zip_prefix}{rng.randrange(1, 99):02}{plus4}",
        tax_code=place.tax_code,
        exempt=business and rng.randrange(12) == 0,
        opened=opened,
        changed=random_stamp(rng, random_day(rng, opened, LAST_QUIET_DAY)),
    )


def _give_services(account: Account, rng: Random) -> None:
    """One to six services; a few that ended long ago, are new, or begin after the extract."""
    basics = _basics(account)
    first = rng.choice(INTERNET if rng.randrange(4) else basics)
    others = [code for code in (*basics, *PAID_AHEAD) if code != first]
    others = rng.sample(others, MOST_SERVICES - 1)
    for code in [first, *others][: rng.choice(SERVICE_COUNTS)]:
        account.services.append(_service(account, code, rng))
    for service in account.services[1:]:
        chance = rng.randrange(100)
        if chance < 3:
            service.end = random_day(rng, service.start, LAST_QUIET_DAY)
        elif chance == 3:
            service.start = random_day(rng, date(2024, 6, 3), date(2024, 7, 1))
            service.contract_end = None
        elif chance in (4, 5):
            begin_on(service, APRIL.first, rng)


def _basics(account: Account) -> tuple[str, ...]:
    return BUSINESS_BASICS if account.kind == "B" else CONSUMER_BASICS


def _service(account: Account, code: str, rng: Random) -> Service:
    """A service held since some day before the billed months."""
    start = random_day(rng, account.opened, LAST_QUIET_DAY)
    discounted = rng.randrange(10) == 0
    contract = rng.randrange(10) < 3
    return Service(
        service_id=f"S{account.key[1:]}{len(account.services) + 1}",
        tariff=code,
        quantity=rng.choice(CHANNELS) if code in BY_CHANNEL else 1,
        start=start,
        end=None,
        special_price=special_price(code, rng) if _has_own(code, rng) else None,
        discount_percent=rng.choice(DISCOUNT_PERCENTS) if discounted else None,
        discount_to=rng.choice(DISCOUNT_ENDS) if discounted and rng.randrange(3) == 0 else None,
        contract_end=random_day(rng, MAY.after, date(2026, 5, 31)) if contract else None,
        changed=random_stamp(rng, random_day(rng, start, LAST_QUIET_DAY)),
    )


def _has_own(code: str, rng: Random) -> bool:
    """Three in twenty-five have a price of their own; of a bundle nobody has: it has several."""
    return rng.randrange(25) < 3 and code not in BUNDLES


def special_price(code: str, rng: Random) -> Decimal:
    """A grandfathered price, some percent under the list, in whole cents."""
    list_cents = int(price(code, APRIL.first) * 100)
    return Decimal(list_cents * rng.choice(SPECIAL_PERCENTS) // 100 - rng.randrange(3)).scaleb(-2)


def _paid_by_the_parent(rng: Random) -> Share | None:
    """In four cases of five the parent pays: all of it, a part, or what is of one kind."""
    kind, percent = rng.choice(SHARES)
    since = rng.choice(SHARED_SINCE)
    return Share(kind, Decimal(percent), since) if percent else None


def _change_mid_cycle(account: Account, rng: Random) -> None:
    """A service ends, begins, or gives way to another inside the billed months; the first stays."""
    del account.services[MOST_SERVICES - 2 :]
    day = random_day(rng, date(2024, 4, 3), date(2024, 5, 30))
    kind = rng.choice(("change", "change", "begin", "end"))
    if kind != "begin":
        ending = _add_service(account, rng)
        ending.end = day - ONE_DAY
        ending.contract_end = _broken_contract(rng) if kind == "end" else None
        ending.changed = random_stamp(rng, ending.end)
    if kind != "end":
        begin_on(_add_service(account, rng), day, rng)


def _broken_contract(rng: Random) -> date | None:
    """The end of a contract that a customer leaves early, in one case of two; a change keeps it."""
    return random_day(rng, date(2024, 7, 1), date(2025, 4, 30)) if rng.randrange(2) else None


def _add_service(account: Account, rng: Random) -> Service:
    """One more service of a kind that the account may hold."""
    code = rng.choice((*_basics(account), *PAID_AHEAD))
    account.services.append(_service(account, code, rng))
    return account.services[-1]


def begin_on(service: Service, day: date, rng: Random) -> None:
    """Let the service begin on the day, as a change of that day."""
    service.start = day
    service.discount_to = None
    service.changed = random_stamp(rng, day)


def _give_items(account: Account, rng: Random) -> None:
    """Older invoices not fully paid, for three in five; sometimes a payment not yet allocated.

    They are from before the two billed months: this old system posts a bill long after printing it.
    """
    if rng.randrange(5) >= 3:
        return
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
        add_invoice(account, rng)
    owed = sum((item.left for item in account.items), ZERO)
    if rng.randrange(10) == 0:
        _add_item(account, "P", -_cents(rng, 1, int(owed * 100)), rng)


def add_invoice(account: Account, rng: Random) -> Item:
    """One more invoice, unpaid or partly paid."""
    amount = _cents(rng, 1_500, 30_000)
    item = _add_item(account, "I", amount, rng)
    if rng.randrange(3) == 0:
        item.paid = _cents(rng, 100, int(amount * 100) - 100)
        item.left = item.original - item.paid
    return item


def _give_credit(account: Account, rng: Random) -> None:
    """A credit note or payment larger than all that is owed."""
    owed = sum((item.left for item in account.items), ZERO)
    _add_item(account, rng.choice("CP"), -owed - _cents(rng, 100, 20_000), rng)


def _add_item(account: Account, kind: str, amount: Decimal, rng: Random) -> Item:
    """An item of the winter before."""
    day = random_day(rng, date(2023, 9, 1), date(2024, 3, 20))
    number = len(account.items) + 1
    item = Item(
        number=f"I{account.key[1:]}{number:02}",
        kind=kind,
        document=f"D{day_text(day)[2:6]}{account.key[1:]}{number}",
        document_date=day,
        due_date=day + timedelta(days=21) if kind == "I" else day,
        original=amount,
        paid=ZERO,
        left=amount,
    )
    account.items.append(item)
    return item


def _cents(rng: Random, least: int, most: int) -> Decimal:
    """An amount between two numbers of cents, both included."""
    return Decimal(rng.randrange(least, most + 1)).scaleb(-2)
