"""What people write about two extracts: how they pair, which fields agree, what means "not set"."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from crossbill.core.money import MINOR_DIGITS, minor_digits, parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.sources import SourceFormat

MAXIMUM_SPEC_BYTES = 4 * 1024 * 1024
REFERENCE = "see docs/reference/reconcile-spec.md"

Combining = Literal["sum", "count", "least", "greatest"]
Normaliser = Literal["trim", "upper", "lower", "collapse_blanks", "digits_only", "strip_zeros"]
FieldKind = Literal["text", "integer", "money", "date", "boolean"]
NUMBERS = ("money", "integer")
NAME = r"^[A-Za-z0-9](_?[A-Za-z0-9 .-])*$"
RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)", re.ASCII)


class BadReconcileSpec(Refusal):
    """The specification does not say what it has to. Mend the place that the message names."""

    code: ClassVar[str] = "BAD_RECONCILE_SPEC"


class Strict(BaseModel):
    """Unknown keys are refused, so that a typing error is not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Value = TypeVar("Value")


class Sides(Strict, Generic[Value]):
    """A setting of each side; a single value stands for both."""

    left: Value
    right: Value


def _both(default: Any) -> BeforeValidator:
    """Read ``value`` as the same on both sides, and ``{left: value}`` with the default right."""

    def read(given: Any) -> Any:
        if isinstance(given, Sides):
            return given
        if isinstance(given, dict):
            return {"left": default, "right": default, **given}
        return {"left": given, "right": given}

    return BeforeValidator(read)


def _date_format(text: str) -> str:
    """``DD.MM.YYYY`` as the engine's ``%d.%m.%Y``."""
    parts = re.sub("YYYY|MM|DD", "", text)
    if any(text.count(part) != 1 for part in ("YYYY", "MM", "DD")) or re.search(r"[\w%]", parts):
        raise ValueError("a date format has YYYY, MM and DD once each, as in DD.MM.YYYY")
    return text.replace("YYYY", "%Y").replace("MM", "%m").replace("DD", "%d")


def _decimal(text: Any) -> Any:
    """The tolerance as nanos; it never passes through a float."""
    try:
        return parse_nanos(text) if isinstance(text, str) else text
    except Refusal as refusal:
        raise ValueError(f"{refusal.what}, {refusal.cure}") from refusal


DateFormat = Annotated[str, BeforeValidator(_date_format)]
Thousands = Literal["", ",", ".", " ", "'"]
Texts = list[str]


class SideSpec(SourceFormat):
    """One extract: which file or files, how they are written, and which rows are meant."""

    file: str | None = Field(None, min_length=1)
    where: str | None = Field(None, min_length=1)
    without_rows: Literal["missing", "zero"] = "missing"

    @model_validator(mode="after")
    def _somewhere(self) -> "SideSpec":
        if (self.file is None) is (self.url_from is None):
            raise ValueError("a side needs a file, or url_from where it is in a database server")
        return self


class KeyPart(Strict):
    """One part of the key that pairs the rows."""

    name: str = Field(pattern=NAME)
    left: str
    right: str
    normalise: Annotated[Sides[list[Normaliser]], _both([])] = Sides(left=["trim"], right=["trim"])


class FieldSpec(Strict):
    """One field that both extracts hold."""

    name: str = Field(pattern=NAME)
    left: str | None = None
    right: str | None = None
    left_sql: str | None = None
    right_sql: str | None = None
    left_formula: str | None = Field(None, min_length=1, max_length=200)
    right_formula: str | None = Field(None, min_length=1, max_length=200)
    combine: Annotated[Sides[Combining | None], _both(None)] = Sides(left=None, right=None)
    type: FieldKind = "text"
    currency: str | None = None
    digits: int | None = Field(default=None, ge=0, le=9)
    date_format: Annotated[Sides[DateFormat], _both("YYYY-MM-DD")] = Sides(
        left="%Y-%m-%d", right="%Y-%m-%d"
    )
    decimal_comma: Annotated[Sides[bool], _both(False)] = Sides(left=False, right=False)
    thousands: Annotated[Sides[Thousands], _both("")] = Sides(left="", right="")
    normalise: Annotated[Sides[list[Normaliser]], _both([])] = Sides(left=[], right=[])
    codes: dict[str, str | list[str | None] | None] = {}
    null_values: Annotated[Sides[Texts], _both([])] = Sides(left=[], right=[])
    sentinels: Annotated[Sides[Texts], _both([])] = Sides(left=[], right=[])
    tolerance_nanos: Annotated[int, BeforeValidator(_decimal)] = Field(
        default=0, ge=0, alias="tolerance"
    )

    @model_validator(mode="after")
    def _whole(self) -> "FieldSpec":
        """What no single key can tell alone."""
        for side in ("left", "right"):
            given = [f"{side}{way}" for way in ("", "_sql", "_formula")]
            given = [name for name in given if getattr(self, name)]
            if len(given) > 1:
                raise ValueError(f"{given[0]} and {given[1]} exclude each other")
            self._check_combine(side, given)
        for text in (*self.sentinels.left, *self.sentinels.right):
            self._check_sentinel(text)
        self._check_type()
        return self

    def _check_sentinel(self, text: str) -> None:
        span = RANGE.fullmatch(text)
        if span and self.type in ("money", "integer") and int(span[1]) > int(span[2]):
            raise ValueError(f"the range {text} is empty: write the lower end first")

    def _check_combine(self, side: str, given: list[str]) -> None:
        how = getattr(self.combine, side)
        if how == "count" and (given or self.type != "integer"):
            raise ValueError("a count is of rows: it needs type integer and no column")
        if how == "sum" and self.type not in NUMBERS:
            raise ValueError("a sum needs type money or integer")
        if self.formula(side) and self.type not in NUMBERS:
            raise ValueError(f"{side}_formula needs type money or integer")

    def _check_type(self) -> None:
        if self.codes and self.type != "text":
            raise ValueError("codes need type text")
        if self.tolerance_nanos and self.type not in ("money", "integer"):
            raise ValueError("a tolerance needs type money or integer")
        if self.currency is not None and self.currency not in MINOR_DIGITS:
            raise ValueError(f"{self.currency} is not an active ISO 4217 currency")
        if self.type == "money" and self.currency is None:
            raise ValueError("type money needs a currency, as in EUR")
        if self.type == "integer" and self.tolerance_nanos % 1_000_000_000:
            raise ValueError("the tolerance of an integer is a whole number")

    @property
    def as_read(self) -> bool:
        """Whether the text as read is the value: nothing is declared that could change it."""
        settings = (self.normalise, self.null_values, self.sentinels, self.combine)
        return self.type == "text" and not any(s.left or s.right for s in settings)

    def column(self, side: str) -> str | None:
        """The side's column; the field's own name where nothing is said.

        None for an expression, a formula and a count.
        """
        if self.sql(side) or self.formula(side) or getattr(self.combine, side) == "count":
            return None
        return getattr(self, side) or self.name

    def sql(self, side: str) -> str | None:
        """The side's expression, where it has one."""
        expression: str | None = getattr(self, f"{side}_sql")
        return expression

    def formula(self, side: str) -> str | None:
        """The side's formula, where it has one."""
        formula: str | None = getattr(self, f"{side}_formula")
        return formula


def minor_digits_of(field: FieldSpec) -> int:
    """Digits of the minor unit of a field of money."""
    return minor_digits(field.currency or "") if field.digits is None else field.digits


class ReconcileSpec(Strict):
    """The whole file."""

    name: str = Field(min_length=1)
    left: SideSpec
    right: SideSpec
    key: list[KeyPart] = Field(min_length=1)
    fields: list[FieldSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "ReconcileSpec":
        parts: list[KeyPart | FieldSpec] = [*self.key, *self.fields]
        names = [part.name.lower() for part in parts]  # the engine does not tell a from A
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"{', '.join(doubled)} is the name of more than one key or field")
        return self

    @model_validator(mode="after")
    def _combined_whole(self) -> "ReconcileSpec":
        """On a side whose rows are combined, each field says how; what is absent may be zero."""
        for name in ("left", "right"):
            ways = {field.name: getattr(field.combine, name) for field in self.fields}
            silent = [field for field, how in ways.items() if how is None]
            if silent and self.combines(name):
                raise ValueError(f"{silent[0]} needs combine on the {name}, as others have it")
            zero = self.side(name).without_rows == "zero"
            if zero and not {*ways.values()} <= {"sum", "count"}:
                raise ValueError(f"without_rows: zero on the {name} needs sums and counts only")
        return self

    def combines(self, side: str) -> bool:
        """Whether the rows of a key are combined on this side."""
        return any(getattr(field.combine, side) for field in self.fields)

    def reads_all(self, side: str) -> bool:
        """Whether an expression or formula of this side may read any column."""
        written = any(field.sql(side) or field.formula(side) for field in self.fields)
        return written or self.side(side).where is not None

    def side(self, name: str) -> SideSpec:
        """The left or the right extract."""
        return self.left if name == "left" else self.right


class _Texts(yaml.SafeLoader):
    """YAML in which all but null is text: no is "no", 007 stays 007, 0.10 is no float."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping in which each key stands once."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for (key, _), text in zip(node.value, keys, strict=False):
            if keys.count(text) > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"{text} stands twice", problem_mark=key.start_mark
                )
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


_Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_spec(path: Path) -> ReconcileSpec:
    """Read and check a specification; every fault is one sentence with its place."""
    try:
        return ReconcileSpec.model_validate(_document(path))
    except ValidationError as error:
        raise _refusal(error, path) from error


def _document(path: Path) -> Any:
    if not path.is_file():
        raise BadReconcileSpec("the specification is not a file", file=str(path), cure=REFERENCE)
    if path.stat().st_size > MAXIMUM_SPEC_BYTES:
        raise BadReconcileSpec("the file is too large for a specification", file=str(path))
    try:
        # The loader is a SafeLoader, which builds nothing but plain values.
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Texts)  # noqa: S506 - see above
    except UnicodeDecodeError as error:
        raise BadReconcileSpec(
            "the specification is not UTF-8", file=str(path), cure="store it as UTF-8"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadReconcileSpec(
            f"the specification is not readable YAML: {getattr(error, 'problem', error)}",
            file=str(path),
            line=mark.line + 1 if mark else None,
            cure=f"mend that line; {REFERENCE}",
        ) from error


def _refusal(error: ValidationError, path: Path) -> BadReconcileSpec:
    """The first fault of a specification, in a person's words."""
    first = error.errors()[0]
    more = error.error_count() - 1
    what = first["msg"].removeprefix("Value error, ")
    return BadReconcileSpec(
        what + (f" (and {more} more)" if more else ""),
        file=str(path),
        field=".".join(str(part) for part in first["loc"]) or "the whole file",
        value=_value(first),
        cure=f"{_CURES.get(first['type'], 'mend the value')}; {REFERENCE}",
    )


def _value(fault: ErrorDetails) -> str | None:
    """What was written at the place of a fault, where it is short enough to help."""
    value = fault["input"]
    return str(value)[:80] if isinstance(value, str | int | None) else None


_CURES = {
    "missing": "add this key",
    "extra_forbidden": "remove this key or mend its spelling",
    "literal_error": "use one of the words listed",
}
