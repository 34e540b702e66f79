"""The old bill used another version of the price."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.integers import div_trunc, mul_div, nanos_per_minor
from crossbill.platform.billing.due import RECURRING
from crossbill.platform.billing.resolve import LARGEST_MONTHLY_NANOS, OWN_PRICE
from crossbill.replacement.reconciliation.lines import (
    LINE,
    Case,
    net_of,
    price_words,
    recurring_charges,
    what_if,
    with_their_charge,
)

CODE = "PRICE_VERSION"
RANK = 50


def candidates(case: Case) -> ir.Table:
    """Lines that agree when charged with another price of the same offering."""
    other = _near(_with_prices(case))
    variants = other.mutate(
        policy_code=ibis.literal("version ") + other.other_version,
        price_nanos=other.amount_nanos,
        words=_words(other.other_version, other.amount_nanos, other.minor_digits),
        base_words=_words(other.price_version, other.price_nanos, other.minor_digits),
    )
    return with_their_charge(what_if(case, variants))


def _with_prices(case: Case) -> ir.Table:
    """The charges whose recurring line differs, with each other price of their offering."""
    records = case.records
    recurring = records.filter(records.category == RECURRING).select(*LINE, "old_net")
    rows = recurring_charges(case.charge).inner_join(recurring, list(LINE))
    price = case.price.rename(other_version="price_version")
    price = price.select("other_version", "amount_nanos", price_code="offering_code")
    pairs = rows.inner_join(price, "price_code")
    return pairs.filter(pairs.amount_nanos != pairs.price_nanos)


def _near(pairs: ir.Table) -> ir.Table:
    """The prices that give the old net, give or take one: few, where all would be many."""
    most = div_trunc(ibis.literal(LARGEST_MONTHLY_NANOS), ibis.greatest(pairs.quantity, 1))
    sound = ibis.ifelse(pairs.amount_nanos.between(0, most), pairs.amount_nanos, 0)
    parts = pairs.denominator * nanos_per_minor(pairs.minor_digits)
    net = net_of(pairs, mul_div(sound * pairs.quantity, pairs.numerator, parts))
    return pairs.filter(pairs.old_net.between(net - 1, net + 1))


def _words(
    version: ir.StringValue, nanos: ir.IntegerValue, digits: ir.IntegerValue
) -> ir.StringValue:
    name = (version == OWN_PRICE).ifelse(
        "the customer's own price", ibis.literal("price version ") + version
    )
    return name + " at " + price_words(nanos, digits)
