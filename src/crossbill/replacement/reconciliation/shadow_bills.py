"""What a wave is billed from in the shadow: its snapshot, and the rules of the old system."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.billing_datasets import COMPONENT, LISTED_PRICE, PERIODS, TAX
from crossbill.engine.datasets import POLICY
from crossbill.replacement.migration.workspace import Workspace

CATALOGUE = {dataset.name: dataset for dataset in (LISTED_PRICE, COMPONENT, TAX)}
TABLES = (
    *("account", "customer", "product", "payer", "discount", "exemption", "commitment"),
    *CATALOGUE,
)


def folder(position: int) -> str:
    """Where a wave's tables lie within the change-over's part of the store."""
    return f"wave-{position}"


def billing_tables(workspace: Workspace, backend: Backend, place: str) -> dict[str, ir.Table]:
    """The tables of ``bill_population`` for a wave: everybody by the old policy, all periods."""
    policy = workspace.old_policy
    tables = {name: workspace.scan(backend, place, name) for name in TABLES}
    tables["account"] = tables["account"].mutate(policy_code=ibis.literal(policy.policy_code))
    tables["policy"] = ibis.memtable(pa.Table.from_pylist([policy.as_row()], POLICY.arrow))
    rows = [{"period_from": start, "period_to": end} for start, end in workspace.periods]
    tables["periods"] = ibis.memtable(pa.Table.from_pylist(rows, PERIODS.arrow))
    if workspace.rating:
        tables["usage_total"] = workspace.scan(backend, place, "usage_total")
    return tables


def by_price(lines: ir.Table) -> ir.Table:
    """The lines of computed bills, named as old ones are: each by the price that it charges.

    A discount of the account, which says in ``discount_key`` which one it is, by the price of the
    charge that it is taken from.
    """
    priced = lines.taken_from.fill_null("")
    of_account = lines.discount_key.notnull()
    return lines.mutate(price_code=ibis.ifelse(of_account, priced, lines.price_code))
