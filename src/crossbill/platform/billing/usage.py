"""Rated usage as what a bill charges for it: one sum for each product and bill period."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import USAGE_TOTAL
from crossbill.engine.integers import sum_int64
from crossbill.engine.rating_datasets import SERVICE

RETAIL = "retail"


def product_services(product: ir.Table, account: ir.Table, midnight: ir.Table) -> ir.Table:
    """Reads those tables; writes ``service``: each product is its own service, under its offering.

    ``account`` has ``rating_policy_code`` and ``time_zone`` beside its own columns; ``midnight``
    says at which instant (``at``) a ``day`` begins in that local time.
    """
    payer = account.select("account_key", "currency", "rating_policy_code", "time_zone")
    held = product.inner_join(payer, "account_key")
    begun = held.inner_join(midnight.rename(valid_from="at"), held.start_date == midnight.day)
    end = midnight.select(last_day="day", valid_to="at").view()
    whole = begun.left_join(end, begun.end_date == end.last_day)
    lasting = whole.filter(whole.valid_to.isnull() | (whole.valid_to > whole.valid_from))
    return lasting.select(
        service_key=lasting.product_key,
        leg=ibis.literal(RETAIL),
        valid_from=lasting.valid_from,
        valid_to=lasting.valid_to,
        account_key=lasting.account_key,
        product_key=lasting.product_key,
        plan_code=lasting.offering_code,
        policy_code=lasting.rating_policy_code,
        time_zone=lasting.time_zone,
        currency=lasting.currency,
        share_key=ibis.null("string"),
        start_date=lasting.start_date,
    ).select(*SERVICE.ibis)


def usage_totals(rated_usage: ir.Table, usage: ir.Table, periods: ir.Table) -> ir.Table:
    """Reads rated events, their ``billed_at`` and the periods; writes ``usage_total``.

    ``periods`` has ``period_from``, ``period_to`` and the instants ``from_at`` and ``to_at`` at
    which they begin in local time. An event is billed in the period in which ``billed_at`` falls.
    """
    retail = rated_usage.filter(rated_usage.leg == RETAIL)
    dated = retail.inner_join(usage.select("usage_key", "billed_at"), "usage_key")
    rows = dated.inner_join(
        periods, [dated.billed_at >= periods.from_at, dated.billed_at < periods.to_at]
    ).rename(offering_code="plan_code")
    keys = tuple(name for name in USAGE_TOTAL.ibis if name not in ("events", "amount_nanos"))
    priced = rows.mutate(cost=rows.amount_nanos + rows.surcharge_nanos)
    totals = priced.group_by(*keys).aggregate(
        events=priced.count(), amount_nanos=sum_int64(priced.cost)
    )
    return totals.select(*USAGE_TOTAL.ibis)


def charges_as_totals(usage_charge: ir.Table) -> ir.Table:
    """Reads ``usage_charge`` as rating writes it; writes ``usage_total``, retail only.

    The offering of a product is the plan that its usage was rated by.
    """
    retail = usage_charge.filter(usage_charge.leg == RETAIL).rename(offering_code="plan_code")
    keys = tuple(name for name in USAGE_TOTAL.ibis if name not in ("events", "amount_nanos"))
    sums = retail.group_by(*keys).aggregate(
        events=sum_int64(retail.events),
        amount_nanos=sum_int64(retail.amount_nanos + retail.surcharge_nanos),
    )
    return sums.select(*USAGE_TOTAL.ibis)
