"""The form of a price model, made of nothing but the schema of its terms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from crossbill.core.money import NANO_DIGITS, format_minor
from crossbill.platform.rating.terms import PERCENT_DIGITS

Schema = Mapping[str, Any]
Answers = Mapping[str, str]
Place = tuple[str | int, ...]

SCALED = {"money": NANO_DIGITS, "quantity": NANO_DIGITS, "percent": PERCENT_DIGITS}
FIRST_ROWS, MOST_ROWS = 3, 20


@dataclass
class Field:
    """One value to ask for; ``name`` is its place in the terms."""

    name: str
    label: str
    about: str
    kind: str
    value: str
    default: str
    required: bool
    choices: list[str]
    errors: list[str] = field(default_factory=list)

    is_table = False


@dataclass
class Table:
    """A list of values that have the same fields: a row each."""

    name: str
    label: str
    about: str
    columns: list[Field]
    rows: list[list[Field]]
    errors: list[str] = field(default_factory=list)

    is_table = True


@dataclass
class TermsForm:
    """The fields of a model's terms, with what somebody wrote into them."""

    schema: Schema
    answers: Answers
    rows: int = FIRST_ROWS
    parts: list[Field | Table] = field(init=False)
    errors: list[str] = field(default_factory=list)
    _written_rows: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts = [
            self._table(name, part) if _kind(self._resolved(part)) == "array"
            else self._field(name, name, part, name in self.schema.get("required", []))
            for name, part in self.schema.get("properties", {}).items()
        ]  # fmt: skip

    @property
    def has_table(self) -> bool:
        """Whether there is a list to which rows can be added."""
        return any(part.is_table for part in self.parts)

    def written(self) -> dict[str, Any]:
        """The terms as they would stand in a catalogue; what is left empty is not written."""
        terms: dict[str, Any] = {}
        for part in self.parts:
            if isinstance(part, Table):
                rows = [(n, _values(row)) for n, row in enumerate(part.rows)]
                filled = [(n, values) for n, values in rows if values]
                self._written_rows[part.name] = [n for n, _ in filled]
                terms[part.name] = [values for _, values in filled]
            elif part.value:
                terms |= _values([part])
        return terms

    def add_errors(self, error: ValidationError) -> None:
        """Put what is wrong beside the field that is wrong."""
        for found in error.errors():
            context: dict[str, Any] = found.get("ctx", {})
            cure = context.get("cure")
            words = f"{found['msg']}." + (f" What to do: {cure}." if cure else "")
            self._place((*found["loc"], *context.get("within", ()))).append(words)

    def _place(self, place: Place) -> list[str]:
        """The errors of the field or the list at a place of the terms; else those of the form."""
        for part in self.parts:
            if place and part.name == place[0]:
                if isinstance(part, Field) or len(place) < 3:
                    return part.errors
                row = part.rows[self._written_rows[part.name][int(place[1])]]
                named = [each for each in row if each.name.endswith(f".{place[2]}")]
                return named[0].errors if named else part.errors
        return self.errors

    def _resolved(self, part: Schema) -> Schema:
        """The schema of a part: what it refers to, without the choice of being left out."""
        if "$ref" in part:
            return self._resolved(self.schema["$defs"][part["$ref"].rsplit("/", 1)[1]])
        options = [each for each in part.get("anyOf", []) if each.get("type") != "null"]
        return {**self._resolved(options[0]), **part} if options else part

    def _table(self, name: str, part: Schema) -> Table:
        item = self._resolved(self._resolved(part).get("items", {}))
        columns = list(self._row(f"{name}.n", item))
        rows = [list(self._row(f"{name}.{n}", item)) for n in range(self.rows)]
        return Table(name, _label(name), part.get("description", ""), columns, rows)

    def _row(self, name: str, item: Schema) -> Iterator[Field]:
        needed = item.get("required", [])
        for column, part in item.get("properties", {}).items():
            yield self._field(f"{name}.{column}", column, part, column in needed)

    def _field(self, name: str, column: str, part: Schema, required: bool) -> Field:
        known = self._resolved(part)
        return Field(
            name=name,
            label=_label(column, _kind(known)),
            about=part.get("description", ""),
            kind=_kind(known),
            value=self.answers.get(name, "").strip(),
            default=_default(known),
            required=required,
            choices=[str(each) for each in known.get("enum", [])],
        )


def _label(name: str, kind: str = "") -> str:
    words = name.replace("_", " ").capitalize()
    return f"{words}, %" if kind == "percent" else words


def _kind(part: Schema) -> str:
    """What is asked for: money, percent, quantity, integer, boolean, choice, array or string."""
    if "enum" in part:
        return "choice"
    return str(part.get("format") or part.get("type") or "string")


def _default(part: Schema) -> str:
    """What holds where nothing is written, as people write it."""
    value, digits = part.get("default"), SCALED.get(_kind(part))
    if value is None:
        return ""
    if digits is None or not isinstance(value, int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return format_minor(value, digits).rstrip("0").rstrip(".")


def _values(row: list[Field]) -> dict[str, Any]:
    return {each.name.rsplit(".", 1)[-1]: _typed(each) for each in row if each.value}


def _typed(part: Field) -> Any:
    """Whole numbers and yes or no are more than text; a wrong one stays text and is refused."""
    if part.kind == "integer" and part.value.isascii() and part.value.isdecimal():
        return int(part.value[:20])
    if part.kind == "boolean":
        return part.value == "true"
    return part.value
