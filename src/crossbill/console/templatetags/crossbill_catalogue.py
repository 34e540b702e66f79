"""How the pages of the catalogue write prices, rhythms and sums of bills."""

from django import template

from crossbill.console.templatetags.crossbill_console import MINUS, NOTHING
from crossbill.core.versions import Window, windows
from crossbill.platform.product import catalogue_diff
from crossbill.platform.product.catalogue_format import (
    OfferingSpec,
    PriceSpec,
    PriceVersionSpec,
    TaxSpec,
)

register = template.Library()


@register.filter
def decimal_sum(amount: str | None, currency: str) -> str:
    """Decimal text with its thousands apart and the currency: ``1,234.50 CHF``."""
    if not amount:
        return NOTHING
    whole, point, fraction = amount.lstrip("-").partition(".")
    sign = MINUS if amount.startswith("-") else ""
    return f"{sign}{int(whole):,}{point}{fraction} {currency}"


@register.filter
def signed_sum(amount: str | None, currency: str) -> str:
    """As ``decimal_sum``, with a plus sign where it is more than nothing."""
    written = decimal_sum(amount, currency)
    more = amount and not amount.startswith("-") and any(sign in "123456789" for sign in amount)
    return f"+{written}" if more else written


@register.filter
def rhythm(price: PriceSpec) -> str:
    """What a price is charged for, how often and when: ``recurring, every month, in advance``."""
    return catalogue_diff.rhythm(price)


@register.filter
def further_terms(price: PriceSpec) -> str:
    """What else a price says that is not the usual."""
    words = []
    if price.charge == "recurring" and not price.prorated:
        words.append("always whole, never a share")
    if price.alignment != "cycle":
        words.append(f"counted from the {catalogue_diff.ALIGNMENT[price.alignment]}")
    if price.tax_inclusive:
        words.append("tax included")
    if price.tax_category:
        words.append(f"tax category {price.tax_category}")
    return ", ".join(words)


@register.filter
def usage_taxed(offering: OfferingSpec) -> str:
    """What its use is for tax: ``taxed as telecom, on top``."""
    return f"taxed {catalogue_diff.usage(offering)}"


@register.filter
def dated(price: PriceSpec) -> list[tuple[PriceVersionSpec, Window]]:
    """The versions of a price in the order of time, each with the days on which it holds."""
    given = sorted(price.versions, key=lambda version: version.valid_from)
    return list(zip(given, windows([version.given for version in given]), strict=True))


@register.filter
def span(window: Window) -> str:
    """The days of a version in words: ``from 2025-01-01 to 2026-02-28``."""
    return catalogue_diff.span(window)


@register.filter
def rate(tax: TaxSpec) -> str:
    """The rate of a tax: ``8.1 %``."""
    return catalogue_diff.percentage(tax.percent)


@register.filter
def plain_words(code: str) -> str:
    """A word of the catalogue for people: ``add_on`` is add-on."""
    return catalogue_diff.plain(code)
