"""Vectors of prepaid sessions: bundles of units first, by the allowance verbs, then money."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import ibis
import pyarrow as pa
from rating_calculation import ENGINE

from crossbill.core.refusal import Refusal
from crossbill.engine.integers import refusing_overflow
from crossbill.engine.prepaid_datasets import PREPAID_SESSION
from crossbill.platform.rating.prepaid import debit
from vectors.answers import (
    CANNOT_BE_READ,
    NANOS,
    Answer,
    Answers,
    Uncovered,
    digits_of,
    fraction,
    pick,
    reason,
    text,
)
from vectors.carrier import Event, Outcome, outcomes

SOME_DAY = datetime(2024, 1, 15, 12)


def balance_debit(vectors: Sequence[dict]) -> Answers:
    """What bundles and money are left of, and what nobody pays."""
    found: Answers = {}
    events: dict[str, Event] = {}
    for vector in vectors:
        try:
            events[vector["id"]] = _with_bundles(vector)
        except CANNOT_BE_READ as error:
            found[vector["id"]] = reason(error)
    served = outcomes(list(events.values()))
    asked = [vector for vector in vectors if vector["id"] in served]
    sessions: dict[str, dict] = {}
    for vector in asked:
        try:
            sessions[vector["id"]] = _session(vector, served[vector["id"]])
        except CANNOT_BE_READ as error:
            found[vector["id"]] = reason(error)
    debits = _debits(sessions)
    for vector in asked:
        key = vector["id"]
        if key in debits:
            try:
                found[key] = _left(vector, served[key], debits[key])
            except CANNOT_BE_READ as error:
                found[key] = reason(error)
    return found


def _bundles(values: dict) -> list[dict]:
    """The bundles in the order in which they are used up: the heaviest first."""
    return sorted(values.get("unit_balances") or [], key=lambda b: -fraction(b.get("weight") or 0))


def _with_bundles(vector: dict) -> Event:
    """The session as an event whose allowances are the bundles."""
    values = vector["input"]
    allowances = [
        {
            "quantity": _whole(bundle["value"]),
            "block": _whole(bundle.get("block") or 1),
            "priority": place,
            "charged": bool(bundle.get("also_money")),
        }
        for place, bundle in enumerate(_bundles(values))
    ]
    return Event(
        key=vector["id"],
        started_at=SOME_DAY,
        quantity=_whole(values["duration"]),
        rates=[{"price": "0"}],
        allowances=allowances,
    )


def _whole(value: object) -> int:
    number = fraction(value)
    if number.denominator != 1:
        raise Uncovered("the engine counts whole units")
    return number.numerator


def _positive(increment: int) -> int:
    if increment <= 0:
        raise Uncovered("increments of nothing")
    return increment


def _session(vector: dict, outcome: Outcome | Refusal) -> dict:
    """What is left for money to pay."""
    if isinstance(outcome, Refusal):
        raise outcome
    if outcome.rated is None:
        raise Uncovered(f"the engine suspends it: {outcome.suspended}")
    values = vector["input"]
    return {
        "session_key": vector["id"],
        "quantity": outcome.rated["quantity"] - outcome.rated["covered_quantity"],
        "increment": _positive(_whole(values["increment"])),
        "unit": 1,
        "price_nanos": _nanos(values["rate"]),
        "connect_fee_nanos": _nanos(values.get("connect_fee") or 0),
        "balance_nanos": _nanos(values.get("money") or 0),
    }


def _nanos(value: object) -> int:
    nanos = fraction(value) * NANOS
    if nanos.denominator != 1:
        raise Uncovered("finer than a nano")
    return nanos.numerator


def _debits(sessions: dict[str, dict]) -> dict[str, dict]:
    """All sessions in one query."""
    rows = pa.Table.from_pylist(list(sessions.values()), schema=PREPAID_SESSION.arrow)
    with refusing_overflow():
        found = ENGINE.to_pyarrow(debit(ibis.memtable(rows))).to_pylist()
    return {row["session_key"]: row for row in found}


def _left(vector: dict, outcome: Outcome | Refusal, paid: dict) -> Answer:
    assert isinstance(outcome, Outcome), "a session was asked for"
    bundles = _bundles(vector["input"])
    if paid["unpaid_quantity"] and any(bundle.get("also_money") for bundle in bundles):
        return Uncovered("a bundle that needs money beside it, which does not suffice")
    left = {
        str(bundle["id"]): text(fraction(bundle["value"]) - taken)
        for bundle, taken in zip(bundles, outcome.taken, strict=True)
    }
    money = text(Fraction(paid["balance_nanos"], NANOS))
    return left | {"money": money, "uncovered": str(paid["unpaid_quantity"])}


# How long a session may last

MONEY = ("money", "balance", "money_balance")
ASKED = (
    "requested_s", "request_s", "requested", "request", "max_duration_s", "duration_s", "duration",
    "max_duration", "cap_s", "cap",
)  # fmt: skip
RATE = ("rate", "cost_per_increment", "increment_cost")
INCREMENT = ("increment", "increment_s", "inc", "inc_s")
UNIT = ("unit", "unit_s")
PURSES = ("balances", "money_balances")
KNOWN = {*MONEY, *PURSES, *ASKED, *RATE, *INCREMENT, *UNIT, "connect_fee", "blocker"}
PURSE = {"id", "weight", "blocker", *MONEY, "value"}


def max_session(vectors: Sequence[dict]) -> Answers:
    """So many whole increments as the balance pays after the connect fee, at most what is asked."""
    found: Answers = {}
    sessions: dict[str, dict] = {}
    scales: dict[str, int] = {}
    for vector in vectors:
        try:
            sessions[vector["id"]], scales[vector["id"]] = _asked(vector["id"], vector["input"])
        except CANNOT_BE_READ as error:
            found[vector["id"]] = reason(error)
    debits = _debits(sessions) if sessions else {}
    for vector in vectors:
        if vector["id"] in debits:
            paid = Fraction(debits[vector["id"]]["paid_quantity"], scales[vector["id"]])
            found[vector["id"]] = dict.fromkeys(vector["expected"], text(paid))
    return found


def _asked(key: str, values: dict) -> tuple[dict, int]:
    """The session, and how many base units make one of the vector's."""
    unknown = sorted(
        name for name in values if name not in KNOWN and values[name] not in (None, [])
    )
    if unknown:
        raise Uncovered(f"a session with {', '.join(unknown)}")
    asked, increment = pick(values, *ASKED), pick(values, *INCREMENT)
    rate, unit = pick(values, *RATE), values.get("unit") or values.get("unit_s") or 1
    by_increment = not any(name in values for name in ("rate",))
    scale = 10 ** digits_of(asked, increment, unit)
    sizes = {"quantity": asked, "increment": increment}
    row = {name: int(fraction(size) * scale) for name, size in sizes.items()}
    _positive(row["increment"])
    row["unit"] = row["increment"] if by_increment else int(fraction(unit) * scale)
    return {
        **row,
        "session_key": key,
        "price_nanos": _nanos(rate),
        "connect_fee_nanos": _nanos(values.get("connect_fee") or 0),
        "balance_nanos": max(_nanos(_money(values)), 0),
    }, scale


def _money(values: dict) -> object:
    """The balance; of several those up to the first that lets no lighter one pay."""
    purses = next((values[name] for name in PURSES if values.get(name)), None)
    if purses is None:
        return pick(values, *MONEY)
    unknown = sorted({name for purse in purses for name in purse if name not in PURSE})
    if unknown:
        raise Uncovered(f"balances with {', '.join(unknown)}")
    found = Fraction(0)
    for purse in sorted(purses, key=lambda purse: -fraction(purse.get("weight") or 0)):
        found += fraction(pick(purse, "value", *MONEY))
        if purse.get("blocker"):
            break
    return text(found)
