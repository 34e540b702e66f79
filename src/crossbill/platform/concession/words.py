"""Concessions in words: what a discount takes off, which tax is not due, what was promised."""

from typing import Protocol

from crossbill.core.money import format_minor, minor_digits
from crossbill.platform.customer.amendments import percent

OF = {"recurring": "recurring charges", "usage": "usage", "one_time": "one-time charges"}
EVERYTHING = "all charges"


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

    amount, rate = terms.amount_minor, terms.rate_ppm or 0
    off = money(amount) if amount is not None else percent(rate)
    words = [f"{off} off {OF[terms.category] if terms.category else EVERYTHING}"]
    if only:
        words[0] += f" of {only}"
    if terms.spend_minor is not None:
        words.append(f"from {money(terms.spend_minor)} on")
    if terms.most_minor is not None:
        words.append(f"at most {money(terms.most_minor)}")
    return ", ".join(words)


class Promise(Protocol):
    """What a promised minimum states."""

    category: str | None
    amount_minor: int
    prorated: bool


def commitment_words(promise: Promise, *, currency: str, only: str | None = None) -> str:
    """As in ``at least 5.00 USD a period of usage of S17, by days``; ``only`` names a product."""
    money = f"{format_minor(promise.amount_minor, minor_digits(currency))} {currency}"
    of = (
        f"{OF[promise.category] if promise.category else EVERYTHING}{f' of {only}' if only else ''}"
    )
    return f"at least {money} a period of {of}{', by days' if promise.prorated else ''}"


def exemption_words(tax_name: str | None, reason: str) -> str:
    """As in ``exempt from city: certificate 4711 of 2026-11-02``."""
    return f"exempt from {tax_name or 'every tax'}: {reason}"
