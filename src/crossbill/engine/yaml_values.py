"""Values that people write in the YAML files of catalogues: amounts, percentages, days, codes."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from crossbill.core.money import NANOS_PER_MAJOR, parse_nanos, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.engine.yaml_file import fault

HIGHEST_PRICE_NANOS = 10**18
LONGEST_FILE_NAME = 200
PERCENT_DIGITS = 4


class Strict(BaseModel):
    """Unknown keys are refused, so that a typing error is not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


def _amount(value: Any) -> int:
    """An amount as it is written, in nanos; from nothing to a billion."""
    try:
        nanos = parse_nanos(str(value)) if isinstance(value, str | int) else None
    except Refusal as refusal:
        raise fault(refusal.what.capitalize(), value=value, cure=refusal.cure) from refusal
    if nanos is None or isinstance(value, bool):
        raise fault("Not an amount", value=value, cure="write it as 0.25")
    if not 0 <= nanos <= HIGHEST_PRICE_NANOS:
        highest = HIGHEST_PRICE_NANOS // NANOS_PER_MAJOR
        raise fault(
            "The amount is negative or absurdly high", value=value, cure=f"0 to {highest:,}"
        )
    return nanos


def _percent(value: Any) -> int:
    """A percentage in millionths."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise fault("Not a percentage", value=value, cure="write it as 6.75")
    try:
        return parse_scaled(str(value), digits=PERCENT_DIGITS)
    except Refusal as refusal:
        raise fault(f"Not a percentage: {refusal.what}", value=value, cure=refusal.cure) from None


def _day(value: Any) -> date:
    try:
        return read_day(value if isinstance(value, str) else "")
    except ValueError as error:
        raise fault("Not a date", value=value, cure="write it as 2024-01-31") from error


Code = Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z0-9]([\w .+/-]*[\w.+/-])?$")]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_FILE_NAME)
]
Amount = Annotated[int, BeforeValidator(_amount)]
Percent = Annotated[int, BeforeValidator(_percent)]
Day = Annotated[date, BeforeValidator(_day)]
Flag = Annotated[bool, Field(strict=True)]
