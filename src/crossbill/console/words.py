"""The codes of the books in words for people."""

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
    "open": "Open",
    "accepted": "Accepted",
    "expired": "Expired",
    "by terms": "Accepted by the terms",
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
    "price_override_code": "price that its own price is instead of",
    "discount_ppm": "discount",
    "events": "usage records",
    "bill_medium": "bills by",
    "bill_language": "language of the bills",
}
ENTITIES = {
    "account": "Account",
    "customer": "Customer",
    "contact": "Contact",
    "payer": "Who pays",
    "product": "Product",
    "discount": "Discount of the account",
    "exemption": "Exemption from tax",
    "commitment": "Promised minimum",
    "open_item": "Open item",
    "balance": "Balance",
    "collection": "Payment and dunning",
    "mandate": "Mandate",
    "feature": "Feature",
    "deposit": "Deposit",
    "bill": "Bill",
    "bill_line": "Bill line",
}
KINDS = {
    "different": "differs",
    "missing": "old side only",
    "extra": "new side only",
    "duplicate_key": "stands twice",
}


# Where a fix is made, and what was done about a finding.
PLACES = {
    "mapping": "Mend it in the mapping",
    "catalogue": "Mend it in the catalogue",
    "policy": "Mend it in the rules of the bills",
}


def plain(word: str) -> str:
    """A name of the books as words: ``printed_name`` is printed name."""
    return word.replace("_", " ")
