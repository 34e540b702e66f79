"""What people write in a catalogue of products: its keys, and what each must hold by itself."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

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
TERMS = (  # what is the same in all lists of a price
    "charge", "timing", "months", "alignment", "prorated", "tax_category", "tax_inclusive",
)  # fmt: skip


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
    segment: Text | None = None
    region: Text | None = None
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

    @property
    def whom(self) -> tuple[str, str]:
        """Segment and region that it is for; empty where it is for all of them."""
        return self.segment or "", self.region or ""

    @property
    def for_whom(self) -> str:
        """The same in words: for segment business and region north; empty for a general price."""
        named = zip(("segment", "region"), self.whom, strict=True)
        words = " and ".join(f"{name} {value}" for name, value in named if value)
        return f"for {words}" if words else ""

    @field_validator("segment", "region", mode="before")
    @classmethod
    def _is_stated(cls, value: Any) -> Any:
        """A key without a value is an oversight, and must not make a price everybody's."""
        if value is None:
            cure = "name one, or take the key out: then the price is for all"
            raise fault("The value is blank", cure=cure)
        return value

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


class UsageSpec(Strict):
    """What the use of an offering is for tax; what it costs is said where it is rated."""

    tax_category: Code
    tax_inclusive: Flag = False


class OfferingSpec(Strict):
    """Something that the carrier sells."""

    code: Code
    name: Text
    kind: Literal["plan", "add_on", "bundle", "device", "service"] = "service"
    tax_category: Code = STANDARD
    contains: list[Code] = []
    requires: list[Code] = []
    contract_goes_to: list[Code] | None = None
    usage: UsageSpec | None = None
    prices: list[PriceSpec] = []

    @field_validator("prices")
    @classmethod
    def _have_one_price_s_terms(cls, prices: list[PriceSpec]) -> list[PriceSpec]:
        """A list differs from its price in whom it is for and what it costs, and in nothing else.

        What it leaves out is as the general price says, or the first list where there is none.
        """
        general = [price for price in prices if not price.for_whom]
        leading = {price.price: price for price in [*reversed(prices), *general]}
        return [
            _with_terms(price, leading[price.price], number) if price.for_whom else price
            for number, price in enumerate(prices)
        ]


def _with_terms(price: PriceSpec, leading: PriceSpec, number: int) -> PriceSpec:
    left_out = [name for name in TERMS if name not in price.model_fields_set]
    listed = price.model_copy(update={name: getattr(leading, name) for name in left_out})
    for name in TERMS:
        term = "due" if name == "timing" else name
        if getattr(listed, term) != getattr(leading, term):
            raise fault(
                "The list has other terms than its price", within=[number, name],
                value=getattr(price, name), cure="leave the key out: the price's own term holds",
            )  # fmt: skip
    return listed


class ProductCatalogueSpec(Strict):
    """A catalogue of products."""

    product_catalogue: Literal[1]
    name: Code
    currency: Currency
    taxes: list[TaxSpec]
    tax_providers: dict[Code, Code] = {}
    offerings: list[OfferingSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_taxed(self) -> "ProductCatalogueSpec":
        if not self.taxes and not self.tax_providers:
            cure = "state a tax, with a rate of 0 where nothing is due; or name a provider"
            raise fault("The list is empty", within=["taxes"], cure=cure)
        return self
