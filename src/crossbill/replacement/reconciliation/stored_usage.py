"""What accounts used in the compared periods, as the shadow bills of their waves charge it."""

import pyarrow as pa
import pyarrow.compute as pc

from crossbill.engine.datasets import USAGE_TOTAL
from crossbill.engine.store import Store
from crossbill.platform.customer.queries import with_families
from crossbill.replacement.migration.models import AccountMove
from crossbill.replacement.reconciliation.shadow_bills import folder


def usage_totals_of(*, carrier_id: int, account_key: str, store: Store) -> pa.Table:
    """Rows of USAGE_TOTAL of an account and of those that pay for it or that it pays for.

    Of a wave whose usage has not been rated there are none.
    """
    keys = with_families(carrier_id, [account_key])
    moves = AccountMove.objects.filter(
        replacement__carrier_id=carrier_id, account_key__in=keys, wave__isnull=False
    )
    places = moves.values_list("replacement__carrier__code", "wave__position").order_by()
    paths = [
        store.path(code, folder(position), "usage_total.parquet")
        for code, position in sorted(set(places))
    ]
    theirs = pc.field("account_key").isin(keys)
    rows = [store.read(path, theirs) for path in paths if store.exists(path)]
    return pa.concat_tables([USAGE_TOTAL.empty(), *(each.cast(USAGE_TOTAL.arrow) for each in rows)])
