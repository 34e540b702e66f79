"""What a change or an amendment costs: the bills of the accounts concerned, before and after."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from django.db import transaction

from crossbill.core.money import format_minor, minor_digits
from crossbill.core.period import Period, month_period
from crossbill.core.policy import Policy
from crossbill.engine.billing_datasets import COMPUTED_LINE, PERIODS
from crossbill.engine.calculation import Tables
from crossbill.engine.datasets import PRODUCT
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.books import Rows, book_rows, populations
from crossbill.platform.billing.continued import with_plan
from crossbill.platform.billing.what_if import Billed, Effect, as_one, billed, compared
from crossbill.platform.customer.amendments import Amendment, first_period
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.changes import Begun, Plan
from crossbill.platform.product.models import Product

NEW_KEY = "\n"  # begins that of a product that has none yet; no key of the books has such a sign
LINE = COMPUTED_LINE.key


@dataclass(frozen=True)
class LineChange:
    """A line that the change alters: the same line on the bill before and after, or on one side.

    A side has the columns of a bill line. ``product_key`` is none of a product that begins.
    """

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def some(self) -> Mapping[str, Any]:
        """The side that is there, the one after the change first."""
        found = self.after or self.before
        assert found is not None, "a line stands on one of the sides"
        return found

    @property
    def product_key(self) -> str | None:
        """The product; none where the change begins it, for it has no key yet."""
        key = self.some["product_key"]
        return None if key is None or key.startswith(NEW_KEY) else str(key)

    @property
    def difference_minor(self) -> int:
        """Net after less net before, in minor units."""
        sides = (self.after, self.before)
        after, before = (int(side["net_minor"]) if side is not None else 0 for side in sides)
        return after - before

    def document(self) -> dict[str, Any]:
        """The line as JSON, its net amounts as decimal text."""
        row, digits = self.some, minor_digits(self.some["currency"])
        named = ("account_key", "offering_code", "category", "price_code", "currency")
        return {
            **{name: row[name] for name in named},
            "product_key": self.product_key,
            "before": _side(self.before, digits),
            "after": _side(self.after, digits),
            "difference": format_minor(self.difference_minor, digits),
        }


def _side(row: Mapping[str, Any] | None, digits: int) -> dict[str, str] | None:
    if row is None:
        return None
    days = {name: str(row[name]) for name in ("charge_from", "charge_to")}
    return days | {"net": format_minor(int(row["net_minor"]), digits)}


@dataclass(frozen=True)
class ChangeCost:
    """What differs on the bills of the period with the day of the change, and by which policy."""

    effect: Effect
    lines: tuple[LineChange, ...]
    periods: tuple[Period, ...]
    policy_code: str

    def document(self) -> dict[str, Any]:
        """The cost as JSON."""
        spans = [
            {"period_from": str(each.from_date), "period_to": str(each.to_date)}
            for each in self.periods
        ]
        lines = [line.document() for line in self.lines]
        said = {"policy_code": self.policy_code, "periods": spans, "lines": lines}
        return said | self.effect.document()


def change_cost(
    *, carrier_id: int, account_key: str, plans: Sequence[Plan], policy: Policy
) -> ChangeCost:
    """Bill who holds the products now and who will, with and without what is planned together.

    One bill an account: that of its period with a day on which a change takes effect; and that
    with the last day of a contract that the change breaks, on which its fee stands.
    """
    begun = {plan.begins.terms.account_key for plan in plans if plan.begins}
    with transaction.atomic():
        payers = {account_key} | begun | _concerned(carrier_id, plans)
        rows = book_rows(carrier_id, sorted(payers))
        after: Rows = rows
        days: set[date] = set()
        for number, plan in enumerate(plans):
            after = _planned(after, plan, f"{NEW_KEY}{number}")
            days |= {plan.wanted.effective_date, *_left_before(plan)}
            days |= _broken_on(after["product"], plan)
        spans = {
            (period_with(day, cycle), cycle)
            for cycle in _cycles(carrier_id, payers)
            for day in days
        }
        return cost_between(carrier_id, rows, after, spans, policy)


def _planned(rows: Rows, plan: Plan, new_key: str) -> Rows:
    """The books as a plan leaves them; what begins has this key."""
    products = changed_products(rows["product"], plan, new_key)
    codes = {row["product_key"]: row["offering_code"] for row in products.to_pylist()}
    goes_on = with_plan(rows["continued"], plan, new_key, codes)
    return {**rows, "product": products, "continued": goes_on}


def amendment_cost(*, carrier_id: int, amendment: Amendment, policy: Policy) -> ChangeCost:
    """Bill an account, and those that pay for it before and after, with and without an amendment.

    The bills are those of the first period that begins on its day or later: the first that it
    reaches.
    """
    payers = {amendment.account_key}
    payers |= {row["payer_key"] for row in amendment.begins if amendment.table == "payer"}
    with transaction.atomic():
        rows = book_rows(carrier_id, sorted(payers))
        after = rows | {amendment.table: _amended(rows[amendment.table], amendment)}
        spans = {
            (first_period(amendment.effective_date, cycle), cycle)
            for cycle in _cycles(carrier_id, payers)
        }
        return cost_between(carrier_id, rows, after, spans, policy)


def _amended(rows: pa.Table, amendment: Amendment) -> pa.Table:
    """The rows of a canonical table as an amendment leaves them."""
    ended = {"valid_to": amendment.effective_date}
    kept = [{**row, **ended} if row in amendment.ends else row for row in rows.to_pylist()]
    return pa.Table.from_pylist([*kept, *amendment.begins], rows.schema)


def cost_between(
    carrier_id: int,
    before: Rows,
    after: Rows,
    spans: Collection[tuple[Period, int]],
    policy: Policy,
) -> ChangeCost:
    """What differs between the bills of two states of the books, as ``book_rows`` gives them.

    ``spans`` are the periods to bill, each with the bill cycle of which it is.
    """
    sides = [_billed(carrier_id, held, spans, policy) for held in (before, after)]
    with connect() as backend:
        effect = compared(backend, *sides)
    found = tuple(sorted({span for span, _ in spans}, key=lambda span: span.from_date))
    return ChangeCost(effect, _changed_lines(*_rows(sides)), found, policy.policy_code)


def _billed(
    carrier_id: int, held: Rows, spans: Iterable[tuple[Period, int]], policy: Policy
) -> Billed:
    """The bills of one state, in an engine of its own: its chain may have other steps."""
    with connect() as backend, refusing_overflow():
        tables = populations(carrier_id, held, policy, _periods(spans))
        return as_one([billed(backend, each, _lines) for each in tables])


def _lines(done: Tables) -> ir.Table:
    """The lines of all bills, in the order in which they are compared."""
    lines = done["bill_line"]
    return lines.select(*LINE, "offering_code", "charge_to", "currency", "net_minor").order_by(
        *LINE
    )


def _rows(sides: Sequence[Billed]) -> Iterator[list[dict[str, Any]]]:
    for side in sides:
        assert side.detail is not None, "the lines were asked for"
        yield side.detail.to_pylist()


def _changed_lines(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> tuple[LineChange, ...]:
    """The lines that differ, by account and product, what the change begins last."""
    old, new = (_by_key(rows) for rows in (before, after))
    pairs = (LineChange(old.get(key), new.get(key)) for key in {**old, **new})
    changed = [pair for pair in pairs if pair.before != pair.after]
    return tuple(sorted(changed, key=_place))


def _by_key(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {tuple(row[name] for name in LINE): row for row in rows}


def _place(line: LineChange) -> tuple[Any, ...]:
    row = line.some
    return row["account_key"], line.product_key is None, *(str(row[name]) for name in LINE)


def changed_products(products: pa.Table, plan: Plan, new_key: str) -> pa.Table:
    """The products as a change leaves them; what begins has this key."""
    rows = [_changed(row, plan) for row in products.to_pylist()]
    if plan.begins is not None:
        rows.append(_begun(plan.begins, new_key))
    return pa.Table.from_pylist(rows, PRODUCT.arrow)


def period_with(day: date, bill_cycle_day: int) -> Period:
    """The bill period of a cycle in which a day lies."""
    span = month_period(day.year, day.month, bill_cycle_day)
    if day >= span.from_date:
        return span
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return month_period(year, month, bill_cycle_day)


def _changed(row: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    key, contract = row["product_key"], row["contract_end_date"]
    return {
        **row,
        "end_date": plan.ends.get(key, row["end_date"]),
        "contract_end_date": plan.contracts.get(key, contract),
    }


def _broken_on(products: pa.Table, plan: Plan) -> set[date]:
    """The last days of those products of a plan that end before their contracts do."""
    touched = {*plan.ends, *plan.contracts}
    return {
        row["end_date"] - timedelta(days=1)
        for row in products.to_pylist()
        if row["product_key"] in touched and row["start_date"] < (row["end_date"] or date.min)
        if row["end_date"] < (row["contract_end_date"] or date.min)
    }


def _left_before(plan: Plan) -> set[date]:
    """The last days of what was suspended before it is cancelled: its end is charged on them."""
    ends = {end for end in plan.ends.values() if end is not None}
    return {end - timedelta(days=1) for end in ends if end < plan.wanted.effective_date}


def _begun(begun: Begun, new_key: str) -> dict[str, Any]:
    days = {"start_date": begun.start_date, "end_date": begun.end_date}
    return {"product_key": new_key} | vars(begun.terms) | days


def _concerned(carrier_id: int, plans: Iterable[Plan]) -> set[str]:
    """Who pays for what the plans end, let go on, or let bear a contract."""
    touched = {key for plan in plans for key in (*plan.ends, *plan.contracts)}
    products = Product.objects.filter(carrier_id=carrier_id, product_key__in=touched)
    return set(products.values_list("account__account_key", flat=True))


def _cycles(carrier_id: int, account_keys: set[str]) -> list[int]:
    found = BillingAccount.objects.filter(carrier_id=carrier_id, account_key__in=account_keys)
    return sorted(set(found.values_list("bill_cycle_day", flat=True)))


def _periods(spans: Iterable[tuple[Period, int]]) -> pa.Table:
    rows = [
        {"period_from": span.from_date, "period_to": span.to_date, "bill_cycle_day": cycle}
        for span, cycle in spans
    ]
    return pa.Table.from_pylist(rows, PERIODS.arrow)
