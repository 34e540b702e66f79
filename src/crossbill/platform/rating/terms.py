"""What people write as the terms of a price model or an adjustment: exact values, never floats.

Amounts, percentages and quantities are decimal text. They become whole numbers while the terms are
read, so that a price model never sees a fraction.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from crossbill.core.money import INT64_MAX, NANO_DIGITS, NANOS_PER_MAJOR, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.engine.yaml_file import fault

LARGEST_NANOS = 10**18  # a billion major units
LARGEST_UNIT = 10**12
# A percentage is a price for each unit of money: 1 percent is 10 million nanos of each whole one.
PERCENT_DIGITS = NANO_DIGITS - 2


def _decimal(value: Any, digits: int, kind: str, largest: int) -> int:
    """Decimal text, or a whole number, times a power of ten; from nothing to the largest."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise fault(f"Not {kind}", value=value, cure="write it as text, such as 0.25")
    try:
        scaled: int = parse_scaled(str(value), digits=digits)
    except Refusal as refusal:
        raise fault(f"Not {kind}: {refusal.what}", value=value, cure=refusal.cure) from refusal
    if not 0 <= scaled <= largest:
        cure = f"write 0 to {largest // 10**digits:,}"
        raise fault(f"Not {kind}: negative or absurdly high", value=value, cure=cure)
    return scaled


def _amount(value: Any) -> int:
    return _decimal(value, NANO_DIGITS, "an amount", LARGEST_NANOS)


def _percent(value: Any) -> int:
    return _decimal(value, PERCENT_DIGITS, "a percentage", 100 * NANOS_PER_MAJOR)


def _quantity(value: Any) -> int:
    return _decimal(value, NANO_DIGITS, "a quantity", LARGEST_NANOS)


def _shown(kind: str) -> WithJsonSchema:
    """How a form asks for such a value: as text that the pattern describes."""
    return WithJsonSchema({"type": "string", "format": kind, "pattern": r"^\d+(\.\d+)?$"})


Money = Annotated[int, BeforeValidator(_amount), _shown("money")]
"""An amount, read into nanos."""
Percent = Annotated[int, BeforeValidator(_percent), _shown("percent")]
"""A percentage, read into nanos for each whole one: 100 percent is ``NANOS_PER_MAJOR``."""
Quantity = Annotated[int, BeforeValidator(_quantity), _shown("quantity")]
"""A number of units, read into billionths of a unit; ``PriceTerms.base`` makes base units of it."""


class Written(BaseModel):
    """Unknown keys are refused, so that a typing error is not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PriceTerms(Written):
    """What the terms of every price model have."""

    unit: Annotated[int, Field(strict=True, ge=1, le=LARGEST_UNIT)] = Field(
        1, description="base units that one priced unit has: 1000000000 for prices by gigabyte"
    )

    def base(self, quantity: int) -> int:
        """A quantity as whole base units; one that has a fraction of them is refused."""
        whole: int
        whole, rest = divmod(quantity * self.unit, NANOS_PER_MAJOR)
        if rest or whole > LARGEST_NANOS:
            raise fault(
                "The quantity is no whole number of base units, or absurdly large",
                value=_text(quantity), cure=f"a unit has {self.unit:,} base units",
            )  # fmt: skip
        return whole


def _text(quantity: int) -> str:
    whole, fraction = divmod(quantity, NANOS_PER_MAJOR)
    return f"{whole}.{fraction:0{NANO_DIGITS}d}".rstrip("0").rstrip(".")


class UpTo(Written):
    """A tier that ends somewhere, or goes on without end."""

    up_to: Quantity | None = Field(
        None, description="the last quantity in the tier; none for the last tier, which has no end"
    )


Tier = TypeVar("Tier", bound=UpTo)


def ascending(tiers: Sequence[Tier]) -> Sequence[Tier]:
    """The tiers, each ending above the one before it and only the last without end."""
    for number, (before, after) in enumerate(pairwise(tiers), 1):
        if before.up_to is None:
            raise fault(
                "Only the last tier has no end", within=[number - 1, "up_to"],
                cure="write up_to for every tier but the last",
            )  # fmt: skip
        if after.up_to is not None and after.up_to <= before.up_to:
            raise fault(
                "The tiers are out of order", within=[number, "up_to"],
                value=_text(after.up_to), cure="each tier ends above the one before it",
            )  # fmt: skip
    if tiers[-1].up_to is not None:
        raise fault(
            "Nothing prices what lies above the last tier", within=[len(tiers) - 1, "up_to"],
            value=_text(tiers[-1].up_to), cure="leave up_to out of the last tier",
        )  # fmt: skip
    return tiers


Ascending = (Field(min_length=1), AfterValidator(ascending))


def bounds(terms: PriceTerms, tiers: Sequence[Tier]) -> list[dict[str, int]]:
    """The bounds of each tier in base units, as columns of ``price_tier``."""
    ends = [INT64_MAX if tier.up_to is None else terms.base(tier.up_to) for tier in tiers]
    starts = [0, *ends[:-1]]
    return [
        {"from_quantity": start, "to_quantity": end}
        for start, end in zip(starts, ends, strict=True)
    ]
