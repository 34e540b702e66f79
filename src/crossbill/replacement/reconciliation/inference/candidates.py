"""The candidates of the search as tables: rules of days, of rounding and of tax."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from crossbill.core.policy import ChargeRounding, DiscountBase, PriceBy
from crossbill.engine.dataset import described
from crossbill.engine.datasets import POLICY
from crossbill.replacement.reconciliation.inference import space
from crossbill.replacement.reconciliation.inference.amounts import (
    DAY_RULES,
    DISCOUNTED,
    FINE,
    MODES,
    ROUNDINGS,
    SOME_DAYS,
    SOME_UNITS,
)
from crossbill.replacement.reconciliation.inference.space import Rules

DAY_RULE = described(
    "day_rule",
    "day",
    """
    day             integer  place among the rules of days
    day_count       text     of the policy
    end_day_counts  boolean  of the policy
    """,
)
ROUNDING = described(
    "rounding",
    "kind mode bits",
    """
    kind             integer  of what is rounded: what of it rules may tell apart
    mode             integer  place of the rounding mode
    bits             integer  the places of all rules of rounding that come to the same
    rounding_mode    text     of the policy
    rounding_scope   text     of one of these rules
    rounding_digits  integer  of the same
    discount_base    text     of the same
    """,
)
DISCOUNT_CANDIDATE = described(
    "discount_candidate",
    "number",
    """
    number          integer  place in the space
    discount_of     text     the charges that a discount of a whole bill is taken from
    discount_order  text     which of several comes first
    rounding_mode   text     of the policy
    """,
)
TAX_CANDIDATE = described(
    "tax_candidate",
    "number",
    """
    number             integer  place in the space
    tax_scope          text     of the policy
    tax_rounding_mode  text     of the policy
    """,
)


def candidate_tables() -> dict[str, pa.Table]:
    """The candidates of both stages, and a policy for each choice of price."""
    days = [{**rules, "day": n} for n, rules in enumerate(DAY_RULES)]
    taxes = [{**rules, "number": n} for n, rules in enumerate(space.candidates(space.TAX))]
    offs = [{**rules, "number": n} for n, rules in enumerate(space.candidates(space.DISCOUNT))]
    some = {**space.candidates(space.NET)[0], **space.candidates(space.TAX)[0]}
    by_price = [some | {"price_by": str(p), "policy_code": str(p)} for p in PriceBy]
    return {
        "day_rule": pa.Table.from_pylist(days, DAY_RULE.arrow),
        "rounding": pa.Table.from_pylist(list(_roundings()), ROUNDING.arrow),
        "discount_candidate": pa.Table.from_pylist(offs, DISCOUNT_CANDIDATE.arrow),
        "tax_candidate": pa.Table.from_pylist(taxes, TAX_CANDIDATE.arrow),
        "policy": pa.Table.from_pylist(by_price, POLICY.arrow),
    }


def _roundings() -> Iterator[dict[str, Any]]:
    """For each kind of what is rounded the rules that it tells apart, in each rounding mode."""
    for kind in range(2 * DISCOUNTED):
        alike: dict[tuple[Any, ...], int] = {}
        for place, rules in enumerate(ROUNDINGS):
            acting = tuple(_acting(rules, kind).values())
            alike[acting] = alike.get(acting, 0) | 1 << place
        for mode, named in enumerate(MODES):
            for acting, bits in alike.items():
                told = dict(zip(space.ROUNDED, acting, strict=True))
                yield {"kind": kind, "mode": mode, "bits": bits, "rounding_mode": named, **told}


def _acting(rules: Rules, kind: int) -> Rules:
    """The rules that come to the same for this kind, the plainest of them.

    A full interval has no days, a single unit is all of them, and what is not fine is not rounded.
    """
    if not kind & FINE:
        return ROUNDINGS[0]
    scope = rules["rounding_scope"]
    if scope == ChargeRounding.DAY and not kind & SOME_DAYS:
        scope = ChargeRounding.UNIT.value
    if scope == ChargeRounding.UNIT and not kind & SOME_UNITS:
        scope = ChargeRounding.LINE.value
    base = rules["discount_base"] if kind & DISCOUNTED else DiscountBase.ROUNDED.value
    return {**rules, "rounding_scope": scope, "discount_base": base}
