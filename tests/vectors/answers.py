"""How a vector is answered: a figure for each name, or the reason why there is none."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from metering import Line, Priced, priced
from pydantic import ValidationError

from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode

T = TypeVar("T")
NANOS = 10**9
# How a figure is rounded before it is compared, as vectors call it.
ROUNDING = {str(mode): mode for mode in RoundingMode} | {"ceil": RoundingMode.UP}
LONGEST_FRACTION = 30  # digits of an amount that has no end
DECIMAL = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?")


class Uncovered(Exception):
    """The engine has no rule for this, or the vector does not say enough."""


Figures = dict[str, str]
Answer = Figures | Uncovered
Answers = dict[str, Answer]
Semantics = Callable[[Sequence[dict]], Answers]
CANNOT_BE_READ = (
    Uncovered, Refusal, ValidationError, LookupError, TypeError, ValueError, ArithmeticError,
    AttributeError,
)  # fmt: skip


def reason(error: Exception) -> Uncovered:
    """Why a vector could not be put to the engine."""
    if isinstance(error, Uncovered):
        return error
    if isinstance(error, KeyError):
        return Uncovered(f"the vector has no {error}")
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return Uncovered(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    if isinstance(error, Refusal):
        return Uncovered(error.what)
    return Uncovered(f"the vector cannot be read: {type(error).__name__}: {error}")


@dataclass(frozen=True)
class Question:
    """The lines that answer a vector, and what their prices say."""

    lines: Sequence[Line]
    read: Callable[[Sequence[Priced]], Figures]


def by_pricing(ask: Callable[[dict], Question]) -> Semantics:
    """All vectors of one semantics in one run of the engine; one that cannot be asked is told."""

    def answers(vectors: Sequence[dict]) -> Answers:
        asked: dict[str, Question | Uncovered] = {}
        for vector in vectors:
            try:
                asked[vector["id"]] = ask(vector)
            except CANNOT_BE_READ as error:
                asked[vector["id"]] = reason(error)
        amounts = _priced([q for q in asked.values() if isinstance(q, Question)])
        return {
            key: question if isinstance(question, Uncovered) else _read(question, amounts)
            for key, question in asked.items()
        }

    return answers


def _priced(questions: Sequence[Question]) -> dict[str, Priced | Uncovered]:
    """Everything at once; where one question is beyond the engine, it is found by halves."""
    lines = [line for question in questions for line in question.lines]
    try:
        return dict(priced(lines)) if lines else {}
    except CANNOT_BE_READ as error:
        if len(questions) == 1:
            return {line.key: reason(error) for line in lines}
    parts = [_priced(half) for half in halves(questions)]
    return {key: amount for part in parts for key, amount in part.items()}


def halves(things: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """The first and the second half of several things, to find one that breaks all."""
    middle = len(things) // 2
    return things[:middle], things[middle:]


def _read(question: Question, amounts: dict[str, Priced | Uncovered]) -> Answer:
    found = [amounts[line.key] for line in question.lines]
    beyond = [amount for amount in found if isinstance(amount, Uncovered)]
    return beyond[0] if beyond else question.read([a for a in found if isinstance(a, Priced)])


# Numbers as text


def fraction(value: object) -> Fraction:
    """A number that a vector holds: text, or a JSON number."""
    digits = "" if isinstance(value, bool) else str(value).strip()
    if not DECIMAL.fullmatch(digits):
        raise Uncovered(f"not a decimal number: {value!r}")
    return Fraction(digits)


def optional(value: object) -> Fraction | None:
    """A number, or None where there is none or it is 0: then nothing is limited or free."""
    return None if value in (None, "") or not fraction(value) else fraction(value)


def text(value: Fraction) -> str:
    """The number as decimal text, without end only where it has none."""
    digits = 0
    while value.denominator != 1 and (value * 10**digits).denominator != 1:
        digits += 1
        if digits > LONGEST_FRACTION:
            break
    scaled = int(value * 10**digits)
    return f"{Decimal(scaled).scaleb(-digits):f}"


def digits_of(*values: object) -> int:
    """The most digits after the point that occur."""
    given = (str(value).strip() for value in values if fraction(value))
    exponents = (Decimal(digits).normalize().as_tuple().exponent for digits in given)
    return max((max(0, -int(exponent)) for exponent in exponents), default=0)


def amount_text(amount: Priced) -> str:
    """The exact amount, or the rounded one where the line was to be rounded."""
    exact = amount.whole_nanos + Fraction(amount.part, amount.parts)
    rounded = amount.amount_nanos
    return text(Fraction(rounded if abs(rounded - exact) >= 1 else exact) / NANOS)


def pick(values: dict, *names: str) -> object:
    """The first of these fields that there is; the same thing has several names."""
    for name in names:
        if values.get(name) is not None:
            return values[name]
    raise KeyError(names[0])
