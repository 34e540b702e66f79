"""The codes of the books in words for people."""

CLASSES = {
    "": "Stays with an account of its hierarchy",
    "FORMAT": "Written differently",
    "MAPPING": "Code mapped wrongly or not at all",
    "ROUNDING": "Rounded differently",
    "PRORATION": "Part of a month counted differently",
    "TAX": "Other tax rate",
    "PRICE_VERSION": "Other version of the price",
    "DISCOUNT": "Discount on one side only",
    "MISSING_PRODUCT": "Product on one side only",
    "MISSING_USAGE": "Usage on one side only",
    "DUPLICATE": "Record stands twice",
    "TIMING": "Billed in another period",
    "STALE_EXTRACT": "Extract older than the bill",
    "CARRY_FORWARD": "Balance is not its open items",
    "ALLOCATION": "Payments on the wrong items",
    "SENTINEL": "Placeholder instead of a value",
    "ENCODING": "Accents garbled",
    "SOURCE_DEFECT": "Error in the old system",
    "TOLERANCE": "Within the agreed tolerance",
    "UNEXPLAINED": "No known reason",
}
STATES = {
    "planned": "Planned",
    "loaded": "Loaded",
    "live": "Live",
    "fallout": "Fallout",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "passed": "Passed",
    "refused": "Refused",
    "accept": "Accepted",
    "block": "Blocks",
    "active": "Active",
    "suspended": "Suspended",
    "closed": "Closed",
    "ended": "Ended",
    "begins": "Begins later",
    "waiting": "Waiting",
    "draft": "Draft",
    "published": "Published",
    "retired": "Retired",
    "added": "Added",
    "removed": "Removed",
    "changed": "Changed",
}
FIELDS = {
    "*": "whole record",
    "net_minor": "net",
    "tax_minor": "tax",
    "total_minor": "total",
    "open_minor": "open amount",
    "paid_minor": "paid amount",
    "original_minor": "original amount",
    "balance_minor": "balance",
    "price_override_nanos": "own price",
    "discount_ppm": "discount",
    "events": "usage records",
    "bill_medium": "bills by",
    "bill_language": "language of the bills",
}
ENTITIES = {
    "account": "Account",
    "customer": "Customer",
    "product": "Product",
    "open_item": "Open item",
    "balance": "Balance",
    "bill": "Bill",
    "bill_line": "Bill line",
}
CATEGORIES = {
    "recurring": "Monthly charge",
    "discount": "Discount",
    "usage": "Usage",
    "one_time": "One-time charge",
    "termination": "Early end",
    "tax": "Tax",
}
KINDS = {
    "different": "differs",
    "missing": "old side only",
    "extra": "new side only",
    "duplicate_key": "stands twice",
}


def plain(word: str) -> str:
    """A name of the books as words: ``printed_name`` is printed name."""
    return word.replace("_", " ")
