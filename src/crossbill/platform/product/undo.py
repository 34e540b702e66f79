"""Taking a change back: the change that makes it as if it had not been, from its own day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crossbill.platform.product.changes import COLUMNS, Kind, Wanted

BACK = {
    Kind.SUSPEND: Kind.RESUME,
    Kind.CANCEL: Kind.RESUME,
    Kind.RESUME: Kind.SUSPEND,
    Kind.ORDERED: Kind.CANCEL,
}


@dataclass(frozen=True)
class Undoing:
    """A change to ask for, of the product that the first one left."""

    product_key: str
    wanted: Wanted


def undoing(row: Mapping[str, Any]) -> Undoing:
    """What takes back a row of an account's timeline; whether it may be is up to the rules."""
    kind = Kind(row["what"])
    key = row["resulting_product_key"] or row["product_key"]
    if kind in BACK:
        return Undoing(key, Wanted(BACK[kind], row["date"]))
    before = row["before"]
    of = before.get("price_override_code") if kind is Kind.PRICE else None
    return Undoing(key, Wanted(kind, row["date"], before[COLUMNS[kind]], of))
