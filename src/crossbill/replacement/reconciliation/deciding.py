"""When a finding can be accepted, when that counts, and how the finding stands by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from crossbill.core.money import MINOR_DIGITS, format_minor

LONGEST = timedelta(days=366)


class Standing(StrEnum):
    """How a finding stands: what is open or expired holds its accounts back."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    BY_TERMS = "by terms"


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
