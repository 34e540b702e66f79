"""How far each price is charged after a bill: what the next bill goes on from."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.billing_datasets import CHARGED
from crossbill.platform.billing.due import RECURRING


def charged_after(charge: ir.Table, charged: ir.Table) -> ir.Table:
    """Reads ``charge`` and ``charged``; writes ``charged`` as it stands after these bills.

    Days that are given back were not charged after all. What no charge touched stays as it was.
    """
    keys = ["product_key", "price_code"]
    rows = charge.filter(charge.category == RECURRING)
    now = rows.group_by(*keys).aggregate(
        back_from=rows.charge_from.min(where=rows.sign < 0),
        to=rows.charge_to.max(where=rows.sign > 0),
        nanos=rows.price_nanos.argmax(rows.charge_to, where=rows.sign > 0),
    )
    before = charged.group_by(*keys).aggregate(
        before=charged.charged_through.max(), before_nanos=charged.charged_nanos.max()
    )
    joined = now.outer_join(before, keys)
    both = joined.mutate(**{key: joined[key].coalesce(joined[f"{key}_right"]) for key in keys})
    through = both.back_from.coalesce(ibis.greatest(both.to, both.before), both.to, both.before)
    nanos = both.nanos.coalesce(both.before_nanos)
    return both.mutate(charged_through=through, charged_nanos=nanos).select(*CHARGED.ibis)
