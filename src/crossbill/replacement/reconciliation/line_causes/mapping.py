"""The old code leads to an offering whose price is not the old tariff's."""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.resolve import OWN_PRICE
from crossbill.replacement.reconciliation.lines import (
    Case,
    price_words,
    recurring_charges,
    what_if,
    with_their_charge,
)

CODE = "MAPPING"
RANK = 40


def candidates(case: Case) -> ir.Table:
    """Lines that agree when charged with the old system's own tariff for the period."""
    rows = recurring_charges(case.behind)
    listed = rows.filter(rows.price_version != OWN_PRICE).inner_join(
        case.product.select("product_key", "source_code"), "product_key"
    )
    tariff = case.tariff.rename(tariff_from="valid_from", tariff_to="valid_to")
    tariff = tariff.select("source_code", "tariff_from", "tariff_to", "amount_nanos")
    valid = listed.inner_join(
        tariff,
        [
            listed.source_code == tariff.source_code,
            tariff.tariff_from <= listed.period_from,
            tariff.tariff_to.isnull() | (tariff.tariff_to > listed.period_from),
            tariff.amount_nanos != listed.price_nanos,
        ],
    )
    variants = valid.mutate(
        policy_code=ibis.literal("old tariff ") + valid.source_code,
        price_nanos=valid.amount_nanos,
        words=ibis.literal("the old tariff ")
        + valid.source_code
        + " at "
        + price_words(valid.amount_nanos, valid.minor_digits),
        base_words=ibis.literal("mapped to ")
        + valid.offering_code
        + " at "
        + price_words(valid.price_nanos, valid.minor_digits),
    )
    return with_their_charge(what_if(case, variants))
