"""FORMAT: the same value written in another way: blanks, case, punctuation, or form of a number."""

from collections.abc import Sequence
from datetime import datetime

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.compare import UNREADABLE

CODE = "FORMAT"
PRECEDENCE = 50

DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")


def explain(differences: ibis.Table) -> ibis.Table:
    """Values that are equal once both are read without regard to how they are written."""
    d = differences
    left, right = d.left_value, d.right_value
    # Sentinels and numbers that were read as declared differ in value, not in form.
    written = (d.type == "text") | (d.left_state == UNREADABLE) | (d.right_state == UNREADABLE)
    numbers = _readings(left), _readings(right)
    numeric = _any_set(numbers[0]) & _any_set(numbers[1])
    found = ibis.cases(
        (_meet(*numbers), "the same number"),
        (numeric, ""),  # two numbers that differ are never alike by their digits
        (_collapsed(left) == _collapsed(right), "equal without regard to blanks"),
        (_collapsed(left).lower() == _collapsed(right).lower(), "equal without regard to case"),
        (_alike(left, right), "equal without regard to case, blanks and punctuation"),
        ((d.type == "date") & _meet(_dates(left), _dates(right)), "the same date"),
        else_="",
    )
    shown = ibis.literal("'") + left + ibis.literal("' and '") + right + ibis.literal("': ")
    return explained(d, (d.kind == "different") & written & (found != ""), shown + found)


def _collapsed(text: ir.StringValue) -> ir.StringValue:
    """Without blanks at the ends, single blanks within, accents in one form."""
    return nfc_normalize(text.re_replace(r"[\s\x{A0}]+", " ").strip())


def _alike(left: ir.StringValue, right: ir.StringValue) -> ir.BooleanValue:
    letters = _letters(left)
    return (letters != "") & (letters == _letters(right))


def _letters(text: ir.StringValue) -> ir.StringValue:
    """Letters and digits only, but a decimal point and a minus keep their meaning as words."""
    marked = _collapsed(text).lower().re_replace(r"(\d)[.,](\d)", r"\1point\2")
    marked = marked.re_replace(r"(\d)[.,](\d)", r"\1point\2").re_replace(
        r"(^| )-(\d)", r"\1minus\2"
    )
    return marked.re_replace(r"[^\p{L}\p{M}\p{N}]", "")


def _readings(text: ir.StringValue) -> tuple[ir.StringValue, ...]:
    """The number as plain decimal text, once with a decimal point and once with a comma."""
    bare = text.re_replace(r"[\s\x{A0}\x{202F}'_€$£¥]", "").re_replace(r"^(.*\d)([+-])$", r"\2\1")
    point = bare.re_search(r"^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?$")
    comma = bare.re_search(r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?$")
    return (
        ibis.ifelse(point, _plain(bare.replace(",", "")), ibis.null("string")),
        ibis.ifelse(comma, _plain(bare.replace(".", "").replace(",", ".")), ibis.null("string")),
    )


def _plain(number: ir.StringValue) -> ir.StringValue:
    """Decimal text without plus, needless zeros and an empty fraction."""
    short = number.re_replace(r"^\+", "").re_replace(r"^(-?)0+(\d)", r"\1\2")
    short = short.re_replace(r"(\.\d*?)0+$", r"\1").re_replace(r"\.$", "")
    return ibis.ifelse(short == "-0", "0", short)


def _dates(text: ir.StringValue) -> tuple[ir.Value, ...]:
    return tuple(try_strptime(text.strip(), ibis.literal(form)) for form in DATE_FORMATS)


def _any_set(values: Sequence[ir.Value]) -> ir.BooleanValue:
    return ibis.coalesce(*values).notnull()


def _meet(lefts: Sequence[ir.Value], rights: Sequence[ir.Value]) -> ir.BooleanValue:
    """Whether any reading of the left equals any reading of the right."""
    pairs = ((one == other).fill_null(False) for one in lefts for other in rights)
    return ibis.or_(*pairs)


@ibis.udf.scalar.builtin(name="nfc_normalize")  # type: ignore[untyped-decorator]
def nfc_normalize(text: str) -> str:  # type: ignore[empty-body]
    """The engine's composed form of accents."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))  # type: ignore[untyped-decorator]
def try_strptime(text: str, form: str) -> datetime:  # type: ignore[empty-body]
    """The engine's reading of a date; empty where the text does not fit."""
