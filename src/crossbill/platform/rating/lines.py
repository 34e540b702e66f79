"""Rated usage rolled up: what one product used of one charge in one period, as a bill shows it."""

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import RoundingScope
from crossbill.engine import integers
from crossbill.engine.rating_datasets import USAGE_CHARGE

LINE = (
    "account_key", "product_key", "leg", "plan_code", "charge_code", "usage_type", "period_from",
    "period_to", "currency", "policy_code",
)  # fmt: skip
SUMMED = (
    "events", "quantity", "covered_quantity", "billed_quantity", "amount_nanos", "surcharge_nanos",
)  # fmt: skip


def summed(priced: ir.Table, period: ir.Table) -> ir.Table:
    """Reads priced events and ``period``; writes the sums by party, charge and period.

    Adding up whole numbers first and naming them after is cheaper than naming every event. Events
    without surcharges need no sum of them.
    """
    days = period.select("period_from", "period_from_s", "period_to_s")
    rows = priced.mutate(billed_quantity=priced.billed)
    rows = rows.inner_join(
        days, [rows.started_s >= days.period_from_s, rows.started_s < days.period_to_s]
    )
    sums = rows.group_by("party_id", "charge_id", "period_from").aggregate(
        events=rows.count(),
        **{name: integers.sum_int64(rows[name]) for name in SUMMED if name in rows.columns},
    )
    ended = sums.inner_join(period.select("period_from", "period_to"), "period_from")
    added = {} if "surcharge_nanos" in ended.columns else {"surcharge_nanos": integers.ZERO}
    return ended.mutate(**added)


def usage_charges(rows: ir.Table, rules: ir.Table) -> ir.Table:
    """Reads named sums and ``rules``; writes ``usage_charge``.

    One product may have had several services. Where the policy rounds lines, the sum of a line is
    rounded once.
    """
    line = rows.group_by(*LINE).aggregate(
        **{name: integers.sum_int64(rows[name]) for name in SUMMED}
    )
    rounding = rules.select("policy_code", "rounding_scope", "rounding_mode", "rounding_scale")
    ruled = line.inner_join(rounding, "policy_code")
    rounded = integers.round_parts(
        ruled.amount_nanos, ibis.literal(0, "int64"), ibis.literal(1, "int64"),
        ruled.rounding_scale, ruled.rounding_mode,
    )  # fmt: skip
    by_line = ruled.rounding_scope == RoundingScope.LINE.value
    amount = ibis.ifelse(by_line, rounded, ruled.amount_nanos)
    return ruled.mutate(amount_nanos=amount).select(*USAGE_CHARGE.ibis)
