"""Texts of an extract as typed values, exactly: what cannot be read is told, never emptied."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from crossbill.core.money import NANO_DIGITS, parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.engine.integers import TOTAL
from crossbill.replacement.reconciliation.causes.format import try_strptime
from crossbill.replacement.reconciliation.compare import (
    BLANK,
    EMPTY,
    SENTINEL,
    UNREADABLE,
    VALUE,
)
from crossbill.replacement.reconciliation.spec import RANGE, FieldSpec

LARGEST = 2**62 - 1  # so that right minus left stays within 64 bits
SCALES = {"money": 9, "integer": 0}  # digits behind the point that such a field may have
FINE_DIGITS = 12  # behind the point, where amounts are calculated with before they are compared
FINER = 10 ** (FINE_DIGITS - NANO_DIGITS)
TRUE, FALSE = ("yes", "y", "true", "t", "1"), ("no", "n", "false", "f", "0")

NORMALISERS: dict[str, Callable[[ir.StringValue], ir.StringValue]] = {
    "trim": lambda text: text.strip(),
    "upper": lambda text: text.upper(),
    "lower": lambda text: text.lower(),
    "collapse_blanks": lambda text: text.re_replace(r"[\s\x{A0}]+", " ").strip(),
    "digits_only": lambda text: text.re_replace(r"\D", ""),
    "strip_zeros": lambda text: text.re_replace(r"^0+(.)", r"\1"),
}


def normalised(text: ir.StringValue, steps: Sequence[str]) -> ir.StringValue:
    """The text after each of the steps, in order."""
    for step in steps:
        text = NORMALISERS[step](text)
    return text


def typed(
    rows: ibis.Table,
    kept: dict[str, ir.Value],
    texts: Sequence[tuple[FieldSpec, ir.StringValue]],
    side: str,
) -> ibis.Table:
    """Rows -> what is kept, and of each field NAME, NAME__text and NAME__state.

    These are its value, its text as read, and what stands in the cell; for a text that is compared
    as read, NAME alone. In two steps, so that the engine reads each text once.
    """
    first = dict(kept)
    for f, text in texts:
        first |= {f.name: text} if f.as_read else _read(text, f, side)
    read = rows.select(**first).view()
    second: dict[str, ir.Value] = {name: read[name] for name in kept}
    for f, _ in texts:
        second |= {f.name: read[f.name]} if f.as_read else _judged(read, f, side)
    return read.select(**second)


def _read(text: ir.StringValue, field: FieldSpec, side: str) -> dict[str, ir.Value]:
    """The value before it is judged, the text, and the text after normalising."""
    bare = normalised(text if field.type == "text" else text.strip(), _of(field.normalise, side))
    name = field.name
    return {name: _value(bare, field, side), f"{name}__text": text, f"{name}__bare": bare}


def _judged(read: ibis.Table, field: FieldSpec, side: str) -> dict[str, ir.Value]:
    """The three columns of a field; what means "not set" has no value."""
    value, text, bare = (read[f"{field.name}{part}"] for part in ("", "__text", "__bare"))
    nulls = _of(field.null_values, side)
    blank = bare.isin(nulls).fill_null(False) if nulls else ibis.literal(False)
    state = ibis.cases(
        (text.isnull(), BLANK if nulls else EMPTY),
        (blank, BLANK),
        (_is_sentinel(bare, value, field, side).fill_null(False), SENTINEL),
        (value.isnull(), UNREADABLE),
        else_=VALUE,
    )
    value = ibis.ifelse(blank, ibis.null(value.type()), value)
    return {field.name: value, f"{field.name}__text": text, f"{field.name}__state": state}


def _of(setting: object, side: str) -> list[str]:
    texts: list[str] = getattr(setting, side)
    return texts


def _value(text: ir.StringValue, field: FieldSpec, side: str) -> ir.Value:
    """The text in the field's type; empty where it is not of that type."""
    if field.type == "money":
        return _scaled(plain_number(text, field, side), 9)
    if field.type == "integer":
        return _scaled(plain_number(text, field, side), 0)
    if field.type == "date":
        return try_strptime(text, ibis.literal(getattr(field.date_format, side))).cast("date")
    if field.type == "boolean":
        word = text.lower()
        return ibis.cases((word.isin(TRUE), True), (word.isin(FALSE), False))
    return text


def plain_number(text: ir.StringValue, field: FieldSpec, side: str) -> ir.StringValue:
    """The number with a decimal point and without separators; empty where it is no number."""
    point = r"," if getattr(field.decimal_comma, side) else r"\."
    separator = getattr(field.thousands, side)
    whole = r"\d+" + (rf"|\d{{1,3}}(?:[{separator}]\d{{3}})+" if separator else "")
    number = text.re_search(rf"^[+-]?(?:(?:{whole})(?:{point}\d*)?|{point}\d+)$")
    plain = text.replace(separator, "") if separator else text
    plain = plain.replace(",", ".") if getattr(field.decimal_comma, side) else plain
    return ibis.ifelse(number, plain, ibis.null("string"))


def fine_number(plain: ir.StringValue) -> ir.DecimalValue:
    """What ``plain_number`` gave, times 10**12; empty where it is none or too fine or large."""
    fine = _moved(plain, FINE_DIGITS).try_cast(TOTAL)
    limit = ibis.literal(Decimal(LARGEST * FINER), TOTAL)
    return ibis.ifelse(fine.between(-limit, limit), fine, ibis.null(TOTAL))


def decimal_text(number: ir.NumericValue, digits: int) -> ir.StringValue:
    """A whole number as decimal text with so many digits, without zeros at its end: ``-0.5``.

    Give it a stored number, for it is read several times.
    """
    text = number.cast("string").replace("-", "")
    if digits:
        text = ibis.ifelse(text.length() <= digits, text.lpad(digits + 1, "0"), text)
        text = text.left(text.length() - digits) + ibis.literal(".") + text.right(digits)
        text = text.re_replace(r"\.?0+$", "")
    return ibis.ifelse(number < 0, ibis.literal("-") + text, text)


def decimal_text_sql(number: str, digits: int) -> str:
    """SQL for a whole number as decimal text with so many digits, without zeros at its end."""
    whole = f"abs({number})::VARCHAR"
    text = f"lpad({whole}, greatest(length({whole}), {digits + 1})::INTEGER, '0')"
    point = f"left({text}, -{digits}) || '.' || right({text}, {digits})"
    return f"CASE WHEN {number} < 0 THEN '-' ELSE '' END || regexp_replace({point}, '\\.?0+$', '')"


def _scaled(plain: ir.StringValue, digits: int) -> ir.IntegerValue:
    """Decimal text times ``10**digits``; empty where that is no whole number or absurdly large."""
    scaled = _moved(plain, digits).try_cast("int64")
    return ibis.ifelse(scaled.between(-LARGEST, LARGEST), scaled, ibis.null("int64"))


def _moved(plain: ir.StringValue, digits: int) -> ir.StringValue:
    """Decimal text with its point moved; empty where that leaves digits behind it.

    The engine's casts to decimals round, and are slow.
    """
    point = plain.find(".")
    short = ibis.ifelse(point >= 0, plain.re_replace(r"0+$", ""), plain)
    fraction = ibis.ifelse(point >= 0, short.length() - point - 1, 0)
    zeros = ibis.literal("0" * digits).left(ibis.greatest(digits - fraction, 0))
    moved = ibis.ifelse(fraction <= digits, short.replace(".", "") + zeros, ibis.null("string"))
    return moved.replace("+", "")


def _is_sentinel(
    bare: ir.StringValue, value: ir.Value, field: FieldSpec, side: str
) -> ir.BooleanValue:
    """Whether the cell holds one of the values that mean "not set"."""
    declared = _of(field.sentinels, side)
    found: ir.BooleanValue = bare.isin(declared) if declared else ibis.literal(False)
    if field.type not in ("money", "integer"):
        return found
    scale = 10**9 if field.type == "money" else 1
    for text in declared:
        span = RANGE.fullmatch(text)
        if span:
            low, high = int(span[1]) * scale, int(span[2]) * scale
            found = found | (value.between(low, high) & (value % scale == 0))
        elif (number := _number(text, scale)) is not None:
            found = found | (value == number)
    return found


def _number(text: str, scale: int) -> int | None:
    """A sentinel as a number, where it is one: -1 also means -1.00."""
    try:
        nanos = parse_nanos(text)
    except Refusal:
        return None
    step = 10**9 // scale
    return nanos // step if nanos % step == 0 else None
