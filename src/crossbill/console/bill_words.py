"""The rules of a bill, and the reasons why something is on no bill, in words for people."""

from collections.abc import Iterator

from crossbill.core.policy import ChargeRounding, DiscountBase, Policy, PriceBy, TaxScope
from crossbill.platform.billing.explain_bill import DAY_COUNTS

CATALOGUE = "add it to the catalogue, from this period's first day on at the latest"
# Why a product cannot be charged: what is wrong, and what to do.
UNCHARGED = {
    "ACCOUNT_UNKNOWN": ("Its account is not there", "give the product to an account"),
    "ACCOUNT_DOUBLED": ("Its account is there twice", "take one of them out"),
    "POLICY_UNKNOWN": ("No rules of these words are known", "mend the policy"),
    "POLICY_DOUBLED": ("Two policies have one name", "rename one of them"),
    "CURRENCY_UNKNOWN": ("The account's currency is unknown", "correct it: three letters of ISO"),
    "PRICE_MISSING": ("There is no price of this for the period", CATALOGUE),
    "PRICE_DOUBLED": ("Two prices hold on one day", "end one of them before the other begins"),
    "CURRENCY_MISMATCH": ("The price is in another currency", "add a price in the account's"),
    "TAX_RATE_MISSING": ("There is no tax rate of the account's jurisdiction", CATALOGUE),
    "TAX_RATE_DOUBLED": ("Two rates of one tax hold on one day", "end one of them"),
    "OWN_PRICE_UNCLEAR": (
        "It is not told instead of which of its prices its own price is",
        "name the price",
    ),
    "USAGE_TERMS_DOUBLED": ("Its usage is taxed in two ways", "state it once in the catalogue"),
    "QUANTITY_INVALID": ("The quantity is missing or below nothing", "correct the product"),
    "PRICE_NEGATIVE": ("The price is below nothing", "correct it; a reduction is a discount"),
    "AMOUNT_TOO_LARGE": ("Price times quantity is over a billion a month", "check both"),
    "DISCOUNT_OUT_OF_RANGE": ("The discount is not a share of the price", "correct the product"),
    "TAX_RATE_OUT_OF_RANGE": ("The tax rate is no rate", "correct it in the catalogue"),
}
PRICE_DAYS = {
    PriceBy.BILL_TIME: "prices of the day on which the bill's period begins",
    PriceBy.START_TIME: "prices of the day on which the product started",
}
TAXED = {
    TaxScope.LINE: "tax on each line",
    TaxScope.PRODUCT: "tax on the sum of each product's lines",
    TaxScope.BILL: "tax on the bill's sum",
}
FIRST = {
    ChargeRounding.LINE: "lines",
    ChargeRounding.UNIT: "prices of units",
    ChargeRounding.DAY: "prices of days",
    ChargeRounding.BILL: "sums of bills",
}


def rules(policy: Policy) -> list[str]:
    """What a policy says, one rule after the other."""
    modes = (policy.rounding_mode, policy.tax_rounding_mode)
    lines, taxes = (str(mode).replace("_", " ") for mode in modes)
    return [
        f"parts of a month by {DAY_COUNTS[policy.day_count]}",
        f"amounts rounded {lines}",
        *_first(policy),
        PRICE_DAYS[policy.price_by],
        f"{TAXED[policy.tax_scope]}, rounded {taxes}",
    ]


def _first(policy: Policy) -> Iterator[str]:
    """What is rounded before a line is, and of what a discount is a share, where it matters."""
    if policy.rounding_scope is ChargeRounding.BILL:
        yield "charges of a bill rounded together, each line a part of their sum"
    smaller = policy.rounding_scope in (ChargeRounding.UNIT, ChargeRounding.DAY)
    if smaller or policy.rounding_digits:
        digits = f"{policy.rounding_digits} digits beyond the currency's"
        yield f"{FIRST[policy.rounding_scope]} first rounded to {digits}"
    if policy.discount_base is DiscountBase.UNROUNDED and policy.rounding_digits:
        yield "discounts of the charge before it is rounded to the currency"
