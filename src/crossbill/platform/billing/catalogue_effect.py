"""What a draft of a catalogue would do to the bills of everybody that a carrier bills now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from crossbill.core.policy import Policy
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.books import book_rows, book_tables
from crossbill.platform.billing.compute import periods
from crossbill.platform.billing.what_if import Effect, what_if
from crossbill.platform.product.catalogue_file import ProductCatalogue
from crossbill.platform.product.catalogue_queries import catalogues_on, published_on


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
    known = catalogues_on(carrier_id, valid_from)
    with connect() as backend, refusing_overflow(), transaction.atomic():
        rows = book_rows(carrier_id)
        before = book_tables(rows, policy, known, asked)
        after = book_tables(rows, policy, in_place_of(known, draft.spec.name, draft), asked)
        effect = what_if(backend, before, after)
    number = published.number if published else None
    return CatalogueEffect(effect, period, policy.policy_code, number)


def in_place_of(
    known: Iterable[ProductCatalogue], name: str, other: ProductCatalogue | None
) -> list[ProductCatalogue]:
    """The catalogues with another version of one of them, or without it."""
    rest = [each for each in known if each.spec.name != name]
    return rest if other is None else [*rest, other]
