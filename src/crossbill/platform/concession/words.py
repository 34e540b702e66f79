"""A discount in words: what it takes off, from what, and within which limits."""

from typing import Protocol

from crossbill.core.money import format_minor, minor_digits

OF = {"recurring": "recurring charges", "usage": "usage", "one_time": "one-time charges"}
EVERYTHING = "all charges"
PER_PERCENT = 10_000


class Terms(Protocol):
    """What a discount states."""

    category: str | None
    rate_ppm: int | None
    amount_minor: int | None
    spend_minor: int | None
    most_minor: int | None


def discount_words(terms: Terms, *, currency: str, only: str | None = None) -> str:
    """As in ``5 % off recurring charges of Fibre 500, at most 8.00 USD``.

    ``only`` names the product or the offering that alone it is taken from.
    """

    def money(minor: int) -> str:
        return f"{format_minor(minor, minor_digits(currency))} {currency}"

    off = money(terms.amount_minor) if terms.amount_minor is not None else _percent(terms.rate_ppm)
    words = [f"{off} off {OF[terms.category] if terms.category else EVERYTHING}"]
    if only:
        words[0] += f" of {only}"
    if terms.spend_minor is not None:
        words.append(f"from {money(terms.spend_minor)} on")
    if terms.most_minor is not None:
        words.append(f"at most {money(terms.most_minor)}")
    return ", ".join(words)


def _percent(ppm: int | None) -> str:
    whole, part = divmod(ppm or 0, PER_PERCENT)
    return f"{whole}.{part:04}".rstrip("0").rstrip(".") + " %"
