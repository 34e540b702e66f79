"""Bills for vectors: many small accounts through the whole chain at once, and what it prints.

A vector asks for one bill or several, each of an account of its own. Amounts come from the chain;
here they are only brought into minor units and back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from oracle.tables import ENGINE, table

from crossbill.core.money import INT64_MAX
from crossbill.core.period import DayCount
from crossbill.core.rounding import RoundingMode
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.bills import bill_population
from vectors.answers import (
    CANNOT_BE_READ,
    NANOS,
    Answers,
    Figures,
    Semantics,
    Uncovered,
    fraction,
    halves,
    reason,
    text,
)

APRIL = (date(2024, 4, 1), date(2024, 5, 1))
EARLIEST = date(1900, 1, 1)
JURISDICTION = "vectors"
UNTAXED = "untaxed"
PPM = 1_000_000
CENTS = 2  # digits
FINEST_CURRENCY = 4  # digits; what a vector wants finer is asked of a price so much larger
NEVER_SENT = {"status": "active", "disputed": False, "postcode": ""}


@dataclass(frozen=True)
class Item:
    """A price, the days that it is held, up to where it was charged, and how it is charged."""

    price: Fraction  # in major units
    start: date = APRIL[0]
    end: date | None = None
    charged_through: date | None = None
    months: int = 1
    timing: str = "advance"
    kind: str = "recurring"
    taxes: tuple[str, ...] = ()  # percentages


@dataclass(frozen=True)
class Account:
    """One bill that a vector asks for."""

    key: str
    items: Sequence[Item] = ()
    period: tuple[date, date] = APRIL
    cycle_day: int = 1
    digits: int = CENTS  # of its amounts
    mode: str = RoundingMode.HALF_UP
    day_count: str = DayCount.ACTUAL_ACTUAL
    tax_scope: str = "bill"
    discounts: Sequence[dict] = ()  # in order; ``item`` is the place of the only one, if any
    commitment: dict | None = None
    credits: Sequence[int] = ()  # in order, in minor units


@dataclass
class Billed:
    """What the chain says of one account: rows of the results of these names."""

    account: Account
    charge: list[dict] = field(default_factory=list)
    bill_line: list[dict] = field(default_factory=list)
    bill_tax: list[dict] = field(default_factory=list)
    bill: list[dict] = field(default_factory=list)
    credit_use: list[dict] = field(default_factory=list)
    unresolved: list[dict] = field(default_factory=list)

    def figure(self, minor: int) -> str:
        """Minor units of the account's currency as text in major units."""
        return text(Fraction(minor, 10**self.account.digits))

    def of_bill(self, column: str) -> int:
        """A sum of the bill; 0 where there is nothing to bill."""
        return sum(bill[column] for bill in self.bill)

    def items(self) -> list[list[dict]]:
        """The lines of each item, in the order in which they are charged."""
        places = [_product(self.account, place) for place in range(len(self.account.items))]
        return [[line for line in self.bill_line if line["product_key"] == key] for key in places]


@dataclass(frozen=True)
class Question:
    """The bills that answer a vector, and what they say: figures, or what is to be asked next."""

    accounts: Sequence[Account]
    read: "Callable[[list[Billed]], Figures | Question]"


def by_billing(ask: Callable[[dict], Question]) -> Semantics:
    """All vectors of one semantics in one run of the chain; one that cannot be asked is told."""

    def answers(vectors: Sequence[dict]) -> Answers:
        found: Answers = {}
        asked: dict[str, Question] = {}
        for vector in vectors:
            try:
                asked[vector["id"]] = ask(vector)
            except CANNOT_BE_READ as error:
                found[vector["id"]] = reason(error)
        while asked:
            bills = billed([a for question in asked.values() for a in question.accounts])
            read = {key: _read(question, bills) for key, question in asked.items()}
            asked = {key: answer for key, answer in read.items() if isinstance(answer, Question)}
            found |= {k: answer for k, answer in read.items() if not isinstance(answer, Question)}
        return found

    return answers


def _read(
    question: Question, bills: dict[str, Billed | Uncovered]
) -> Figures | Question | Uncovered:
    mine = [bills[account.key] for account in question.accounts]
    beyond = [bill for bill in mine if isinstance(bill, Uncovered)]
    if beyond:
        return beyond[0]
    sound = [bill for bill in mine if isinstance(bill, Billed)]
    refused = [row["code"] for bill in sound for row in bill.unresolved]
    if refused:
        return Uncovered(f"the engine refuses it: {refused[0]}")
    try:
        return question.read(sound)
    except CANNOT_BE_READ as error:
        return reason(error)


def billed(accounts: Sequence[Account]) -> dict[str, Billed | Uncovered]:
    """What each account is billed; where one is beyond the engine, it is found by halves."""
    try:
        return {key: bill for run in _runs(accounts) for key, bill in _population(run).items()}
    except CANNOT_BE_READ as error:
        if len(accounts) == 1:
            return {accounts[0].key: reason(error)}
    return {key: bill for half in halves(accounts) for key, bill in billed(half).items()}


def _runs(accounts: Sequence[Account]) -> list[list[Account]]:
    """One run, unless two periods of a bill cycle begin on one day and end on two."""
    runs: list[tuple[dict, list[Account]]] = []
    for account in accounts:
        cycle, (begins, ends) = account.cycle_day, account.period
        for periods, members in runs:
            if periods.setdefault((cycle, begins), ends) == ends:
                members.append(account)
                break
        else:
            runs.append(({(cycle, begins): ends}, [account]))
    return [members for _, members in runs]


def _population(accounts: Sequence[Account]) -> dict[str, Billed]:
    """All accounts of a bill cycle have all its periods; each is told of its own."""
    tables = {name: table(name, rows) for name, rows in _tables(accounts).items()}
    found = {account.key: Billed(account) for account in accounts}
    names = ("charge", "bill_line", "bill_tax", "bill", "credit_use", "unresolved")
    with refusing_overflow():
        done = bill_population(ENGINE, tables)
    rows = {name: ENGINE.to_pyarrow(done[name]).to_pylist() for name in names}
    owners: dict[str, Billed] = {}
    for name in ("charge", "bill_line", "bill", "unresolved"):
        for row in rows[name]:
            mine = found[row["account_key"]]
            if (row["period_from"], row["period_to"]) == mine.account.period:
                getattr(mine, name).append(row)
                owners |= {row["bill_key"]: mine} if name == "bill" else {}
    for name in ("bill_tax", "credit_use"):
        for row in rows[name]:
            if row["bill_key"] in owners:
                getattr(owners[row["bill_key"]], name).append(row)
    for mine in found.values():
        mine.charge.sort(key=lambda row: row["charge_from"])
        mine.bill_line.sort(key=lambda row: row["charge_from"])
    return found


# The tables of the chain


def _tables(accounts: Sequence[Account]) -> dict[str, list[dict]]:
    """What the accounts are and have, as the inputs of the chain."""
    items = [
        (account, _product(account, place), item)
        for account in accounts
        for place, item in enumerate(account.items)
    ]
    periods = {(account.cycle_day, *account.period) for account in accounts}
    currencies = {_currency_digits(account) for account in accounts}
    return {
        "account": [_account(account) for account in accounts],
        "customer": [],
        "product": [_held(account, key, item) for account, key, item in items],
        "price": [_price(account, key, item) for account, key, item in items],
        "component": [_component(key, item) for _, key, item in items],
        "charged": [
            {"product_key": key, "price_code": key, "charged_through": item.charged_through}
            for _, key, item in items
            if item.charged_through
        ],
        "tax_rate": _taxes([UNTAXED, *_categories(accounts)]),
        "policy": _policies(accounts),
        "periods": [
            {"bill_cycle_day": cycle, "period_from": begins, "period_to": ends}
            for cycle, begins, ends in sorted(periods)
        ],
        "currency": [{"currency": _currency(n), "minor_digits": n} for n in sorted(currencies)],
        "discount": [row for account in accounts for row in _discounts(account)],
        "commitment": [_commitment(account) for account in accounts if account.commitment],
        "credit": [row for account in accounts for row in _credits(account)],
    }


def _account(account: Account) -> dict:
    return NEVER_SENT | {
        "account_key": account.key,
        "customer_key": account.key,
        "currency": _currency(_currency_digits(account)),
        "tax_code": JURISDICTION,
        "bill_cycle_day": account.cycle_day,
        "policy_code": _policy(account),
    }


def _held(account: Account, key: str, item: Item) -> dict:
    return {
        "product_key": key,
        "account_key": account.key,
        "offering_code": key,
        "quantity": 1,
        "start_date": item.start,
        "end_date": item.end,
    }


def _price(account: Account, key: str, item: Item) -> dict:
    larger = 10 ** (account.digits - _currency_digits(account))
    return {
        "offering_code": key,
        "price_version": "v1",
        "valid_from": EARLIEST,
        "currency": _currency(_currency_digits(account)),
        "amount_nanos": whole(item.price * larger * NANOS, "more than 9 digits after the point"),
    }


def _component(key: str, item: Item) -> dict:
    return {
        "offering_code": key,
        "price_code": key,
        "kind": item.kind,
        "timing": item.timing,
        "months": item.months,
        "alignment": "cycle",
        "prorated": True,
        "tax_category": category_of(item.taxes),
        "tax_inclusive": False,
    }


def _taxes(categories: Sequence[str]) -> list[dict]:
    """A category for each set of rates that occurs; what is not taxed has a rate of 0."""
    return [
        {
            "tax_code": JURISDICTION,
            "tax_category": category,
            "tax_name": name,
            "valid_from": EARLIEST,
            "rate_ppm": 0 if name == UNTAXED else ppm(name),
        }
        for category in sorted(set(categories))
        for name in category.split("+")
    ]


def _categories(accounts: Sequence[Account]) -> list[str]:
    """Those of items and of commitments."""
    items = [category_of(item.taxes) for account in accounts for item in account.items]
    promised = [account.commitment for account in accounts if account.commitment]
    return items + [str(promise["tax_category"]) for promise in promised]


def category_of(taxes: Sequence[str]) -> str:
    """What is taxed by these percentages."""
    return "+".join(sorted({text(fraction(rate)) for rate in taxes})) or UNTAXED


def _policies(accounts: Sequence[Account]) -> list[dict]:
    found = {
        _policy(account): {
            "policy_code": _policy(account),
            "day_count": str(account.day_count),
            "end_day_counts": True,
            "rounding_mode": str(account.mode),
            "rounding_scope": "line",
            "rounding_digits": 0,
            "discount_base": "rounded",
            "price_by": "bill_time",
            "tax_scope": account.tax_scope,
            "tax_rounding_mode": str(account.mode),
        }
        for account in accounts
    }
    return list(found.values())


def _policy(account: Account) -> str:
    return f"{account.day_count} {account.mode} {account.tax_scope}"


def _discounts(account: Account) -> list[dict]:
    """In order of their positions; a key of its own for each."""
    found = []
    for place, discount in enumerate(account.discounts):
        terms = dict(discount)
        only = terms.pop("item", None)
        terms["product_key"] = None if only is None else _product(account, only)
        stated = {"discount_key": f"{account.key}/{place}", "account_key": account.key}
        found.append(stated | {"position": place, "valid_from": EARLIEST} | terms)
    return found


def _commitment(account: Account) -> dict:
    stated = {"commitment_key": account.key, "account_key": account.key, "prorated": True}
    return stated | (account.commitment or {})


def _credits(account: Account) -> list[dict]:
    return [
        {
            "credit_key": f"{account.key}/{place}",
            "account_key": account.key,
            "position": place,
            "left_minor": left,
        }
        for place, left in enumerate(account.credits)
    ]


def _product(account: Account, place: int) -> str:
    return f"{account.key}/{place:04}"


def _currency_digits(account: Account) -> int:
    return min(account.digits, FINEST_CURRENCY)


def _currency(digits: int) -> str:
    return f"of {digits} digits"


# Numbers


def whole(value: Fraction, why: str) -> int:
    """A whole number, or the reason why the engine does not take it."""
    if value.denominator != 1:
        raise Uncovered(why)
    if abs(value) > INT64_MAX:
        raise Uncovered("the amount does not fit into 64 bits")
    return value.numerator


def ppm(percent: object) -> int:
    """A percentage in millionths."""
    return whole(fraction(percent) * PPM / 100, "a rate of more than 4 digits after the point")


def cents(value: object) -> Fraction:
    """Cents in major units."""
    return fraction(value) / 10**CENTS


def minor(value: object) -> int:
    """Whole cents."""
    return whole(fraction(value), "part of a cent")
