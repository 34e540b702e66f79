"""How the pages of rating write quantities, prices of a quantity and instants of usage."""

from datetime import datetime

from django import template
from django.http import QueryDict

from crossbill.console.templatetags.crossbill_console import NOTHING, price
from crossbill.core.money import format_nanos
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile_rates import Step, Terms
from crossbill.platform.rating.explain import Explanation

register = template.Library()

# Larger units of a base unit, the largest first; used where they come out whole.
LARGER = {
    "bytes": [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")],
    "seconds": [(3600, "h"), (60, "min"), (1, "s")],
}


@register.filter
def measured(quantity: int | None, unit: str) -> str:
    """A quantity of base units as people say it: 185 seconds is ``3 min 5 s``."""
    if quantity is None:
        return NOTHING
    if not quantity:
        return "0"
    if unit == "seconds" and quantity > 0:
        return _clock(quantity)
    for size, name in LARGER.get(unit, []):
        if quantity % size == 0:
            return f"{quantity // size:,} {name}"
    one = unit.removesuffix("s") if quantity == 1 else unit
    return f"{quantity:,} {one}".rstrip()


def _clock(seconds: int) -> str:
    parts = []
    for size, name in LARGER["seconds"]:
        if seconds >= size:
            parts.append(f"{seconds // size:,} {name}")
            seconds %= size
    return " ".join(parts)


@register.filter
def usage_unit(catalogue: RatingCatalogue | None, usage_type: str) -> str:
    """The base unit of a usage type; nothing where the catalogue no longer has it."""
    known = catalogue.spec.usage_types if catalogue else {}
    return known[usage_type].unit if usage_type in known else ""


@register.filter
def terms_words(terms: Terms, unit: str) -> str:
    """What an event costs by these terms, without the currency."""
    if terms.carried_ppm:
        return f"the event's own price x {format_nanos(terms.carried_ppm * 1000)}"
    steps = [_step_words(step, unit, several=len(terms.steps) > 1) for step in terms.steps]
    return "; ".join(steps)


def _step_words(step: Step, unit: str, *, several: bool) -> str:
    begin = f"from {measured(step.from_quantity, unit)}: " if several else ""
    if not step.price_nanos:
        return f"{begin}free"
    return f"{begin}{format_nanos(step.price_nanos, 2)} / {_unit_words(step.unit, unit)}"


def _unit_words(size: int, unit: str) -> str:
    words = measured(size, unit)
    return words.removeprefix("1 ")


@register.filter
def rounding_words(terms: Terms, unit: str) -> str:
    """In which pieces a quantity is charged, and what else belongs to the price."""
    words = []
    first = terms.steps[0]
    if not terms.carried_ppm and first.price_nanos:
        if first.minimum > 1:
            words.append(f"at least {measured(first.minimum, unit)}")
        if first.increment > 1:
            words.append(f"in steps of {measured(first.increment, unit)}")
    if terms.included:
        words.append(f"first {measured(terms.included, unit)} free")
    if terms.connect_fee_nanos:
        words.append(f"connect fee {format_nanos(terms.connect_fee_nanos, 2)}")
    if terms.max_cost_nanos is not None:
        words.append(f"at most {format_nanos(terms.max_cost_nanos, 2)}")
    return ", ".join(words)


@register.filter
def utc(value: datetime | None) -> str:
    """An instant of the data plane, which is UTC without a zone."""
    return NOTHING if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


@register.filter
def answer_amount(answer: Explanation) -> str:
    """The amount of an explanation with its currency."""
    return price(answer.amount_nanos, answer.currency)


@register.filter
def plain_amount(amount_nanos: int) -> str:
    """An amount without a currency, with its thousands apart."""
    text = format_nanos(amount_nanos, 2)
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}{point}{fraction}"


@register.filter
def in_units(quantity: int, unit: int) -> str:
    """Base units as units of a price, exactly."""
    whole, rest = divmod(quantity, unit)
    if not rest:
        return f"{whole:,}"
    digits = len(str(unit)) - 1
    return f"{whole:,}.{rest:0{digits}d}".rstrip("0") if unit == 10**digits else f"{quantity:,}"


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: str) -> str:
    """The query of this address with some words changed, from the first page on."""
    query: QueryDict = context["request"].GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query[name] = value
    return f"?{query.urlencode()}"
