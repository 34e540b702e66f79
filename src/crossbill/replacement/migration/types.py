"""Types text columns set-wise and exactly; a row with any bad value becomes one suspended row."""

import re
from collections.abc import Sequence
from functools import reduce
from typing import Literal, Self
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pydantic import BaseModel, ConfigDict, Field, model_validator

from crossbill.core.money import NANO_DIGITS, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.local_time import readings, regime_of

LINE = "_line"
PPM_OF_PERCENT_DIGITS = 4  # 10.00 % is 100,000 millionths
SCALES = {"integer": 0, "money": NANO_DIGITS, "percent": PPM_OF_PERCENT_DIGITS}
SUFFIXES = {"money": "_nanos", "percent": "_ppm"}
_TOKENS = {
    "YYYY": ("%Y", r"\d{4}"),
    "MM": ("%m", r"\d{2}"),
    "DD": ("%d", r"\d{2}"),
    "HH": ("%H", r"\d{2}"),
    "MI": ("%M", r"\d{2}"),
    "SS": ("%S", r"\d{2}"),
    "FFFFFF": ("%f", r"\d{6}"),
}
_TOKEN = re.compile("|".join(_TOKENS))
_DIGIT_OF_OVERPUNCH = ("{ABCDEFGHI}JKLMNOPQR", "01234567890123456789")
_DEFAULT_FORMATS = {"date": "YYYY-MM-DD", "instant": "YYYY-MM-DD HH:MI:SS"}

# What each code means and what to do about it; the class is FORMAT but for absurd values.
FIELD_PROBLEMS: dict[str, tuple[str, str]] = {
    "REQUIRED_BLANK": ("is blank but needed", "fill it in the old system, or make it optional"),
    "NOT_AN_INTEGER": ("is not a whole number", "correct the value"),
    "NOT_AN_AMOUNT": ("is not an amount", "correct it, or state decimal_comma, sign or digits"),
    "TOO_MANY_DIGITS": ("has more digits after the point than can be kept", "round it at source"),
    "OUT_OF_RANGE": ("is beyond what 64 bits hold", "check the figure"),
    "BELOW_MINIMUM": ("is below the minimum", "check the figure, or lower the minimum"),
    "ABOVE_MAXIMUM": ("is above the maximum", "check the figure, or raise the maximum"),
    "NOT_A_DATE": ("is not in the date's format", "correct it, or state the format"),
    "DATE_DOES_NOT_EXIST": ("is a day or time that does not exist", "correct it at source"),
    "TIME_SKIPPED": ("is a local time that the clocks skip", "correct it, or the time_zone"),
    "TIME_REPEATED": ("is a local time that comes twice", "say with repeated_time which is meant"),
    "NOT_A_BOOLEAN": ("is neither yes nor no", "correct it, or list it as true or false"),
}
_ABSURD = ("BELOW_MINIMUM", "ABOVE_MAXIMUM")


class FieldTypeWrong(Refusal):
    """A field's description asks for what does not exist. Correct the description."""

    code = "FIELD_TYPE_WRONG"


class FieldType(BaseModel):
    """One typed field: the column that it comes from and how its text is to be read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="what the mapping calls it")
    column: str = Field("", description="the file's column, the name if not given")
    type: Literal["text", "integer", "money", "date", "instant", "boolean", "percent"] = "text"
    required: bool = Field(False, description="a blank value suspends the row")
    null_values: tuple[str, ...] = Field((), description="texts that mean: no value")
    decimal_comma: bool = Field(False, description="the comma divides, as in 49,90")
    implied_digits: int = Field(0, ge=0, le=NANO_DIGITS, description="4990 means 49.90 with 2")
    sign: Literal["leading", "trailing", "overpunch"] = Field(
        "leading", description="-1, 1- or the last digit carries it (mainframe zoned numbers)"
    )
    format: str = Field("", description="of dates and instants: YYYY MM DD HH MI SS FFFFFF")
    time_zone: str = Field("", description="local time of an instant, an IANA name; it becomes UTC")
    repeated_time: Literal["suspend", "first", "last"] = Field(
        "suspend",
        description="which is meant where the clocks go back and a local time comes twice",
    )
    minimum: str | None = Field(None, description="smaller values are absurd")
    maximum: str | None = Field(None, description="greater values are absurd")
    true_values: tuple[str, ...] = ("1", "Y", "YES", "T", "TRUE")
    false_values: tuple[str, ...] = ("0", "N", "NO", "F", "FALSE")

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.implied_digits > SCALES.get(self.type, NANO_DIGITS):
            raise ValueError(f"a {self.type} has at most {SCALES[self.type]} implied digits")
        if self.type in _DEFAULT_FORMATS and not {"YYYY", "MM", "DD"} <= set(self.tokens):
            raise ValueError(f"the format {self.format!r} lacks YYYY, MM or DD")
        self._zone_is_known()
        for limit in (self.minimum, self.maximum):
            if limit is not None:
                self.limit(limit)
        return self

    def _zone_is_known(self) -> None:
        if self.time_zone and self.type != "instant":
            raise ValueError(f"time_zone is for instants, and {self.name} is of type {self.type}")
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (LookupError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {self.time_zone!r}") from error

    @property
    def source_column(self) -> str:
        """The column of the file."""
        return self.column or self.name

    @property
    def output(self) -> str:
        """The typed column: money ends in ``_nanos``, a percentage in ``_ppm``."""
        suffix = SUFFIXES.get(self.type, "")
        return self.name if self.name.endswith(suffix) else self.name + suffix

    @property
    def date_format(self) -> str:
        """The format of a date or an instant."""
        return self.format or _DEFAULT_FORMATS.get(self.type, "")

    @property
    def tokens(self) -> list[str]:
        """The parts of the format."""
        return _TOKEN.findall(self.date_format)

    def limit(self, text: str) -> int | str:
        """A minimum or maximum in the unit of the typed column; days are compared as ISO text."""
        if self.type in SCALES:
            try:
                return parse_scaled(text, digits=SCALES[self.type])
            except Refusal as refusal:
                raise ValueError(f"limit of {self.name}: {refusal.what}") from refusal
        if self.type in _DEFAULT_FORMATS and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return text
        raise ValueError(f"a limit of {self.name}, a {self.type}, cannot be {text!r}")


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, format: str) -> dt.timestamp:
    """The instant, or nothing where the text does not name one."""


@ibis.udf.scalar.builtin(name="regexp_full_match")  # type: ignore[untyped-decorator]
def _matches(text: str, pattern: str) -> bool:  # type: ignore[empty-body]
    """Whether the whole text fits the pattern."""


@ibis.udf.scalar.builtin(name="split_part")  # type: ignore[untyped-decorator]
def _split_part(text: str, separator: str, place: int) -> str:  # type: ignore[empty-body]
    """The so manyth piece, empty where there is none."""


@ibis.udf.scalar.builtin(name="ltrim")  # type: ignore[untyped-decorator]
def _ltrim(text: str, characters: str) -> str:  # type: ignore[empty-body]
    """Without these characters at the start."""


@ibis.udf.scalar.builtin(name="rtrim")  # type: ignore[untyped-decorator]
def _rtrim(text: str, characters: str) -> str:  # type: ignore[empty-body]
    """Without these characters at the end."""


def typed(
    rows: ir.Table, fields: Sequence[FieldType], *, file: str = "", key: Sequence[str] = ()
) -> tuple[ir.Table, ir.Table]:
    """Reads text columns and ``_line``; gives the typed rows and, as suspended rows, the others.

    Every row is in exactly one of the two. ``key`` names fields whose text makes the record key.
    """
    parsed = parse(rows, fields)
    return accepted(parsed, fields), rejected(parsed, fields, file=file, key=key)


def parse(rows: ir.Table, fields: Sequence[FieldType]) -> ir.Table:
    """Each row with its typed columns, and each field's text (``_text_``) and code (``_code_``)."""
    _refuse_doubled(fields)
    texts = rows.select(LINE, **{f"_text_{f.name}": rows[f.source_column].strip() for f in fields})
    blanked = texts.mutate(**{f"_text_{f.name}": _without_nulls(texts, f) for f in fields})
    steps: dict[str, ir.Value] = {}
    for field in fields:
        steps |= _prepared(blanked[f"_text_{field.name}"], field)
    prepared = _in_utc(blanked.mutate(**steps), fields)
    return prepared.select(LINE, **_results(prepared, fields))


def all_good(parsed: ir.Table, fields: Sequence[FieldType]) -> ir.BooleanValue:
    """Whether a parsed row has no bad field."""
    return _first_code(parsed, fields).isnull()


def accepted(parsed: ir.Table, fields: Sequence[FieldType]) -> ir.Table:
    """The parsed rows without a bad field: ``_line`` and the typed columns."""
    return parsed.filter(all_good(parsed, fields)).select(LINE, *[field.output for field in fields])


def rejected(
    parsed: ir.Table,
    fields: Sequence[FieldType],
    *,
    file: str,
    key: Sequence[str],
    account: str | None = None,
) -> ir.Table:
    """The parsed rows with a bad field as suspended rows; the raw bytes are put in by the stage.

    ``account`` names the field that holds the account, so that a bad row holds its account back.
    """
    code = _first_code(parsed, fields)
    bad = parsed.filter(code.notnull())
    code = _first_code(bad, fields)
    columns = {
        "file": ibis.literal(file),
        "line": bad[LINE],
        "record_key": _record_key(bad, key),
        "account_key": bad[f"_text_{account}"] if account else ibis.null("string"),
        "stage": ibis.literal("stage"),
        "code": code,
        "class_code": code.isin(_ABSURD).ifelse("SOURCE_DEFECT", "FORMAT"),
        "field": _of_first_bad(bad, fields, lambda field: ibis.literal(field.name)),
        "value": _of_first_bad(bad, fields, lambda field: bad[f"_text_{field.name}"]),
        "message": _message(bad, fields),
        "raw": ibis.null("binary"),
    }
    return bad.select(**{name: columns[name] for name in SUSPENDED.arrow.names})


def _refuse_doubled(fields: Sequence[FieldType]) -> None:
    if not fields:
        raise FieldTypeWrong("no field is listed", field="fields", cure="list at least one")
    outputs = [field.output for field in fields]
    doubled = next((name for name in outputs if outputs.count(name) > 1), None)
    if doubled is not None:
        raise FieldTypeWrong("two fields have one name", field=doubled, cure="rename one of them")


def _without_nulls(rows: ir.Table, field: FieldType) -> ir.StringValue:
    text = rows[f"_text_{field.name}"]
    return text.isin(("", *field.null_values)).ifelse(ibis.null("string"), text)


# From text to value: what is needed more than once is a column of its own.


def _prepared(text: ir.StringValue, field: FieldType) -> dict[str, ir.Value]:
    """The columns from which a field's value and code follow."""
    if field.type in SCALES:
        return _number_parts(text, field)
    if field.type in _DEFAULT_FORMATS:
        return _date_parts(text, field)
    return {}


def _number_parts(text: ir.StringValue, field: FieldType) -> dict[str, ir.Value]:
    """Shape, digits after the point (too many or not), and the number in its unit."""
    name, scale = field.name, SCALES[field.type]
    shaped = _matches(text, _number_pattern(field))
    magnitude, negative = _unsigned(text, field)
    point = "," if field.decimal_comma else "."
    whole = _split_part(magnitude, point, 1)
    fraction = _rtrim(_split_part(magnitude, point, 2), "0")
    if field.type == "integer" or field.implied_digits:
        whole, fraction = magnitude, ibis.literal("")
    digits = whole + fraction.rpad(scale - field.implied_digits, "0")
    number = (negative.ifelse("-", "") + digits).try_cast("int64")
    fine = fraction.length() > scale
    return {
        f"_shaped_{name}": shaped,
        f"_fine_{name}": shaped & fine,
        f"_value_{name}": (shaped & ~fine).ifelse(number, ibis.null("int64")),
    }


def _number_pattern(field: FieldType) -> str:
    point = "," if field.decimal_comma else r"\."
    whole_only = field.type == "integer" or field.implied_digits
    digits = r"[0-9]+" if whole_only else rf"([0-9]+({point}[0-9]*)?|{point}[0-9]+)"
    if field.sign == "overpunch":
        return digits + r"|[0-9]*[{}A-R]" if whole_only else digits
    return rf"[+-]?{digits}" if field.sign == "leading" else rf"{digits}[+-]?"


def _unsigned(text: ir.StringValue, field: FieldType) -> tuple[ir.StringValue, ir.BooleanValue]:
    """The digits and the point without the sign, and whether it is negative."""
    if field.sign == "overpunch":
        last = text.right(1)
        digits = text.substr(0, text.length() - 1) + last.translate(*_DIGIT_OF_OVERPUNCH)
        return digits, last.re_search("[}J-R]")
    trim = _ltrim if field.sign == "leading" else _rtrim
    return trim(text, "+-"), text.contains("-")


def _date_parts(text: ir.StringValue, field: FieldType) -> dict[str, ir.Value]:
    """Shape and instant of a date; the year 0 is no year."""
    strptime, pattern = _date_patterns(field.date_format)
    instant = _try_strptime(text, strptime)
    value = (instant.year() >= 1).ifelse(instant, ibis.null("timestamp"))
    kind = "date" if field.type == "date" else "timestamp(6)"
    return {
        f"_shaped_{field.name}": _matches(text, pattern),
        f"_value_{field.name}": value.cast(kind),
    }


def _date_patterns(format: str) -> tuple[str, str]:
    """The format as strptime and as the shape of its texts."""
    strptime = _TOKEN.sub(lambda found: _TOKENS[found[0]][0], format)
    parts = re.split(f"({_TOKEN.pattern})", format)
    return strptime, "".join(_TOKENS[p][1] if p in _TOKENS else re.escape(p) for p in parts)


def _in_utc(prepared: ir.Table, fields: Sequence[FieldType]) -> ir.Table:
    """Local times become UTC; where that is not one instant, a column says why."""
    zoned = [field for field in fields if field.time_zone]
    if not zoned:
        return prepared
    regimes = {
        f"_regime_{f.name}": regime_of(prepared[f"_value_{f.name}"], f.time_zone) for f in zoned
    }
    dated = prepared.mutate(**regimes)
    return dated.mutate(**{n: v for f in zoned for n, v in _instants(dated, f).items()})


def _instants(dated: ir.Table, field: FieldType) -> dict[str, ir.Value]:
    name = field.name
    local = dated[f"_value_{name}"]
    first, last = readings(local, dated[f"_regime_{name}"], field.time_zone)
    twice = ibis.literal(False)
    if field.repeated_time == "suspend":
        twice = (first != last).fill_null(False)
    return {
        f"_value_{name}": last if field.repeated_time == "last" else first,
        f"_skipped_{name}": local.notnull() & first.isnull(),
        f"_twice_{name}": twice,
    }


def _results(prepared: ir.Table, fields: Sequence[FieldType]) -> dict[str, ir.Value]:
    columns: dict[str, ir.Value] = {}
    for field in fields:
        columns[field.output] = _value(prepared, field)
        columns[f"_text_{field.name}"] = prepared[f"_text_{field.name}"]
        columns[f"_code_{field.name}"] = _code(prepared, field)
    return columns


def _value(prepared: ir.Table, field: FieldType) -> ir.Value:
    text = prepared[f"_text_{field.name}"]
    if field.type == "text":
        return text
    if field.type == "boolean":
        return ibis.cases(
            (text.upper().isin(_upper(field.true_values)), True),
            (text.upper().isin(_upper(field.false_values)), False),
            else_=ibis.null("boolean"),
        )
    value = prepared[f"_value_{field.name}"]
    return prepared[f"_shaped_{field.name}"].ifelse(value, ibis.null(value.type()))


def _code(prepared: ir.Table, field: FieldType) -> ir.StringValue:
    """What is wrong with the field, if anything."""
    text = prepared[f"_text_{field.name}"]
    blank = ibis.literal("REQUIRED_BLANK") if field.required else ibis.null("string")
    cases = [(text.isnull(), blank), *_cases_of_type(prepared, field)]
    return ibis.cases(*cases, else_=ibis.null("string"))


def _cases_of_type(prepared: ir.Table, field: FieldType) -> list[tuple[ir.Value, str]]:
    name = field.name
    if field.type == "text":
        return []
    if field.type == "boolean":
        known = _upper((*field.true_values, *field.false_values))
        return [(~prepared[f"_text_{name}"].upper().isin(known), "NOT_A_BOOLEAN")]
    shaped, value = prepared[f"_shaped_{name}"], prepared[f"_value_{name}"]
    if field.type in _DEFAULT_FORMATS:
        cases = [(~shaped, "NOT_A_DATE"), *_local_cases(prepared, field)]
        cases.append((value.isnull(), "DATE_DOES_NOT_EXIST"))
    else:
        wrong = "NOT_AN_INTEGER" if field.type == "integer" else "NOT_AN_AMOUNT"
        fine = prepared[f"_fine_{name}"]
        cases = [(~shaped, wrong), (fine, "TOO_MANY_DIGITS"), (value.isnull(), "OUT_OF_RANGE")]
    return cases + _limit_cases(value, field)


def _local_cases(prepared: ir.Table, field: FieldType) -> list[tuple[ir.Value, str]]:
    """A local time that is not one instant."""
    if not field.time_zone:
        return []
    name = field.name
    skipped, twice = prepared[f"_skipped_{name}"], prepared[f"_twice_{name}"]
    return [(skipped, "TIME_SKIPPED"), (twice, "TIME_REPEATED")]


def _limit_cases(value: ir.Value, field: FieldType) -> list[tuple[ir.Value, str]]:
    """A value beyond its limits is absurd."""
    cases = []
    if field.minimum is not None:
        cases.append((value < _as_literal(field, field.minimum), "BELOW_MINIMUM"))
    if field.maximum is not None:
        cases.append((value > _as_literal(field, field.maximum), "ABOVE_MAXIMUM"))
    return cases


def _as_literal(field: FieldType, text: str) -> ir.Value:
    limit = field.limit(text)
    return ibis.literal(limit) if isinstance(limit, int) else ibis.date(limit)


def _upper(values: Sequence[str]) -> list[str]:
    return [value.upper() for value in values]


# From bad fields to one suspended row.


def _first_code(rows: ir.Table, fields: Sequence[FieldType]) -> ir.StringValue:
    codes = [rows[f"_code_{field.name}"] for field in fields]
    return ibis.coalesce(*codes) if codes else ibis.null("string")


def _of_first_bad(rows: ir.Table, fields: Sequence[FieldType], part) -> ir.StringValue:  # type: ignore[no-untyped-def] # a column or a constant of a field
    cases = [(rows[f"_code_{field.name}"].notnull(), part(field)) for field in fields]
    return ibis.cases(*cases, else_=ibis.null("string")) if cases else ibis.null("string")


def _record_key(rows: ir.Table, key: Sequence[str]) -> ir.StringValue:
    """The texts of the key's fields joined by ``|``, nothing where one is blank."""
    parts = [rows[f"_text_{name}"] for name in key]
    if not parts:
        return ibis.null("string")
    return reduce(lambda left, right: left + "|" + right, parts)


def _message(rows: ir.Table, fields: Sequence[FieldType]) -> ir.StringValue:
    """A sentence for each bad field, with the cure."""
    sentences = [ibis.coalesce(_sentence(rows, field), "") for field in fields]
    return reduce(lambda left, right: left + right, sentences).strip()


def _sentence(rows: ir.Table, field: FieldType) -> ir.StringValue:
    code, text = rows[f"_code_{field.name}"], ibis.coalesce(rows[f"_text_{field.name}"], "")
    said = ibis.cases(
        *[(code == name, f"' {what}: {cure}. ") for name, (what, cure) in FIELD_PROBLEMS.items()],
        else_=ibis.null("string"),
    )
    return ibis.literal(f"{field.name} '") + text + said
