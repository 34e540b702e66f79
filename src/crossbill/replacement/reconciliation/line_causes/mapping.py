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
    valid = listed.inner_join(_tariff_then(case, rows), ["source_code", "period_from"])
    valid = valid.filter(valid.amount_nanos != valid.price_nanos)
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


def _tariff_then(case: Case, rows: ir.Table) -> ir.Table:
    """The tariff of each of the periods: one look a period, where a row each would be many."""
    tariff = case.tariff.select("source_code", "amount_nanos", "valid_from", "valid_to")
    periods = rows.select("period_from").distinct()
    then = periods.inner_join(
        tariff,
        [
            tariff.valid_from <= periods.period_from,
            tariff.valid_to.isnull() | (tariff.valid_to > periods.period_from),
        ],
    )
    return then.select("source_code", "period_from", "amount_nanos")
