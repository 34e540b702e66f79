"""What a draft of a catalogue would do to the bills of everybody that a carrier bills now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.db import transaction

from crossbill.core.policy import Policy
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.books import book_tables
from crossbill.platform.billing.compute import periods
from crossbill.platform.billing.what_if import Effect, what_if
from crossbill.platform.product.catalogue_file import ProductCatalogue
from crossbill.platform.product.catalogue_queries import catalogue_of, published_on


@dataclass(frozen=True)
class CatalogueEffect:
    """An effect, and what was compared: a period's bills, by which policy, with which version.

    ``version`` is the published one that the draft would follow; none: the books' own prices.
    """

    effect: Effect
    period: str
    policy_code: str
    version: int | None

    def document(self) -> dict[str, Any]:
        """The effect as JSON, to be kept with the draft."""
        compared = {
            "period": self.period,
            "policy_code": self.policy_code,
            "compared_with": self.version,
        }
        return compared | self.effect.document()


def catalogue_effect(
    *,
    carrier_id: int,
    draft: ProductCatalogue,
    valid_from: date,
    policy: Policy,
    period: str,
) -> CatalogueEffect:
    """Bill a period twice: by what is in force on the draft's first day, and by the draft."""
    asked = periods(period)
    published = published_on(carrier_id, draft.spec.name, valid_from)
    with connect() as backend, refusing_overflow(), transaction.atomic():
        books = book_tables(carrier_id, policy)
        books["periods"] = ibis.memtable(asked)
        known = catalogue_of(published).tables() if published else {}
        before, after = by_catalogue(books, known), by_catalogue(books, draft.tables())
        effect = what_if(backend, before, after)
    number = published.number if published else None
    return CatalogueEffect(effect, period, policy.policy_code, number)


def by_catalogue(
    books: Mapping[str, ir.Table], known: Mapping[str, pa.Table]
) -> dict[str, ir.Table]:
    """The books with the prices, components and tax rates of a catalogue instead of their own."""
    return dict(books) | {name: ibis.memtable(rows) for name, rows in known.items()}
