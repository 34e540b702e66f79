"""The old bill used another version of the price."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case, price_words, what_if

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
        words=ibis.literal("price version ")
        + other.other_version
        + " at "
        + price_words(other.amount_nanos),
        base_words=ibis.literal("price version ")
        + other.price_version
        + " at "
        + price_words(other.price_nanos),
    )
    return what_if(case, variants).select(*RECORD, "variant", "evidence")
