"""The books as the tables of a bill: what one account or a whole carrier holds now."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from crossbill.core.policy import Policy
from crossbill.engine.datasets import POLICY
from crossbill.platform.billing import snapshot
from crossbill.platform.billing.book_prices import priced
from crossbill.platform.billing.continued import charged_once, continued
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import with_families
from crossbill.platform.product.catalogue_file import ProductCatalogue
from crossbill.platform.product.catalogue_queries import catalogues_of_days

EXPORTED = (
    *("customer", "account", "payer", "product", "discount", "exemption"),
    "commitment",
    *("price", "tax_rate"),
)
BILLED = (*EXPORTED, "component", "charged")

Rows = Mapping[str, pa.Table]


def book_rows(carrier_id: int, accounts: Sequence[str] | None = None) -> dict[str, pa.Table]:
    """What the books hold of these accounts and whom they pay with or for, or of all of a carrier.

    The tables ``EXPORTED``, and as ``continued`` the products that go on after a change.
    """
    accounts = None if accounts is None else with_families(carrier_id, accounts)
    goes_on = continued(carrier_id, accounts)
    if accounts is None:
        every = BillingAccount.objects.filter(carrier_id=carrier_id)
        accounts = list(every.values_list("account_key", flat=True))
    keys = pa.table({"account_key": pa.array(accounts, pa.string())})
    found = {"continued": goes_on}
    with transaction.atomic(), snapshot.population(keys):
        for name in EXPORTED:
            with snapshot.export(name, carrier_id) as rows:
                found[name] = rows.read_all()
    return found


def populations(
    carrier_id: int, rows: Rows, policy: Policy, periods: pa.Table
) -> list[dict[str, ir.Table]]:
    """The tables of ``bill_tables`` for these periods, by the catalogues in force when they begin.

    Of a month, some bill cycles may begin before a version and some after it: then there are
    several populations, each with the periods that begin under the same versions.
    """
    return [
        book_tables(rows, policy, catalogues, mine)
        for mine, catalogues in parted(carrier_id, periods)
    ]


def parted(carrier_id: int, periods: pa.Table) -> list[tuple[pa.Table, list[ProductCatalogue]]]:
    """The periods parted by the catalogues in force when they begin."""
    return [
        (_beginning(periods, days), catalogues)
        for days, catalogues in catalogues_of_days(carrier_id, _first_days(periods))
    ]


def book_tables(
    rows: Rows, policy: Policy, catalogues: Sequence[ProductCatalogue], periods: pa.Table
) -> dict[str, ir.Table]:
    """The tables of ``bill_tables``: everybody by one policy, priced by these catalogues."""
    found = priced_rows(rows, catalogues, periods)
    tables = {name: ibis.memtable(found[name]) for name in BILLED}
    code = ibis.literal(policy.policy_code)
    tables["account"] = tables["account"].mutate(policy_code=code)
    tables["policy"] = ibis.memtable(pa.Table.from_pylist([policy.as_row()], POLICY.arrow))
    return tables | {"periods": ibis.memtable(periods)}


def priced_rows(
    rows: Rows, catalogues: Sequence[ProductCatalogue], periods: pa.Table
) -> dict[str, pa.Table]:
    """The tables ``BILLED`` for periods that begin under these catalogues."""
    codes = set(filter(None, rows["account"]["tax_code"].unique().to_pylist()))
    found = priced(catalogues, rows["price"], rows["tax_rate"], codes, _first_days(periods))
    charged = charged_once(rows["continued"], found["component"])
    named = {name: rows[name] for name in EXPORTED}
    return named | found | {"charged": charged}


def _first_days(periods: pa.Table) -> set[date]:
    return {row["period_from"] for row in periods.to_pylist()}


def _beginning(periods: pa.Table, days: Collection[date]) -> pa.Table:
    return periods.filter(pc.is_in(periods["period_from"], pa.array(days, pa.date32())))
