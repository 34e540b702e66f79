"""Rates under policies: whatever depends on these two alone is worked out once, not per event."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import NANO_DIGITS
from crossbill.core.policy import BandCrossing, LocalTime, RoundingScope
from crossbill.engine import integers
from crossbill.engine.rating_datasets import RULES, TERMS

LARGEST_AMOUNT_NANOS = 10**18  # a billion major units for one event: an absurd price or quantity
FINE = 1  # a scale of one nano
PPM = 1_000_000


def rules(rating_policy: ir.Table) -> ir.Table:
    """Reads ``rating_policy``; writes ``rules``, its policies as the calculation takes them."""
    policy = rating_policy
    digits = range(-NANO_DIGITS, NANO_DIGITS + 1)
    scales = [(policy.rounding_digits == d, 10 ** (NANO_DIGITS - d)) for d in digits]
    return policy.mutate(
        policy_id=ibis.row_number().over(order_by=policy.policy_code).cast("int64"),
        rounding_scale=ibis.cases(*scales, else_=integers.stop("unknown rounding digits")),
        splits=policy.band_crossing == BandCrossing.SPLIT.value,
        switch_time=policy.local_time == LocalTime.SWITCH.value,
    ).select(*RULES.ibis)


def terms(rate: ir.Table, rules: ir.Table) -> ir.Table:
    """Reads ``rate`` and ``rules``; writes ``terms``: each step of each rate under each policy."""
    rows = rate.cross_join(rules)
    order = [rows.rate_set_id, rows.band_id, rows.policy_id, rows.step]
    numbered = rows.mutate(
        term_id=ibis.row_number().over(order_by=order).cast("int64"),
        unit=integers.positive(rows.unit),
        increment=integers.positive(rows.increment),
        parts=integers.positive(rows.parts),
    )
    event = numbered.rounding_scope == RoundingScope.EVENT.value
    shared = ibis.ifelse(numbered.carried_ppm > 0, numbered.parts * PPM, numbered.parts)
    priced = numbered.mutate(
        parts=shared,
        unit_parts=integers.quotient(shared, numbered.unit),
        by_increment=numbered.rounding_scope == RoundingScope.INCREMENT.value,
        minimum_nanos=_price(numbered, numbered.minimum),
        increment_nanos=_price(numbered, numbered.increment),
        rounding_scale=ibis.ifelse(event, numbered.rounding_scale, FINE),
    )
    how = integers.rounding(priced.rounding_scale, priced.parts, priced.rounding_mode)
    ruled = priced.mutate(**{f"rounding_{name}": value for name, value in how._asdict().items()})
    bounded = ruled.mutate(largest=_largest_quantity(ruled))
    whole_set = ibis.window(group_by=[bounded.rate_set_id, bounded.policy_id])
    largest = bounded.largest.min().over(whole_set)
    return bounded.mutate(largest_quantity=largest).select(*TERMS.ibis)


def _largest_quantity(rate: ir.Table) -> ir.IntegerValue:
    """What may be used at most at this price, with all that minimum and increment add to it."""
    units = integers.div_trunc(
        ibis.literal(LARGEST_AMOUNT_NANOS, "int64"), ibis.greatest(rate.price_nanos, 1)
    )
    most = integers.quotient(ibis.literal(2**61, "int64"), rate.unit)
    exact = ibis.least(units, most) * rate.unit
    return ibis.least(exact, _in_increments(rate)) - rate.minimum - rate.increment


def _in_increments(rate: ir.Table) -> ir.IntegerValue:
    """The same where each increment is rounded by itself, and may have become far dearer."""
    affordable = integers.quotient(
        ibis.literal(LARGEST_AMOUNT_NANOS, "int64"), ibis.greatest(rate.increment_nanos, 1)
    )
    most = integers.quotient(ibis.literal(2**61, "int64"), rate.increment)
    return ibis.ifelse(rate.by_increment, ibis.least(affordable, most) * rate.increment, 2**61)


def _price(rate: ir.Table, quantity: ir.IntegerValue) -> ir.IntegerValue:
    """The price of a quantity by itself, rounded by the policy."""
    units, rest = integers.quotient(quantity, rate.unit), quantity % rate.unit
    below = rest * rate.price_nanos
    return integers.round_parts(
        units * rate.price_nanos + integers.quotient(below, rate.unit),
        below % rate.unit,
        rate.unit,
        rate.rounding_scale,
        rate.rounding_mode,
    )
