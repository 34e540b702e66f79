"""What a change of a product costs: the bills of the accounts concerned, before and after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import pyarrow as pa
from django.db import transaction

from crossbill.core.period import Period, month_period
from crossbill.core.policy import Policy
from crossbill.engine.billing_datasets import PERIODS
from crossbill.engine.datasets import PRODUCT
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.books import book_tables
from crossbill.platform.billing.what_if import Effect, what_if
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.changes import Begun, Plan

NEW_KEY = "\n"  # of a product that has none yet; no key of the books has such a character


@dataclass(frozen=True)
class ChangeCost:
    """What differs on the bills of the period with the day of the change, and by which policy."""

    effect: Effect
    periods: tuple[Period, ...]
    policy_code: str

    def document(self) -> dict[str, Any]:
        """The cost as JSON."""
        spans = [
            {"period_from": str(each.from_date), "period_to": str(each.to_date)}
            for each in self.periods
        ]
        said = {"policy_code": self.policy_code, "periods": spans}
        return said | self.effect.document()


def change_cost(*, carrier_id: int, account_key: str, plan: Plan, policy: Policy) -> ChangeCost:
    """Bill who holds the product now and who will, with and without the change.

    One bill an account: that of its period with the day on which the change takes effect.
    """
    payers = {account_key} | ({plan.begins.terms.account_key} if plan.begins else set())
    with connect() as backend, refusing_overflow(), transaction.atomic():
        payers |= _payer_again(carrier_id, plan)
        cycles = _cycles(carrier_id, payers)
        spans = {cycle: period_with(plan.wanted.effective_date, cycle) for cycle in cycles}
        before = book_tables(carrier_id, policy, sorted(payers))
        before["periods"] = ibis.memtable(_periods(spans))
        products = backend.to_pyarrow(before["product"])
        after = before | {"product": ibis.memtable(changed_products(products, plan))}
        effect = what_if(backend, before, after)
    found = tuple(sorted(set(spans.values()), key=lambda span: span.from_date))
    return ChangeCost(effect, found, policy.policy_code)


def changed_products(products: pa.Table, plan: Plan) -> pa.Table:
    """The products as a change leaves them."""
    rows = [_ended(row, plan.ends) for row in products.to_pylist()]
    if plan.begins is not None:
        rows.append(_begun(plan.begins))
    return pa.Table.from_pylist(rows, PRODUCT.arrow)


def period_with(day: date, bill_cycle_day: int) -> Period:
    """The bill period of a cycle in which a day lies."""
    span = month_period(day.year, day.month, bill_cycle_day)
    if day >= span.from_date:
        return span
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return month_period(year, month, bill_cycle_day)


def _ended(row: Mapping[str, Any], ends: Mapping[str, date | None]) -> dict[str, Any]:
    key = row["product_key"]
    return {**row, "end_date": ends[key]} if key in ends else dict(row)


def _begun(begun: Begun) -> dict[str, Any]:
    days = {"start_date": begun.start_date, "end_date": begun.end_date}
    return {"product_key": NEW_KEY} | vars(begun.terms) | days


def _payer_again(carrier_id: int, plan: Plan) -> set[str]:
    """Who pays for a product that goes on; it may be another account than the one that paid."""
    if plan.goes_on is None:
        return set()
    found = BillingAccount.objects.filter(carrier_id=carrier_id, products__product_key=plan.goes_on)
    return set(found.values_list("account_key", flat=True))


def _cycles(carrier_id: int, account_keys: set[str]) -> list[int]:
    found = BillingAccount.objects.filter(carrier_id=carrier_id, account_key__in=account_keys)
    return sorted(set(found.values_list("bill_cycle_day", flat=True)))


def _periods(spans: Mapping[int, Period]) -> pa.Table:
    rows = [
        {"period_from": span.from_date, "period_to": span.to_date, "bill_cycle_day": cycle}
        for cycle, span in spans.items()
    ]
    return pa.Table.from_pylist(rows, PERIODS.arrow)
