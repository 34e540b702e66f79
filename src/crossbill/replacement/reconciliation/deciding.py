"""When a finding can be accepted, when that counts, and how the finding stands by it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar

from crossbill.core.money import MINOR_DIGITS, format_minor, minor_digits, parse_minor
from crossbill.core.refusal import Refusal

LONGEST = timedelta(days=366)


class BadLimit(Refusal):
    """The limit is not an amount in a currency. Write it as "5.00 USD", not below nothing."""

    code: ClassVar[str] = "BAD_LIMIT"


class Standing(StrEnum):
    """How a finding stands: what is open or expired holds its accounts back."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    BY_TERMS = "by terms"


HOLDING = (Standing.OPEN, Standing.EXPIRED)  # of which accounts are held back


@dataclass(frozen=True)
class Limits:
    """Up to how much is accepted, in minor units, more and less added up."""

    finding_minor: int
    account_minor: int


@dataclass(frozen=True)
class Worth:
    """What a finding is worth, and for the account that differs by most; as `Limits`."""

    currency: str
    finding_minor: int
    account_minor: int


@dataclass(frozen=True)
class Given:
    """An acceptance: its last day, and who revoked it, if anybody did."""

    valid_until: date
    revoked_by: str = ""


def read_limits(limits: Iterable[str], account_limits: Iterable[str]) -> dict[str, Limits]:
    """Limits by currency, of findings and of one account: as the finding's where none is given.

    Each is written as ``5.00 USD``; one that cannot be read is refused, of the field ``limit`` or
    ``account_limit``.
    """
    whole = dict(_money(text, "limit") for text in limits)
    single = dict(_money(text, "account_limit") for text in account_limits)
    if unlimited := sorted(set(single) - set(whole)):
        what = f"{unlimited[0]} has a limit for one account and none for a finding"
        raise BadLimit(what, field="account_limit", cure="state both, or none")
    return {code: Limits(amount, single.get(code, amount)) for code, amount in whole.items()}


def _money(text: str, field: str) -> tuple[str, int]:
    """``5.00 USD`` as its currency and minor units."""
    amount, _, currency = text.strip().partition(" ")
    place = {"field": field, "value": text[:40], "cure": 'write it as "5.00 USD"'}
    if not currency or amount.startswith("-"):
        raise BadLimit("This is no limit", **place)
    try:
        return currency, parse_minor(amount, minor_digits(currency))
    except Refusal as error:
        raise BadLimit(f"This is no limit: {error.what}", **place) from error


def why_over(worth: Worth, limits: Mapping[str, Limits]) -> str:
    """Why a finding is not within the limits of its currency; empty where it is."""
    limit = limits.get(worth.currency)
    if limit is None:
        return f"no limit is given in {worth.currency or 'its currency'}" * bool(
            worth.finding_minor
        )
    found = (
        ("it is worth", worth.finding_minor, limit.finding_minor),
        ("one account differs by", worth.account_minor, limit.account_minor),
    )
    over = [(words, value, most) for words, value, most in found if value > most]
    amounts = [
        f"{words} {_amount(value, worth.currency)}, the limit is {_amount(most, worth.currency)}"
        for words, value, most in over
    ]
    return "; ".join(amounts)


def _amount(minor: int, currency: str) -> str:
    digits = MINOR_DIGITS.get(currency)
    return f"{format_minor(minor, digits)} {currency}" if digits is not None else f"{minor}"


def why_not_until(valid_until: date, today: date) -> str:
    """Why nothing can be accepted up to this day; empty where it can."""
    if valid_until < today:
        return "the day has passed"
    return "nothing is accepted for more than a year" if valid_until - today > LONGEST else ""


def why_not(given: Given, day: date) -> str:
    """Why an acceptance does not count on a day; empty where it does."""
    if given.revoked_by:
        return f"{given.revoked_by} revoked it"
    return f"it ended on {given.valid_until}" if given.valid_until < day else ""


def standing(decision: str, given: Sequence[Given], day: date) -> Standing:
    """How a finding stands on a day, by what the gate's terms say of its class and by people."""
    if decision == "accept":
        return Standing.BY_TERMS
    if any(not why_not(each, day) for each in given):
        return Standing.ACCEPTED
    return Standing.EXPIRED if any(not each.revoked_by for each in given) else Standing.OPEN
