"""What one account would be billed from the books, by one set of rules or by several at once.

The chain is planned once and kept between the questions of people, which then cost what the
account's own rows cost; there is one plan, on an engine of its own, for each shape that catalogues
give to a bill. By several rules the account stands in the population once for each.
"""

import atexit
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crossbill.core.period import DayCount
from crossbill.core.policy import ChargeRounding, DiscountBase, Policy, PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode
from crossbill.engine.billing_datasets import SAID_TAX
from crossbill.engine.calculation import Calculation, Step, compiled_once
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.engine.planned import Planned, Rows
from crossbill.platform.billing.bills import INPUTS, TAX_TERMS, Shape, billing, currency_rows, steps
from crossbill.platform.billing.books import BILLED, book_rows, priced_rows
from crossbill.platform.billing.compute import RESULTS, AccountNotThere, periods
from crossbill.platform.billing.due import boundaries
from crossbill.platform.billing.explain_bill import BillExplained, explained
from crossbill.platform.billing.price_lists import kinds_in
from crossbill.platform.billing.resolve import PROVED, resolution_proof
from crossbill.platform.billing.several_policies import APART, KEYS, policy_rows
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
class _Found:
    """The results by one of the policies, in memory."""

    rows: Mapping[str, pa.Table]
    rates: pa.Table

    def fetch(self, name: str) -> pa.Table:
        return self.rows[name]

    def said(self) -> pa.Table:
        return self.rates


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
    days = mine.append_column("anchor_day", mine["bill_cycle_day"])
    tables |= {"periods": days, "boundary": _boundary(first, end)}
    rows = _billed(_shape(books, policies.values()), tables)
    found = {name: _of(rows, name, _said(books["tax_rate"])) for name in policies}
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
) -> dict[str, pa.Table]:
    """The books with the account once for each policy, which bears the policy's name here."""
    assert set(books) == KNOWN, f"the chain is built for less: {set(books) ^ KNOWN}"
    tables = {name: _by_each(name, rows, list(policies)) for name, rows in books.items()}
    return tables | {"policy": policy_rows(policies)}


def _by_each(dataset: str, rows: pa.Table, policies: list[str]) -> pa.Table:
    """The rows as the chain reads them, once for each policy where they are somebody's."""
    if not {*KEYS}.isdisjoint(rows.column_names):
        rows = pa.concat_tables(_named(rows, name) for name in policies)
    schema = INPUTS[dataset].arrow
    for column in (name for name in schema.names if name not in rows.column_names):
        stated = pa.scalar(TAX_TERMS.get(column), schema.field(column).type)
        rows = rows.append_column(column, pa.repeat(stated, rows.num_rows))
    return rows.select(schema.names)


def _named(rows: pa.Table, policy: str) -> pa.Table:
    """The rows with keys that begin with the policy's name, and billed by it."""
    for key in {*KEYS}.intersection(rows.column_names):
        place = rows.column_names.index(key)
        named = pc.utf8_replace_slice(rows[key], 0, 0, f"{policy}{APART}")
        rows = rows.set_column(place, key, named)
    return rows.append_column("policy_code", pa.repeat(policy, rows.num_rows))


@lru_cache(maxsize=PERIODS_KEPT)
def _boundary(period_from: date, period_to: date) -> pa.Table:
    return boundaries([period_from, period_to])


def _billed(shape: Shape, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The results of the chain, after the proof that nothing vanished."""
    with _turn, refusing_overflow():
        found = _planned(shape).rows(tables)
    proof = found[PROOF][0]
    assert proof["balanced"], f"a product is neither charged nor waiting nor told: {proof}"
    return {name: _in_order(name, found[name]) for name in FETCHED}


def _in_order(name: str, rows: Rows) -> pa.Table:
    dataset = RESULTS[name]
    found = pa.Table.from_pylist(rows, dataset.arrow)
    return found.sort_by([(key, "ascending") for key in dataset.key])


def _said(rates: pa.Table) -> pa.Table:
    """The rates that providers have said; none where the books' own are billed."""
    if "said_by" not in rates.column_names:
        return SAID_TAX.empty()
    return rates.filter(pc.is_valid(rates["said_by"]))


def _of(rows: Mapping[str, pa.Table], name: str, said: pa.Table) -> Preview:
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
    return Preview(explained(_Found(plain, said)), plain["unresolved"].to_pylist())


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
def _planned(shape: Shape) -> Planned:
    """The chain of a shape, on an engine of its own: a plan suffers no others beside it."""
    opened = ExitStack()
    atexit.register(opened.close)
    backend = opened.enter_context(connect(memory=MEMORY, threads=1))
    stay = {"currency": currency_rows(), "credit": INPUTS["credit"].empty()}
    change = {name: dataset.arrow for name, dataset in INPUTS.items() if name not in stay}
    return Planned(backend, _proved(shape), stay, change, [*FETCHED, PROOF])


@compiled_once
def _proved(shape: Shape) -> Calculation:
    """``billing``, and the proof that nothing vanished."""
    proof = Step(PROOF, lambda t: resolution_proof(*(t[name] for name in PROVED)), stored=False)
    return Calculation(billing(shape).inputs, [*steps(shape), proof])
