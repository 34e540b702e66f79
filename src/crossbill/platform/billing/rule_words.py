"""The rules of a policy and what they may say, in words for the people who are billed by them."""

from crossbill.core.policy import FURTHER_DIGITS

NAMES = {
    "day_count": "Parts of a month are charged by",
    "end_day_counts": "The last day of a part of a month",
    "rounding_mode": "Parts of a charge finer than the currency are",
    "rounding_scope": "What is rounded before a line is",
    "rounding_digits": "What is rounded first keeps",
    "discount_base": "A product's discount is a share of the charge",
    "price_by": "The price is that of the day on which",
    "tax_scope": "Tax is computed on",
    "tax_rounding_mode": "Parts of a tax finer than the currency are",
}
NUMBERS = ("no digits", "one digit", "two digits", "three digits", "four digits")
ROUNDED = {
    "half_up": "rounded, a half up",
    "half_even": "rounded, a half to the even unit",
    "down": "dropped",
    "up": "rounded up",
}
SAID = {
    "day_count": {
        "actual_actual": "the days of the calendar",
        "thirty_360": "months of thirty days",
        "actual_365": "days of a year of 365",
    },
    "end_day_counts": {"true": "is charged", "false": "is not charged"},
    "rounding_mode": ROUNDED,
    "rounding_scope": {
        "line": "the line itself",
        "unit": "the price of each unit",
        "day": "the price of each day of a part of a month",
        "bill": "the sum of the bill's charges",
    },
    "rounding_digits": {
        str(digits): f"{NUMBERS[digits]} beyond the currency's" for digits in FURTHER_DIGITS
    },
    "discount_base": {
        "rounded": "as it is printed",
        "unrounded": "before it is rounded to the currency",
    },
    "price_by": {"bill_time": "the bill's period begins", "start_time": "the product started"},
    "tax_scope": {
        "line": "each line",
        "product": "the sum of each product's lines",
        "bill": "the sum of the bill",
    },
    "tax_rounding_mode": ROUNDED,
}


def said(rule: str, value: object) -> str:
    """What a policy's value means, as in *months of thirty days*."""
    return SAID[rule][str(value).lower()]


def rule_sentence(rule: str, was: str, becomes: str) -> str:
    """What changes, such as: Tax is computed on the sum of the bill; before: each line."""
    return f"{NAMES[rule]} {SAID[rule][becomes]}; before: {SAID[rule][was]}"
