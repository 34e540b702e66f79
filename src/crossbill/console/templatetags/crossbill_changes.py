"""How the pages of products write what happened to them."""

from collections.abc import Mapping
from typing import Any

from django import template

from crossbill.console.templatetags.crossbill_console import field_words, price
from crossbill.console.words import ENTITIES
from crossbill.platform.product.changes import Kind

register = template.Library()

HAPPENED = {
    "starts": "Begins",
    "ends": "Ends",
    Kind.ORDERED: "Ordered",
    Kind.QUANTITY: "Another quantity",
    Kind.PRICE: "Own price",
    Kind.SUSPEND: "Suspended",
    Kind.RESUME: "Resumed",
    Kind.CANCEL: "Cancelled",
    Kind.MOVE: "Moved to another account",
}


@register.filter
def happened(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What a row of the timeline says, with the names of the catalogue."""
    if "field" in row:
        return ENTITIES.get(row["field"]) or field_words(row["field"]).capitalize()
    if row["what"] == Kind.OFFERING:
        old, new = (row[side]["offering_code"] for side in ("before", "after"))
        return f"{names.get(old, old)} became {names.get(new, new)}"
    if row["what"] == Kind.ORDERED:
        code = row["after"]["offering_code"]
        return f"Ordered {names.get(code, code)}"
    return HAPPENED[row["what"]]


@register.filter
def new_value(row: Mapping[str, Any], currency: str) -> str:
    """The value that a change gave another one, from and to; of a grant what it says."""
    if "field" in row:
        return _granted(row["before"], row["after"])
    column = {Kind.QUANTITY: "quantity", Kind.MOVE: "account_key"}.get(row["what"])
    if column is not None:
        return f"{row['before'][column]} to {row['after'][column]}"
    if row["what"] != Kind.PRICE:
        return ""
    prices = (row[side]["price_override_nanos"] for side in ("before", "after"))
    return " to ".join("the list's" if each is None else price(each, currency) for each in prices)


def _granted(before: str, after: str) -> str:
    if before and after:
        return f"{before} to {after}"
    return after or f"no longer {before}"
