"""Usage that is priced by the period: its lines go to the price models, and come back priced."""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.identities import identity
from crossbill.engine.metered_datasets import METERED, METERED_EVENT
from crossbill.engine.rating_datasets import USAGE_CHARGE

KEY = ("account_key", "product_key", "leg", "plan_code", "charge_code", "period_from")


def metered_lines(usage_charge: ir.Table, meter: ir.Table, period: ir.Table) -> ir.Table:
    """Reads ``usage_charge``, ``meter`` and ``period``; writes the lines that are metered.

    They have the columns of ``usage_charge``, ``line_key``, and the ``terms_key`` that holds on the
    first day of their period.
    """
    epochs = period.select("period_from", "epoch_id")
    dated = usage_charge.inner_join(epochs, "period_from")
    lines = dated.inner_join(meter, ["plan_code", "charge_code", "epoch_id"])
    parts = [lines[name].cast("string") for name in KEY]
    return lines.mutate(line_key=identity(ibis.literal("line"), *parts))


def metered(lines: ir.Table, rating_policy: ir.Table) -> ir.Table:
    """Reads metered lines; writes ``metered``: what each bills, and how it is rounded.

    What allowances cover is not billed. A line has no event to round, so a policy that rounds
    increments or events rounds the line.
    """
    policy = rating_policy.select("policy_code", "rounding_mode", "rounding_digits")
    rows = lines.inner_join(policy, "policy_code")
    none = ibis.literal(0, "int64")
    return rows.mutate(
        quantity=rows.billed_quantity, selecting_quantity=rows.billed_quantity,
        earlier_quantity=ibis.null("int64"), earlier_events=none, earlier_nanos=none,
        last_line=ibis.literal(True),
    ).select(*METERED.ibis)  # fmt: skip


def metered_events(rated_usage: ir.Table, lines: ir.Table, period: ir.Table) -> ir.Table:
    """Reads rated events and metered lines; writes ``metered_event``, in order of time."""
    days = period.select("period_from", "period_from_s", "period_to_s")
    events = rated_usage.mutate(started_s=integers.epoch_seconds(rated_usage.started_at))
    dated = events.inner_join(
        days, [events.started_s >= days.period_from_s, events.started_s < days.period_to_s]
    )
    rows = dated.inner_join(lines.select(*KEY, "line_key"), KEY)
    order = [rows.started_at, rows.usage_key]
    position = ibis.row_number().over(ibis.window(group_by=rows.line_key, order_by=order))
    return rows.mutate(
        position=position.cast("int64"), quantity=rows.billed_quantity,
        selecting_quantity=rows.billed_quantity,
    ).select(*METERED_EVENT.ibis)  # fmt: skip


def with_metered(usage_charge: ir.Table, lines: ir.Table, amount: ir.Table) -> ir.Table:
    """Reads all lines, the metered ones and their ``metered_amount``; writes ``usage_charge``."""
    priced = lines.select(*KEY, "line_key").inner_join(
        amount.select("line_key", metered_nanos="amount_nanos"), "line_key"
    )
    joined = usage_charge.left_join(priced, KEY).drop(*(f"{name}_right" for name in KEY))
    total = joined.amount_nanos + joined.metered_nanos.fill_null(0)
    return joined.mutate(amount_nanos=total).select(*USAGE_CHARGE.ibis)
