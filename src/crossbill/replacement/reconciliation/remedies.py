"""Who has to act on a class of differences, what mends it, and where."""

from typing import NamedTuple


class Remedy(NamedTuple):
    """The owner of a class where the gate's terms name none, the proposed fix, and its place.

    ``place``: mapping, catalogue or policy, where the fix is a change of one of them.
    """

    owner: str
    fix: str
    place: str = ""


REMEDIES = {
    "FORMAT": Remedy("data quality", "accept, or write it on both sides in one way", "mapping"),
    "ENCODING": Remedy(
        "data quality", "read the file in the character set that it is written in", "mapping"
    ),
    "SENTINEL": Remedy(
        "data quality", "map the value that means not set to an empty field", "mapping"
    ),
    "TOLERANCE": Remedy("billing", "accept: it is within what was agreed"),
    "ROUNDING": Remedy("billing", "accept, or round as the old system does", "policy"),
    "PRORATION": Remedy("billing", "accept, or count days as the old system does", "policy"),
    "TIMING": Remedy("billing", "wait for the next extract or bill, and see that it is even there"),
    "DUPLICATE": Remedy("data quality", "keep one of the copies, and find out who made the others"),
    "SOURCE_DEFECT": Remedy("old system", "accept the new amount, and tell the old side's owner"),
    "MAPPING": Remedy("migration", "map the old code to an offering with the old price", "mapping"),
    "PRICE_VERSION": Remedy(
        "catalogue", "agree on the price, and charge all these accounts that one", "catalogue"
    ),
    "DISCOUNT": Remedy("catalogue", "take the discount over, or agree that it ends", "catalogue"),
    "TAX": Remedy(
        "tax", "find out which jurisdiction is right, and correct the other side", "catalogue"
    ),
    "MISSING_PRODUCT": Remedy(
        "migration", "load the product, or end it where it is not held", "mapping"
    ),
    "MISSING_USAGE": Remedy("migration", "find the file that the records came in, and load it"),
    "SPLIT": Remedy("billing", "accept: the sums agree, or show the charge as the old bill does"),
    "STALE_EXTRACT": Remedy("migration", "extract these records again, and load them"),
    "CARRY_FORWARD": Remedy("finance", "carry the sum of the open items, or find the item"),
    "ALLOCATION": Remedy("finance", "set the payments against the items as the old system does"),
    "UNEXPLAINED": Remedy("billing", "look at an account by hand: no known rule explains it"),
}


def place_of(class_code: str) -> str:
    """Where a class is mended: mapping, catalogue, policy, or nowhere in particular."""
    remedy = REMEDIES.get(class_code)
    return remedy.place if remedy else ""
