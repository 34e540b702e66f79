"""The rules of a billing system as data: how it prorates, rounds, prices and taxes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Self, TypeVar

from crossbill.core.period import DayCount
from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode

_Choice = TypeVar("_Choice", bound=StrEnum)
# Beyond those of the currency: with its own, of which none has more than four, a nano at most.
FURTHER_DIGITS = range(5)


class PriceBy(StrEnum):
    """Which day chooses the version of a price."""

    BILL_TIME = "bill_time"  # the first day of the bill period
    START_TIME = "start_time"  # the day on which the product started


class TaxScope(StrEnum):
    """What tax is computed and rounded on."""

    LINE = "line"  # each line
    PRODUCT = "product"  # the sum of a product's lines of one rate
    BILL = "bill"  # the sum of a bill's lines of one rate


class ChargeRounding(StrEnum):
    """Which amount of a charge is rounded first; the line, in minor units, is made of that."""

    LINE = "line"  # price x quantity x share of the interval
    UNIT = "unit"  # the share of one unit, before it is multiplied
    DAY = "day"  # the price of one day of a part of an interval, before it is multiplied
    BILL = "bill"  # the sum of a bill's charges, of which each line is then a part


class DiscountBase(StrEnum):
    """What a product's own discount is a share of."""

    ROUNDED = "rounded"  # the charge as its line has it
    UNROUNDED = "unrounded"  # the charge with all digits of the policy


class RoundingScope(StrEnum):
    """What the price of usage is rounded on."""

    INCREMENT = "increment"  # the price of each increment, before it is multiplied
    EVENT = "event"  # the price of each event
    LINE = "line"  # the sum on a bill line; each event is kept to the nano


class BandCrossing(StrEnum):
    """What a call costs that goes on when the next time band begins."""

    SPLIT = "split"  # each part by the rates of its own band
    START = "start"  # all of it by the band in which it starts


class LocalTime(StrEnum):
    """Whose local time says which band it is."""

    ACCOUNT = "account"
    SWITCH = "switch"


class PolicyUnreadable(Refusal):
    """The policy is not one that the engine knows. Mend the field that is named."""

    code = "POLICY_UNREADABLE"


@dataclass(frozen=True)
class Policy:
    """One named version of the rules; its fields are the columns of the dataset ``policy``."""

    policy_code: str
    day_count: DayCount
    end_day_counts: bool
    rounding_mode: RoundingMode
    rounding_scope: ChargeRounding
    rounding_digits: int  # that the first rounding keeps beyond the currency's own
    discount_base: DiscountBase
    price_by: PriceBy
    tax_scope: TaxScope
    tax_rounding_mode: RoundingMode

    @classmethod
    def from_mapping(cls, values: Mapping[str, object], *, file: str | None = None) -> Self:
        """A policy from parsed text, every field stated and known."""
        names = [field.name for field in fields(cls)]
        _refuse_unknown_fields(values, names, file)
        return cls(
            policy_code=_text(values, "policy_code", file),
            day_count=_choice(DayCount, values, "day_count", file),
            end_day_counts=_flag(values, "end_day_counts", file),
            rounding_mode=_choice(RoundingMode, values, "rounding_mode", file),
            rounding_scope=_choice(ChargeRounding, values, "rounding_scope", file),
            rounding_digits=_digits(values, "rounding_digits", file),
            discount_base=_choice(DiscountBase, values, "discount_base", file),
            price_by=_choice(PriceBy, values, "price_by", file),
            tax_scope=_choice(TaxScope, values, "tax_scope", file),
            tax_rounding_mode=_choice(RoundingMode, values, "tax_rounding_mode", file),
        )

    def as_row(self) -> dict[str, str | int]:
        """The policy as a row of the dataset ``policy``; true and false are integers of Python."""
        return {k: v if isinstance(v, int) else str(v) for k, v in asdict(self).items()}


def _refuse_unknown_fields(
    values: Mapping[str, object], names: list[str], file: str | None
) -> None:
    unknown = sorted(str(name) for name in values if name not in names)
    if unknown:
        cure = f"a policy has {', '.join(names)}"
        raise PolicyUnreadable("unknown field in a policy", file=file, field=unknown[0], cure=cure)


def _stated(values: Mapping[str, object], name: str, file: str | None) -> object:
    """The field's value; no field of a policy has a default, since a default is an unseen rule."""
    if values.get(name) is None:
        cure = "state it: a policy has no defaults"
        raise PolicyUnreadable("missing field in a policy", file=file, field=name, cure=cure)
    return values[name]


def _text(values: Mapping[str, object], name: str, file: str | None) -> str:
    value = _stated(values, name, file)
    if not isinstance(value, str) or not value.strip():
        raise PolicyUnreadable(
            "a policy needs a name", file=file, field=name, value=str(value), cure="write text"
        )
    return value


def _flag(values: Mapping[str, object], name: str, file: str | None) -> bool:
    value = _stated(values, name, file)
    if not isinstance(value, bool):
        raise PolicyUnreadable(
            "neither true nor false", file=file, field=name, value=str(value), cure="true or false"
        )
    return value


def _digits(values: Mapping[str, object], name: str, file: str | None) -> int:
    value = _stated(values, name, file)
    if type(value) is not int or value not in FURTHER_DIGITS:
        raise PolicyUnreadable(
            "not a number of further digits", file=file, field=name, value=str(value),
            cure=f"{FURTHER_DIGITS[0]} to {FURTHER_DIGITS[-1]}",
        )  # fmt: skip
    return value


def _choice(
    kind: type[_Choice], values: Mapping[str, object], name: str, file: str | None
) -> _Choice:
    value = _stated(values, name, file)
    known = {str(member): member for member in kind}
    if not isinstance(value, str) or value not in known:
        raise PolicyUnreadable(
            "unknown value in a policy",
            file=file,
            field=name,
            value=str(value),
            cure=f"one of {', '.join(known)}",
        )
    return known[value]
