"""How the accounts pay, how far they are dunned, their mandates and deposits; and faults in these.

What a control has to find is seeded here. None of it changes a bill, and none has a class.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from .calendar import MAY, NOT_SET, ONE_DAY, day_text, random_day
from .files import amount, day_or
from .plan import ACCOUNTS_PER_DEFECT, Plan, share
from .records import ZERO, Account

COLLECTIONS, MANDATES, DEPOSITS = "COLLECT.CSV", "MANDATE.CSV", "DEPOSIT.CSV"
COLLECTION_HEADERS = {
    COLLECTIONS: "CUST_NO;PAY_MTH;DUN_LVL;DUN_DT",
    MANDATES: "MND_REF;CUST_NO;BANK;ACCT_L4;SIGN_DT;END_DT",
    DEPOSITS: "DEP_NO;CUST_NO;DEP_DT;DEP_AMT;RFD_AMT;HELD_AMT",
}
COLLECTION_CONTROL_FIELDS = {COLLECTIONS: "DUN_LVL", MANDATES: "", DEPOSITS: "HELD_AMT"}
CONTROLS_TRUTH = "controls.csv"
CONTROLS_HEADER = "control,account_key,record,detail"

AS_OF_DATE = MAY.after
DUNNING_DAYS = (14, 60, 120)  # days past due at which each reminder goes out
DEBIT, INVOICE = "D", "I"
BANKS = ("021000021", "026009593", "111000025", "121000248", "322271627")
FIRST_SIGNED = date(2017, 1, 1)
DEPOSIT_AMOUNTS = tuple(map(Decimal, ("50.00", "75.00", "100.00", "150.00", "200.00", "300.00")))


@dataclass(frozen=True)
class Mandate:
    """A permission to debit; `last` is the last day on which it holds."""

    reference: str
    bank: str
    digits: str
    signed: date
    last: date | None = None


@dataclass(frozen=True)
class Deposit:
    """Money paid in as security."""

    number: str
    received_on: date
    received: Decimal
    refunded: Decimal
    held: Decimal


@dataclass
class Collection:
    """How one account pays, and what the old system does where it does not."""

    method: str
    level: int
    reminded_on: date | None
    mandates: list[Mandate] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)


def collection_plan(
    bounds: tuple[int, int], accounts: int, plans: dict[int, Plan], rng: Random
) -> dict[int, str]:
    """Which accounts of a chunk get a fault that a control has to find; all else is right there."""
    free = [index for index in range(*bounds) if index not in plans]
    counted = share(max(1, accounts // ACCOUNTS_PER_DEFECT), bounds, accounts)
    faults = [control for control in FAULTS for _ in counted]
    return dict(zip(rng.sample(free, len(faults)), faults, strict=True))


def make_collection(account: Account, fault: str, rng: Random) -> tuple[Collection, list[str]]:
    """How the account pays, and the row of the truth where it was spoilt."""
    method = DEBIT if rng.randrange(100) < 45 or fault == "mandates" else INVOICE
    level, reminded_on = _dunning(account)
    made = Collection(method, level, reminded_on)
    if method == DEBIT:
        made.mandates = _mandates(account, rng)
    if rng.randrange(100) < 8 or fault == "deposits":
        made.deposits = [_deposit(account, rng)]
    if not fault:
        return made, []
    record, detail = FAULTS[fault](account, made)
    return made, [f'{fault},{account.key},{record},"{detail}"']


def _dunning(account: Account) -> tuple[int, date | None]:
    """The level of the oldest invoice that is overdue; none in a dispute or where nothing is owed.

    And the day on which the last reminder went out.
    """
    open_ = [item for item in account.items if item.kind == "I" and item.left > ZERO]
    owed = sum((item.left for item in account.items), ZERO)
    if not open_ or owed <= ZERO or account.disputed:
        return 0, None
    due = min(item.due_date for item in open_)
    passed = [days for days in DUNNING_DAYS if (AS_OF_DATE - due).days >= days]
    return len(passed), due + timedelta(days=passed[-1]) if passed else None


def _mandates(account: Account, rng: Random) -> list[Mandate]:
    """One that holds; in one case of eight, one before it that ended when the bank was changed."""
    signed = random_day(rng, max(account.opened, FIRST_SIGNED), date(2024, 2, 29))
    now = Mandate(f"M{account.key[1:]}2", rng.choice(BANKS), f"{rng.randrange(10_000):04}", signed)
    if rng.randrange(8):
        return [now]
    bank, digits = rng.choice(BANKS), f"{rng.randrange(10_000):04}"
    before = Mandate(f"M{account.key[1:]}1", bank, digits, account.opened, signed)
    return [before, now] if account.opened <= signed else [now]


def _deposit(account: Account, rng: Random) -> Deposit:
    received = rng.choice(DEPOSIT_AMOUNTS)
    refunded = rng.choice((ZERO, ZERO, received / 2))
    number, day = f"K{account.key[1:]}1", account.opened
    return Deposit(number, day, received, refunded, received - refunded)


def _dunned_for_nothing(account: Account, made: Collection) -> tuple[str, str]:
    """The level is another one than the open items give."""
    right = made.level
    made.level = right + 1 if right < len(DUNNING_DAYS) else right - 1
    made.reminded_on = made.reminded_on or AS_OF_DATE - ONE_DAY
    return account.key, f"level {made.level}, by its items {right}"


def _debited_without_mandate(account: Account, made: Collection) -> tuple[str, str]:
    """The account pays by direct debit, and its mandate has ended."""
    *before, now = made.mandates
    ended = replace(now, last=date(2024, 3, 31))
    made.mandates = [*before, ended]
    return now.reference, f"ended on {ended.last}, and the account pays by direct debit"


def _deposit_is_not_what_is_left(account: Account, made: Collection) -> tuple[str, str]:
    """The register holds another amount than was paid in and not given back."""
    (deposit,) = made.deposits
    wrong = deposit.held + Decimal("12.50")
    made.deposits = [replace(deposit, held=wrong)]
    return deposit.number, f"held {wrong}, received less refunded {deposit.held}"


FAULTS: dict[str, Callable[[Account, Collection], tuple[str, str]]] = {
    "dunning": _dunned_for_nothing,
    "mandates": _debited_without_mandate,
    "deposits": _deposit_is_not_what_is_left,
}


def collection_rows(account: Account, made: Collection) -> list[tuple[str, str, Decimal | int]]:
    """Rows of the three files: file, text, and what the row adds to the control total."""
    reminded = day_or(made.reminded_on, NOT_SET[0])
    state = f"{account.key};{made.method};{made.level};{reminded}"
    rows: list[tuple[str, str, Decimal | int]] = [(COLLECTIONS, state, made.level)]
    for mandate in made.mandates:
        ends = day_or(mandate.last, NOT_SET[1])
        signed = f"{mandate.bank};{mandate.digits};{day_text(mandate.signed)};{ends}"
        rows.append((MANDATES, f"{mandate.reference};{account.key};{signed}", 0))
    for each in made.deposits:
        amounts = ";".join(map(amount, (each.received, each.refunded, each.held)))
        text = f"{each.number};{account.key};{day_text(each.received_on)};{amounts}"
        rows.append((DEPOSITS, text, each.held))
    return rows
