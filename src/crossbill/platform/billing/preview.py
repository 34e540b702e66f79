"""What one account would be billed from the books, by one set of rules or by several at once.

The engine and its compiled chain are kept between the questions of people, which then cost what
the account's own rows cost; there is one of each for each shape that catalogues give to a bill. By
several rules the account stands in the population once for each.
"""

import atexit
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.core.period import DayCount
from crossbill.core.policy import ChargeRounding, DiscountBase, Policy, PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode
from crossbill.engine.billing_datasets import SAID_TAX
from crossbill.engine.calculation import Tables
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.bills import Shape, billing, complete
from crossbill.platform.billing.books import BILLED, book_rows, priced_rows
from crossbill.platform.billing.compute import RESULTS, AccountNotThere, Computed, periods
from crossbill.platform.billing.due import boundaries
from crossbill.platform.billing.explain_bill import BillExplained, explained
from crossbill.platform.billing.price_lists import kinds_in
from crossbill.platform.billing.resolve import PROVED, resolution_proof
from crossbill.platform.billing.several_policies import APART, KEYS, by_each
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import paid_for_by
from crossbill.platform.product.catalogue_queries import catalogues_on

# What bills follow where nobody has agreed otherwise: calendar days, half up, tax of the whole.
NEW_RULES = Policy(
    policy_code="new-1",
    day_count=DayCount.ACTUAL_ACTUAL,
    end_day_counts=True,
    rounding_mode=RoundingMode.HALF_UP,
    rounding_scope=ChargeRounding.LINE,
    rounding_digits=0,
    discount_base=DiscountBase.ROUNDED,
    price_by=PriceBy.BILL_TIME,
    tax_scope=TaxScope.BILL,
    tax_rounding_mode=RoundingMode.HALF_UP,
)

MEMORY = "512MB"
PERIODS_KEPT = 64
KNOWN = {*BILLED, "usage_total"}
FETCHED = ("bill", "bill_line", "bill_tax", "charge", "unresolved")
PROOF = "proof"

_turn = threading.Lock()


@dataclass(frozen=True)
class Preview:
    """The bills of an account in a period, and what of it cannot be charged and why."""

    bills: list[BillExplained]
    unresolved: list[dict[str, Any]]


@dataclass(frozen=True)
class _Fetched(Computed):
    """Results that are in memory already."""

    rows: Mapping[str, pa.Table]
    rates: pa.Table

    def fetch(self, name: str) -> pa.Table:
        return self.rows[name]

    def said(self) -> pa.Table:
        return self.rates


@dataclass
class _Standing:
    """What the engine holds since the first question: the results' statements, to be run again."""

    tables: Tables = field(default_factory=dict)
    statements: dict[str, str] = field(default_factory=dict)


_standing: dict[Shape, _Standing] = defaultdict(_Standing)


def preview(
    *,
    carrier_id: int,
    account_key: str,
    period: str,
    policies: Mapping[str, Policy],
    used: pa.Table,
) -> dict[str, Preview]:
    """The account's bills of a month such as 2026-03, or of one cycle, by each of the policies.

    ``used`` has the rows of USAGE_TOTAL of the account and of those whom its bills hang together
    with: the books hold none. A ``bill_key`` in here is nobody's: these bills are not issued.
    """
    asked = periods(period)
    mine = asked.filter(pc.field("bill_cycle_day") == _cycle(carrier_id, account_key))
    if not mine.num_rows:
        return {name: Preview([], []) for name in policies}
    first, end = (mine[name][0].as_py() for name in ("period_from", "period_to"))
    catalogues = catalogues_on(carrier_id, first)
    books = priced_rows(book_rows(carrier_id, [account_key]), catalogues, mine)
    books |= {"usage_total": used}
    whose = {account_key, *paid_for_by(account_key, carrier_id)}
    tables = _population(books, policies)
    tables["periods"], tables["boundary"] = map(ibis.memtable, (mine, _boundary(first, end)))
    shape = _shape(books, policies.values())
    with _turn, refusing_overflow():
        rows = _billed(shape, tables)
        found = {name: _of(shape, rows, name, _said(books["tax_rate"])) for name in policies}
    return {name: _for_account(each, account_key, whose) for name, each in found.items()}


def _shape(books: Mapping[str, pa.Table], policies: Iterable[Policy]) -> Shape:
    """The chain that fits: the books hold no credits."""
    return Shape(
        taxes=_taxes(books["tax_rate"]),
        whole_bills=any(p.rounding_scope is ChargeRounding.BILL for p in policies),
        discounts=books["discount"].num_rows,
        usage=bool(books["usage_total"].num_rows),
        commitments=bool(books["commitment"].num_rows),
        lists=kinds_in(books["price"]),
        payers=bool(books["payer"].num_rows),
    )


def _taxes(rates: pa.Table) -> int:
    """How many taxes a line may bear; one where the rates name none."""
    if "tax_name" not in rates.column_names:
        return 1
    each = rates.group_by(["tax_code", "tax_category"]).aggregate([("tax_name", "count_distinct")])
    return max((row["tax_name_count_distinct"] for row in each.to_pylist()), default=1)


def _cycle(carrier_id: int, account_key: str) -> int:
    held = BillingAccount.objects.filter(carrier_id=carrier_id, account_key=account_key)
    cycle = held.values_list("bill_cycle_day", flat=True).first()
    if cycle is None:
        cure = "check the key; an account that was not taken over is not in the books"
        raise AccountNotThere("no such account", field="account_key", value=account_key, cure=cure)
    return int(cycle)


def _population(
    books: Mapping[str, pa.Table], policies: Mapping[str, Policy]
) -> dict[str, ir.Table]:
    """The books with the account once for each policy, which bears the policy's name here."""
    assert set(books) == KNOWN, f"the chain is built for less: {set(books) ^ KNOWN}"
    return by_each({name: ibis.memtable(rows) for name, rows in books.items()}, policies)


@lru_cache(maxsize=PERIODS_KEPT)
def _boundary(period_from: date, period_to: date) -> pa.Table:
    return boundaries([period_from, period_to])


def _billed(shape: Shape, tables: Mapping[str, ir.Table]) -> dict[str, pa.Table]:
    """The results of the chain, after the proof that nothing vanished."""
    backend, standing = _engine(shape), _standing[shape]
    held, chain = complete(backend, tables), billing(shape)
    if standing.tables:
        chain.run_again(backend, {name: held[name] for name in tables})
    else:
        standing.tables = chain.run(backend, held)
        standing.statements = _statements(standing.tables)
    rows = {
        name: backend.con.sql(sql).to_arrow_table() for name, sql in standing.statements.items()
    }
    proof = rows.pop(PROOF).to_pylist()[0]
    assert proof["balanced"], f"a product is neither charged nor waiting nor told: {proof}"
    return rows


def _statements(done: Tables) -> dict[str, str]:
    """How each result is read: compiling that takes longer than reading it."""
    read = {name: _in_order(done, name) for name in FETCHED}
    read[PROOF] = resolution_proof(*(done[name] for name in PROVED))
    return {name: str(ibis.to_sql(rows, dialect="duckdb")) for name, rows in read.items()}


def _in_order(done: Tables, name: str) -> ir.Table:
    dataset = RESULTS[name]
    return done[name].select(*dataset.ibis).order_by(*dataset.key)


def _said(rates: pa.Table) -> pa.Table:
    """The rates that providers have said; none where the books' own are billed."""
    if "said_by" not in rates.column_names:
        return SAID_TAX.empty()
    return rates.filter(pc.is_valid(rates["said_by"]))


def _of(shape: Shape, rows: Mapping[str, pa.Table], name: str, said: pa.Table) -> Preview:
    """What belongs to one of the policies, with the keys as the books have them."""
    bills = rows["bill"].filter(pc.starts_with(rows["bill"]["account_key"], f"{name}{APART}"))
    mine = {"bill": bills}
    for each in FETCHED[1:]:
        table = rows[each]
        if "account_key" in table.column_names:
            wanted = pc.starts_with(table["account_key"], f"{name}{APART}")
        else:
            wanted = pc.is_in(table["bill_key"], value_set=bills["bill_key"])
        mine[each] = table.filter(wanted)
    plain = {each: _plain(table, name) for each, table in mine.items()}
    found = _Fetched(_engine(shape), _standing[shape].tables, plain, said)
    return Preview(explained(found), plain["unresolved"].to_pylist())


def _for_account(found: Preview, account_key: str, whose: set[str]) -> Preview:
    """The account's own bill, and what cannot be charged of what it pays for."""
    bills = [each for each in found.bills if each.bill["account_key"] == account_key]
    return Preview(bills, [row for row in found.unresolved if row["account_key"] in whose])


def _plain(rows: pa.Table, name: str) -> pa.Table:
    start = len(name) + len(APART)
    for key in (*KEYS, "used_by"):
        if key in rows.column_names:
            place = rows.column_names.index(key)
            rows = rows.set_column(place, key, pc.utf8_slice_codeunits(rows[key], start))
    return rows


@cache
def _engine(shape: Shape) -> Backend:
    """An engine for each shape: its tables bear the same names as another one's."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(connect(memory=MEMORY, threads=1))
