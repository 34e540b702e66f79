"""The books as the tables of a bill: what one account or a whole carrier holds now."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.db import transaction

from crossbill.core.policy import Policy
from crossbill.engine.datasets import POLICY
from crossbill.platform.billing import snapshot
from crossbill.platform.customer.models import BillingAccount

BILLED = ("customer", "account", "product", "price", "tax_rate")


def book_tables(
    carrier_id: int, policy: Policy, accounts: Sequence[str] | None = None
) -> dict[str, ir.Table]:
    """The tables of ``bill_tables`` but ``periods``, of these accounts, or of all of a carrier."""
    if accounts is None:
        every = BillingAccount.objects.filter(carrier_id=carrier_id)
        accounts = list(every.values_list("account_key", flat=True))
    keys = pa.table({"account_key": pa.array(accounts, pa.string())})
    tables = {}
    with transaction.atomic(), snapshot.population(keys):
        for name in BILLED:
            with snapshot.export(name, carrier_id) as rows:
                tables[name] = ibis.memtable(rows.read_all())
    code = ibis.literal(policy.policy_code)
    tables["account"] = tables["account"].mutate(policy_code=code)
    tables["policy"] = ibis.memtable(pa.Table.from_pylist([policy.as_row()], POLICY.arrow))
    return tables
