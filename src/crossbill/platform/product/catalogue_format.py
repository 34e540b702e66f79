"""What people write in a catalogue of products: its keys, and what each must hold by itself."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from crossbill.core.money import MINOR_DIGITS, format_minor
from crossbill.engine.yaml_file import fault
from crossbill.engine.yaml_values import (
    PERCENT_DIGITS,
    Amount,
    Code,
    Day,
    Flag,
    Percent,
    Strict,
    Text,
)

STANDARD = "standard"
HIGHEST_RATE_PPM = 1_000_000
LONGEST_MONTHS = 60


def _currency(code: str) -> str:
    if code not in MINOR_DIGITS:
        cure = "a three-letter code such as EUR"
        raise fault("Not an active ISO 4217 currency", value=code, cure=cure)
    return code


Currency = Annotated[str, AfterValidator(_currency)]
Months = Annotated[int, Field(strict=True, ge=1, le=LONGEST_MONTHS)]


class Dated(Strict):
    """Something that holds for a time: whole days, half-open."""

    valid_from: Day = Field(alias="from")
    valid_to: Day | None = Field(alias="to", default=None)

    @property
    def given(self) -> tuple[date | None, date | None]:
        """From when to when, as it is written."""
        return self.valid_from, self.valid_to


class TaxSpec(Dated):
    """A rate of one tax in one jurisdiction, for one kind of thing."""

    jurisdiction: Code
    tax: Code
    category: Code = STANDARD
    percent: Percent

    @model_validator(mode="after")
    def _is_a_share(self) -> "TaxSpec":
        if not 0 <= self.percent <= HIGHEST_RATE_PPM:
            raise fault(
                "The rate is below 0 or above 100", within=["percent"],
                value=format_minor(self.percent, PERCENT_DIGITS), cure="0 to 100",
            )  # fmt: skip
        return self


class PriceVersionSpec(Dated):
    """What a price is for a time."""

    version: Code
    amount: Amount


class PriceSpec(Strict):
    """One price of an offering: what it is charged for, when, and how much."""

    price: Code
    charge: Literal["recurring", "one_time", "termination"] = "recurring"
    timing: Literal["advance", "arrears", "start", "end"] | None = None
    months: Months = 1
    alignment: Literal["cycle", "start", "calendar"] = "cycle"
    prorated: Flag = True
    tax_category: Code | None = None
    tax_inclusive: Flag = False
    versions: list[PriceVersionSpec] = Field(min_length=1)

    @property
    def due(self) -> str:
        """When it falls due; in advance and at the start where nothing else is said."""
        if self.charge == "termination":
            return "end"
        return self.timing or ("advance" if self.charge == "recurring" else "start")

    @model_validator(mode="after")
    def _fits(self) -> "PriceSpec":
        times = {
            "recurring": ("advance", "arrears"),
            "one_time": ("start", "end"),
            "termination": ("end",),
        }[self.charge]
        if self.due not in times:
            raise fault(
                f"A {self.charge} price does not fall due so", within=["timing"],
                value=self.timing, cure=f"one of {', '.join(times)}",
            )  # fmt: skip
        return self


class OfferingSpec(Strict):
    """Something that the carrier sells."""

    code: Code
    name: Text
    kind: Literal["plan", "add_on", "bundle", "device", "service"] = "service"
    tax_category: Code = STANDARD
    contains: list[Code] = []
    requires: list[Code] = []
    prices: list[PriceSpec] = []


class ProductCatalogueSpec(Strict):
    """A catalogue of products."""

    product_catalogue: Literal[1]
    name: Code
    currency: Currency
    taxes: list[TaxSpec] = Field(min_length=1)
    offerings: list[OfferingSpec] = Field(min_length=1)
