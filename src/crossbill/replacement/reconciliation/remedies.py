"""Who has to act on a class of differences, and what mends it."""

from typing import NamedTuple


class Remedy(NamedTuple):
    """The owner of a class where the gate's terms name none, and the proposed fix."""

    owner: str
    fix: str


REMEDIES = {
    "FORMAT": Remedy("data quality", "accept, or write it on both sides in one way"),
    "ENCODING": Remedy("data quality", "read the file in the character set that it is written in"),
    "SENTINEL": Remedy("data quality", "map the value that means not set to an empty field"),
    "TOLERANCE": Remedy("billing", "accept: it is within what was agreed"),
    "ROUNDING": Remedy("billing", "accept, or round as the old system does"),
    "PRORATION": Remedy("billing", "accept, or count days as the old system does"),
    "TIMING": Remedy("billing", "wait for the next extract or bill, and see that it is even there"),
    "DUPLICATE": Remedy("data quality", "keep one of the copies, and find out who made the others"),
    "SOURCE_DEFECT": Remedy("old system", "accept the new amount, and tell the old side's owner"),
    "MAPPING": Remedy("migration", "map the old code to an offering with the old price"),
    "PRICE_VERSION": Remedy(
        "catalogue", "agree on the price, and charge all these accounts that one"
    ),
    "DISCOUNT": Remedy("catalogue", "take the discount over, or agree that it ends"),
    "TAX": Remedy("tax", "find out which jurisdiction is right, and correct the other side"),
    "MISSING_PRODUCT": Remedy("migration", "load the product, or end it where it is not held"),
    "MISSING_USAGE": Remedy("migration", "find the file that the records came in, and load it"),
    "STALE_EXTRACT": Remedy("migration", "extract these records again, and load them"),
    "CARRY_FORWARD": Remedy("finance", "carry the sum of the open items, or find the item"),
    "ALLOCATION": Remedy("finance", "set the payments against the items as the old system does"),
    "UNEXPLAINED": Remedy("billing", "look at an account by hand: no known rule explains it"),
}
