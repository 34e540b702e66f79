"""What the classes of differences and the kinds of bill lines are called before people."""

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
    "SPLIT": "One line for several",
    "SENTINEL": "Placeholder instead of a value",
    "ENCODING": "Accents garbled",
    "SOURCE_DEFECT": "Error in the old system",
    "TOLERANCE": "Within the agreed tolerance",
    "UNEXPLAINED": "No known reason",
}
CATEGORIES = {
    "recurring": "Recurring charge",
    "discount": "Discount",
    "usage": "Usage",
    "one_time": "One-time charge",
    "commitment": "Up to the promised minimum",
    "termination": "Early end",
    "tax": "Tax",
}
