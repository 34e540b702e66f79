"""The old bill used another version of the price."""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.resolve import OWN_PRICE
from crossbill.replacement.reconciliation.lines import Case, price_words, what_if, with_their_charge

CODE = "PRICE_VERSION"
RANK = 50


def candidates(case: Case) -> ir.Table:
    """Lines that agree when charged with another price of the same offering."""
    rows = case.behind
    price = case.price.rename(other_version="price_version")
    price = price.select("offering_code", "other_version", "amount_nanos")
    pairs = rows.inner_join(price, "offering_code")
    other = pairs.filter(pairs.amount_nanos != pairs.price_nanos)
    variants = other.mutate(
        policy_code=ibis.literal("version ") + other.other_version,
        price_nanos=other.amount_nanos,
        words=_words(other.other_version, other.amount_nanos, other.minor_digits),
        base_words=_words(other.price_version, other.price_nanos, other.minor_digits),
    )
    return with_their_charge(what_if(case, variants))


def _words(
    version: ir.StringValue, nanos: ir.IntegerValue, digits: ir.IntegerValue
) -> ir.StringValue:
    name = (version == OWN_PRICE).ifelse(
        "the customer's own price", ibis.literal("price version ") + version
    )
    return name + " at " + price_words(nanos, digits)
