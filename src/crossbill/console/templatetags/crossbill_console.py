"""How the console's pages write amounts, counts, shares, dates and codes."""

from datetime import date, datetime, timedelta
from typing import Any, Literal

from django import template

from crossbill.console import words
from crossbill.console.charts import share_hundredths
from crossbill.core.money import MINOR_DIGITS, format_minor, format_nanos
from crossbill.replacement.reconciliation.models import Difference
from crossbill.replacement.reconciliation.words import CATEGORIES, CLASSES

register = template.Library()

NOTHING = "–"  # noqa: RUF001 - the dash that stands for no value
MINUS = "\u2212"


def _grouped(text: str) -> str:
    """Decimal text with its thousands apart and a true minus sign."""
    sign = MINUS if text.startswith("-") else ""
    whole, point, fraction = text.lstrip("-").partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


@register.filter
def money(amount_minor: int | Literal[""] | None, currency: str | None) -> str:
    """Minor units with the currency: ``1,234.50 USD``; templates pass blank text for no row."""
    if amount_minor is None or amount_minor == "":
        return NOTHING
    digits = MINOR_DIGITS.get(currency or "")
    if digits is None:
        return f"{_grouped(str(amount_minor))} minor units"
    return f"{_grouped(format_minor(amount_minor, digits))} {currency}"


@register.filter
def signed_money(amount_minor: int | None, currency: str | None) -> str:
    """As money, with a plus sign where it is more than nothing."""
    text = money(amount_minor, currency)
    return f"+{text}" if amount_minor and amount_minor > 0 else text


@register.filter
def price(amount_nanos: int | None, currency: str) -> str:
    """Nanos with the currency: ``49.90 USD``."""
    if amount_nanos is None:
        return NOTHING
    return f"{_grouped(format_nanos(amount_nanos, MINOR_DIGITS.get(currency, 2)))} {currency}"


@register.filter
def count(number: int | None) -> str:
    """A whole number with its thousands apart."""
    return NOTHING if number is None else _grouped(str(number))


@register.filter
def ppm(parts: int | None) -> str:
    """Millionths as a percentage: 125000 is ``12.5 %``."""
    return NOTHING if parts is None else f"{format_nanos(parts * 100_000)} %"


@register.filter
def share(part: int, whole: int) -> str:
    """A share in percent with two digits, rounded down; a dash of nothing."""
    if not whole:
        return NOTHING
    return f"{format_minor(share_hundredths(part, whole), 2)} %"


@register.filter
def day(value: date | None) -> str:
    """A date as ISO 8601 writes it."""
    return NOTHING if value is None else value.isoformat()[:10]


@register.filter
def last_day(first_day_after: date | None) -> str:
    """The day before the end of a half-open period, as people name periods."""
    return NOTHING if first_day_after is None else day(first_day_after - timedelta(days=1))


@register.filter
def instant(value: datetime | None) -> str:
    """An instant as ISO 8601 writes it, in UTC, to the second."""
    return NOTHING if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


@register.filter
def class_words(code: str) -> str:
    """A class of difference in plain words."""
    return CLASSES.get(code, words.plain(code).capitalize())


@register.filter
def state_words(code: str) -> str:
    """A state in plain words."""
    return words.STATES.get(code, words.plain(code).capitalize())


@register.filter
def category_words(code: str) -> str:
    """A bill line's category in plain words."""
    return CATEGORIES.get(code, words.plain(code).capitalize())


@register.filter
def entity_words(code: str) -> str:
    """A dataset's name in plain words."""
    return words.ENTITIES.get(code, words.plain(code).capitalize())


@register.filter
def field_words(code: str) -> str:
    """A field's name in plain words."""
    return words.FIELDS.get(code, words.plain(code))


@register.filter
def kind_words(code: str) -> str:
    """How the two sides stand to each other, in plain words."""
    return words.KINDS.get(code, words.plain(code))


@register.filter
def side_value(difference: Difference, side: str) -> str:
    """One side's value of a difference as a person writes it."""
    value = difference.left_value if side == "old" else difference.right_value
    if value is None:
        return NOTHING
    if _is_integer(value) and difference.field.endswith("_minor"):
        return money(int(value), difference.currency)
    if _is_integer(value) and difference.field.endswith("_nanos"):
        return _grouped(format_nanos(int(value), 2))
    if _is_integer(value) and difference.field.endswith("_ppm"):
        return ppm(int(value))
    return value


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


@register.filter
def figure(value: object) -> str:
    """A figure of a gate: a whole number with its thousands apart, anything else as it is."""
    return _grouped(str(value)) if isinstance(value, int) else str(value)


@register.filter
def control_name(name: str) -> str:
    """What a control total adds up, and in which unit where it is not the currency's."""
    if name.endswith("_nanos"):
        return name.removesuffix("_nanos")
    return f"{name.removesuffix('_minor')}, minor units" if name.endswith("_minor") else name


@register.filter
def control_sum(name: str, amount: int) -> str:
    """A control total in the unit that its name ends in."""
    if name.endswith("_nanos"):
        return _grouped(format_nanos(amount, 2))
    return _grouped(str(amount))


@register.filter
def readable(raw: Any) -> str:
    """A raw line for the eye: what is no text is shown as an escape, nothing is dropped."""
    if raw is None:
        return NOTHING
    text = bytes(raw).decode("utf-8", errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@register.filter
def bill_total(pair: Any, place: str) -> int | None:
    """A side's total of a pair of bills: ``old.net_minor``."""
    side, column = place.split(".")
    total: int | None = pair.total(side, column)
    return total


@register.filter
def item(names: dict[str, str], key: str) -> str:
    """The name behind a code; the code itself where the catalogue has none."""
    return names.get(key, key)


@register.filter
def negated(amount_minor: int) -> int:
    """The amount on the other side."""
    return -amount_minor


@register.simple_tag(takes_context=True)
def page_address(context: template.Context, name: str, number: int) -> str:
    """The query of this address with another page of one of its lists."""
    query = context["request"].GET.copy()
    query[name] = str(number)
    return f"?{query.urlencode()}"
