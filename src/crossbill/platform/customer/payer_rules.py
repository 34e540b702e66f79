"""The rules of who pays for whom: one generation, billed alike, and shares that are a whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.amendments import (
    CATEGORIES,
    Amendment,
    Billed,
    Row,
    percent,
    refuse_day,
)

WHOLE_PPM = 1_000_000
FOREVER = date.max

Fault = tuple[Row, str, str, str]


class PayersNotPossible(Refusal):
    """An account cannot be paid for like that. The message names the payer or share to correct."""

    code: ClassVar[str] = "PAYERS_NOT_POSSIBLE"


@dataclass(frozen=True)
class PayersAsked:
    """Who pays for an account from a day on: payers with their shares in millionths.

    Nobody is the account itself, whole. ``category`` is what alone they pay; none: all that has no
    rule of its own.
    """

    account_key: str
    valid_from: date
    shares: tuple[tuple[str, int], ...] = ()
    category: str | None = None


def planned_payers(
    asked: PayersAsked, rules: Sequence[Row], accounts: Mapping[str, Billed], today: date
) -> Amendment:
    """What is to end and to begin; a Refusal where it cannot be.

    ``rules`` are all of the accounts in question, as rows of the canonical table ``payer``.
    """
    mine = accounts[asked.account_key]
    _refuse_asked(asked, mine, today)
    day, group = asked.valid_from, (asked.account_key, asked.category)
    held = [rule for rule in rules if (rule["account_key"], rule["category"]) == group]
    _refuse_later(held, day)
    ends = tuple(rule for rule in held if day < (rule["valid_to"] or FOREVER))
    begins = tuple(_rule(asked, *share) for share in asked.shares)
    kept = [rule for rule in rules if rule not in ends]
    _refuse_faults([*kept, *({**rule, "valid_to": day} for rule in ends), *begins], accounts)
    _refuse_nothing(ends, begins, day)
    words = (payer_words(asked.account_key, found) for found in (ends, begins))
    return Amendment("payer", asked.account_key, day, ends, begins, *words)


def payer_words(account_key: str, rules: Iterable[Row]) -> str:
    """As in ``60 % of usage by A1, 40 % by itself``."""
    return ", ".join(
        f"{percent(rule['share_ppm'])} of {rule['category'] or 'everything'} by "
        + ("itself" if rule["payer_key"] == account_key else rule["payer_key"])
        for rule in rules
    )


def _rule(asked: PayersAsked, payer_key: str, share_ppm: int) -> Row:
    return {
        "account_key": asked.account_key, "payer_key": payer_key, "category": asked.category,
        "share_ppm": share_ppm, "valid_from": asked.valid_from, "valid_to": None,
    }  # fmt: skip


def _refuse_asked(asked: PayersAsked, mine: Billed, today: date) -> None:
    refuse_day(asked.valid_from, today, mine.bill_cycle_day)
    if mine.closed:
        what, cure = "The account is closed", "choose an account that is not"
        raise PayersNotPossible(what, field="account_key", value=mine.account_key, cure=cure)
    if asked.category not in (None, *CATEGORIES):
        cure = f"use {', '.join(CATEGORIES)}, or none for everything"
        what, value = "There is no such category", asked.category
        raise PayersNotPossible(what, field="category", value=value, cure=cure)
    keys = [key for key, _ in asked.shares]
    for key in keys:
        if keys.count(key) > 1:
            what, cure = "The payer is named twice", "add its shares up"
            raise PayersNotPossible(what, field="payer_key", value=key, cure=cure)


def _refuse_later(held: Iterable[Row], day: date) -> None:
    """What begins later would be paid twice; it has to be ended first, from its own day."""
    later = [rule for rule in held if day < rule["valid_from"] != rule["valid_to"]]
    if later:
        begins = min(rule["valid_from"] for rule in later)
        what, cure = f"Other payers begin on {begins}", f"take {begins} or a later day"
        raise PayersNotPossible(what, field="valid_from", value=str(day), cure=cure)


def _refuse_faults(rules: Iterable[Row], accounts: Mapping[str, Billed]) -> None:
    lasting = [rule for rule in rules if rule["valid_from"] != rule["valid_to"]]
    known = {
        key: {"currency": each.currency, "bill_cycle_day": each.bill_cycle_day}
        for key, each in accounts.items()
    }
    for rule, field, what, cure in faults(lasting, known):
        value = str(rule["payer_key"] if field == "share_ppm" else rule[field])
        raise PayersNotPossible(what.capitalize(), field=field, value=value, cure=cure)
    for rule in lasting:
        if rule["valid_to"] is None and accounts[rule["payer_key"]].closed:
            what, cure = "The payer is closed", "name an account that is not"
            raise PayersNotPossible(what, field="payer_key", value=rule["payer_key"], cure=cure)


def _refuse_nothing(ends: Sequence[Row], begins: Sequence[Row], day: date) -> None:
    sides = [{(each["payer_key"], each["share_ppm"]) for each in side} for side in (ends, begins)]
    if sides[0] == sides[1] and all(each["valid_to"] is None for each in ends):
        what, cure = "That is how it is paid already", "name other payers or shares"
        raise PayersNotPossible(what, field="valid_from", value=str(day), cure=cure)


def faults(rules: Iterable[Row], accounts: Mapping[str, Row]) -> Iterable[Fault]:
    """What is wrong with rules of who pays: the rule, field, what, and the cure.

    ``accounts`` has currency and bill_cycle_day by account_key.
    """
    known = list(rules)
    paid_for = {rule["account_key"] for rule in known}
    for rule in known:
        yield from _faults_of(rule, paid_for, accounts)
    yield from _faults_of_shares(known)


def _faults_of(rule: Row, paid_for: set[str], accounts: Mapping[str, Row]) -> Iterable[Fault]:
    payer, used = (accounts.get(rule[key]) for key in ("payer_key", "account_key"))
    if payer is None or used is None:
        yield rule, "account_key" if used is None else "payer_key", "no such account", "add it"
        return
    if rule["payer_key"] in paid_for and rule["payer_key"] != rule["account_key"]:
        yield (
            rule,
            "payer_key",
            "somebody pays for this payer",
            "name the account that pays in the end",
        )
    for name in ("currency", "bill_cycle_day"):
        if payer[name] != used[name]:
            yield rule, "payer_key", f"the payer has another {name}", "bill both alike"
    if not 0 < rule["share_ppm"] <= WHOLE_PPM:
        yield rule, "share_ppm", "not a share", "above 0 %, at most 100 % (all of it)"


def _faults_of_shares(rules: list[Row]) -> Iterable[Fault]:
    """On every day on which a rule begins or ends, the shares of an account must be all of it."""
    groups = defaultdict(list)
    for rule in rules:
        groups[rule["account_key"], rule["category"]].append(rule)
    for group in groups.values():
        days = {rule["valid_from"] for rule in group} | {rule["valid_to"] for rule in group}
        for day in sorted(days - {None}):
            valid = [r for r in group if r["valid_from"] <= day < (r["valid_to"] or FOREVER)]
            total = sum(rule["share_ppm"] for rule in valid)
            if valid and total != WHOLE_PPM:
                what = f"the shares of {day} add up to {percent(total)}"
                yield valid[0], "share_ppm", what, "let them add up to 100 %"
