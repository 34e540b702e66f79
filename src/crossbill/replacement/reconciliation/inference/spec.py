"""The specification of a folder of old bills and facts: which file, which column, how written."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from crossbill.core.money import MINOR_DIGITS
from crossbill.core.refusal import Refusal
from crossbill.engine.yaml_file import fault, read_yaml
from crossbill.engine.yaml_values import Strict
from crossbill.replacement.migration.sources import SourceFormat
from crossbill.replacement.reconciliation.inference.fields import TABLES, USAGE_CHARGE

CURE = "see docs/how-to/infer-policy.md"
Sign = Literal["leading", "trailing", "overpunch", "parentheses", "credit_mark"]
DATE_PARTS = re.compile("YYYY|MM|DD")


class BadInferenceSpec(Refusal):
    """The specification does not say what it has to. Mend the place that the message names."""

    code: ClassVar[str] = "BAD_INFERENCE_SPEC"


def _date_format(value: Any) -> Any:
    parts = DATE_PARTS.findall(value) if isinstance(value, str) else []
    rest = DATE_PARTS.sub("", value) if isinstance(value, str) else ""
    if sorted(parts) not in (["DD", "MM", "YYYY"], ["MM", "YYYY"]) or re.search(r"[\w%]", rest):
        cure = "YYYY, MM and DD once each, as in DD.MM.YYYY; without DD it names a month"
        raise fault("Not a date format", value=value, cure=cure)
    return value


DateFormat = Annotated[str, BeforeValidator(_date_format)]


class Written(Strict):
    """How values are written; what a field does not say its table says, then the whole file."""

    date_format: DateFormat | None = None
    decimal_comma: bool | None = None
    thousands: Literal["", ",", ".", " ", "'"] | None = None
    sign: Sign | None = None
    null_values: tuple[str, ...] | None = None


class FieldRule(Written):
    """Where a field comes from: a column, or one value for all rows."""

    column: str | None = None
    value: str | None = None
    codes: dict[str, str] = {}
    last_day: bool = False
    implied_digits: int = Field(default=0, ge=0, le=9)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise fault("A field has a column or a value", cure="state one of the two")
        return self


class Negate(Strict):
    """Rows whose amounts stand without their sign although they lower the bill."""

    column: str
    values: tuple[str, ...] = Field(min_length=1)


def _short_form(value: Any) -> Any:
    """``net: NETTO`` is short for ``net: {column: NETTO}``."""
    return {"column": value} if isinstance(value, str) else value


class TableSpec(SourceFormat):
    """One table: its file, how that is written, and where its fields come from."""

    file: str = Field(min_length=1)
    fields: dict[str, Annotated[FieldRule, BeforeValidator(_short_form)]] = {}
    negate: Negate | None = None
    written: Written = Written()


class RatingSpec(Strict):
    """By what usage was rated: a catalogue, and a file of usage; both inside of the folder."""

    catalogue: str = Field(min_length=1)
    usage: str = Field(min_length=1)


class InferenceSpec(Strict):
    """The whole file."""

    infer_policy: Literal[1] = 1
    policy_code: str = Field(default="inferred", min_length=1, max_length=60)
    currency: str | None = None
    written: Written = Written()
    tables: dict[str, TableSpec] = {}
    rating: RatingSpec | None = None

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str | None) -> str | None:
        if value is not None and value not in MINOR_DIGITS:
            raise fault("Not an active ISO 4217 currency", value=value, cure="write it as in EUR")
        return value

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        for table, spec in self.tables.items():
            if table not in TABLES:
                cure = f"the tables are {', '.join(TABLES)}"
                raise fault("There is no such table", within=("tables", table), cure=cure)
            known = [field.name for field in TABLES[table].fields]
            for name in (name for name in spec.fields if name not in known):
                cure = f"the fields of {table} are {', '.join(known)}"
                place = ("tables", table, "fields", name)
                raise fault("There is no such field", within=place, cure=cure)
        return self

    @model_validator(mode="after")
    def _rated_charges(self) -> Self:
        if USAGE_CHARGE in self.tables and self.rating is None:
            cure = "state `rating`: the catalogue and the usage behind these charges"
            raise fault("Nothing is rated", within=("tables", USAGE_CHARGE), cure=cure)
        return self

    def written_for(self, table: str, field: str) -> Written:
        """How the values of a field are written: by its own word, its table's, or the file's."""
        told = self.tables.get(table)
        levels = [self.written, told.written if told else Written()]
        rule = told.fields.get(field) if told else None
        levels += [rule] if rule else []
        said = {
            name: getattr(level, name)
            for level in levels
            for name in Written.model_fields
            if getattr(level, name) is not None
        }
        return Written(**said)


def read_spec(path: Path) -> InferenceSpec:
    """Read and check a specification; the first fault is refused with its place."""
    return read_yaml(path, refusal=BadInferenceSpec, cure=CURE).checked(InferenceSpec)
