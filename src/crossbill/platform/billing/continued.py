"""What goes on under another key: a change ends one product and begins another, and is no order.

So what is charged once when something begins, or when it ends, is not charged for a change of
quantity or price, a move, or a suspension and what is resumed after it. Another offering is a new
beginning, as an order is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from crossbill.engine.billing_datasets import CHARGED, CONTINUED
from crossbill.platform.billing.due import AT_END, AT_START, ONE_TIME
from crossbill.platform.product.changes import Kind, Plan
from crossbill.platform.product.models import ProductChange

BEGUN = {Kind.QUANTITY, Kind.PRICE, Kind.MOVE, Kind.RESUME}
ENDED = {Kind.QUANTITY, Kind.PRICE, Kind.MOVE, Kind.SUSPEND}


def continued(carrier_id: int, accounts: Sequence[str] | None = None) -> pa.Table:
    """The products of these accounts, or of all of a carrier, that go on after a change."""
    changes = ProductChange.objects.filter(carrier_id=carrier_id)
    if accounts is not None:
        mine = Q(product__account__account_key__in=accounts)
        changes = changes.filter(mine | Q(resulting_product__account__account_key__in=accounts))
    rows = [*_begun(changes), *_ended(changes)]
    return pa.Table.from_pylist(rows, CONTINUED.arrow)


def _begun(changes: "QuerySet[ProductChange]") -> Iterable[dict[str, Any]]:
    """What began by a change that stands."""
    found = changes.filter(kind__in=BEGUN, resulting_product__start_date=F("effective_date"))
    names = ("product_key", "offering__code")
    return _rows(found, [f"resulting_product__{name}" for name in names], AT_START)


def _ended(changes: "QuerySet[ProductChange]") -> Iterable[dict[str, Any]]:
    """What ended by a change that stands: its product ends that day, and what followed is held.

    What was suspended and then cancelled goes on no more.
    """
    follows = Q(resulting_product__end_date__isnull=True) | Q(
        resulting_product__end_date__gt=F("resulting_product__start_date")
    )
    found = changes.filter(kind__in=ENDED, product__end_date=F("effective_date")).filter(follows)
    cancelled = ProductChange.objects.filter(
        product=OuterRef("product"), kind=Kind.CANCEL, id__gt=OuterRef("id")
    )
    found = found.exclude(Exists(cancelled))
    return _rows(found, ["product__product_key", "product__offering__code"], AT_END)


def _rows(
    changes: "QuerySet[ProductChange]", names: list[str], timing: str
) -> Iterable[dict[str, Any]]:
    for key, code, day in changes.values_list(*names, "effective_date").distinct():
        yield {"product_key": key, "offering_code": code, "timing": timing, "day": day}


def with_plan(rows: pa.Table, plan: Plan, new_key: str, codes: dict[str, str]) -> pa.Table:
    """The same after a planned change; ``codes`` has the offering of each product that is held."""
    day, kind, added = plan.wanted.effective_date, plan.wanted.kind, []
    if kind is Kind.CANCEL:
        ended = pc.field("product_key").isin([*plan.ends]) & (pc.field("timing") == AT_END)
        rows = rows.filter(~ended)
    if plan.begins is not None and kind in BEGUN:
        code = plan.begins.terms.offering_code
        added.append((new_key, code, AT_START, day))
    if kind in ENDED:
        added += [(key, codes[key], AT_END, day) for key in plan.ends if key in codes]
    fresh = [dict(zip(CONTINUED.arrow.names, row, strict=True)) for row in added]
    return pa.concat_tables([rows, pa.Table.from_pylist(fresh, CONTINUED.arrow)])


def charged_once(rows: pa.Table, component: pa.Table) -> pa.Table:
    """The dataset ``charged``: one-time prices that do not fall due again for these products."""
    prices: dict[tuple[str, str], list[str]] = {}
    for row in component.to_pylist():
        if row["kind"] == ONE_TIME:
            prices.setdefault((row["offering_code"], row["timing"]), []).append(row["price_code"])
    found = {
        (row["product_key"], code): row["day"]
        for row in rows.to_pylist()
        for code in prices.get((row["offering_code"], row["timing"]), [])
    }
    made = [
        {"product_key": key, "price_code": code, "charged_through": day}
        for (key, code), day in sorted(found.items())
    ]
    return pa.Table.from_pylist(made, CHARGED.arrow)
