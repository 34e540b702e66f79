"""The bill after the last compared one, by the old rules: projected, and as the books make it."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.core.period import month_period
from crossbill.engine.billing_datasets import PERIODS
from crossbill.engine.concession_datasets import COMMITMENT, EXEMPTION
from crossbill.engine.datasets import (
    ACCOUNT,
    BILL,
    CUSTOMER,
    DISCOUNT,
    PAYER,
    POLICY,
    PRODUCT,
)
from crossbill.platform.billing.bills import bill_population
from crossbill.platform.billing.books import book_rows, populations
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.migration.queries import billed_periods, old_policy
from crossbill.replacement.reconciliation.shadow_bills import CATALOGUE

FACTS = {dataset.name: dataset for dataset in (ACCOUNT, CUSTOMER, PRODUCT)}
# What a side may have none of.
FURTHER = {dataset.name: dataset for dataset in (PAYER, DISCOUNT, EXEMPTION, COMMITMENT)}


def next_bills(
    backend: Backend, replacement: Replacement, facts: Mapping[str, ir.Table]
) -> ir.Table:
    """Rows of BILL for the month after the last billed one, without usage, which is not there yet.

    ``facts`` are account, customer, product and, where it has some, payer, discount, exemption and
    commitment of one side, and the prices and tax rates of both. Both sides go through the one
    calculation: they differ where their facts do.
    """
    policy = old_policy(replacement)
    known = {**FACTS, **FURTHER}
    tables = {n: facts[n].select(*known[n].arrow.names) for n in known if n in facts}
    tables |= {name: facts[name] for name in CATALOGUE}
    tables["account"] = tables["account"].mutate(policy_code=ibis.literal(policy.policy_code))
    tables["policy"] = ibis.memtable(pa.Table.from_pylist([policy.as_row()], POLICY.arrow))
    tables["periods"] = ibis.memtable(_next_period(replacement))
    return ibis.memtable(_billed(backend, tables))


def first_bills(backend: Backend, replacement: Replacement, accounts: Sequence[str]) -> ir.Table:
    """The same of these accounts as the books bill them now: what they hold, at what it costs.

    All that changed since they were taken over is in it: products, prices, taxes.
    """
    carrier_id, period = replacement.carrier_id, _next_period(replacement)
    rows = book_rows(carrier_id, accounts)
    parts = populations(carrier_id, rows, old_policy(replacement), period)
    billed = [_billed(backend, tables) for tables in parts]
    bills = pa.concat_tables([BILL.empty(), *billed])
    # Who pays for one of them, or is paid for, is billed with it and may be of another wave.
    return ibis.memtable(bills.filter(pc.is_in(bills["account_key"], pa.array(accounts))))


def _next_period(replacement: Replacement) -> pa.Table:
    """The month after the last billed one, as PERIODS."""
    end = billed_periods(replacement)[-1][1]
    month = month_period(end.year, end.month, end.day)
    period = {"period_from": month.from_date, "period_to": month.to_date}
    return pa.Table.from_pylist([period], PERIODS.arrow)


def _billed(backend: Backend, tables: Mapping[str, ir.Table]) -> pa.Table:
    bills = bill_population(backend, tables)["bill"].select(*BILL.ibis)
    return backend.to_pyarrow(bills).cast(BILL.arrow)
