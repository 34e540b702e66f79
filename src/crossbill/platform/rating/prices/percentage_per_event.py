"""Each event costs a share of the money that it moved and a fixed amount, within limits.

The quantity of an event is an amount of money, in units of the currency. The first units are free,
or where none are, the first events; an event that is not wholly free costs at least the minimum and
at most the maximum.
"""

from typing import Self

import ibis
import ibis.expr.types as ir
from pydantic import Field, model_validator

from crossbill.core.money import INT64_MAX
from crossbill.engine.yaml_file import fault
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, Percent, PriceTerms, Quantity
from crossbill.platform.rating.tiers import in_order


class Terms(PriceTerms):
    """The rate of an event, its limits, and what is free."""

    percent: Percent = Field(description="of what the event moved")
    fixed: Money = Field(0, description="for each event that is not free")
    minimum: Money = Field(0, description="an event costs no less")
    maximum: Money | None = Field(None, description="an event costs no more")
    free_events: int | None = Field(None, strict=True, ge=1, description="so many events are free")
    free_units: Quantity | None = Field(None, gt=0, description="so many units are free")

    @model_validator(mode="after")
    def _limits_agree(self) -> Self:
        if self.maximum is not None and self.minimum > self.maximum:
            cure = "write a maximum that is at least the minimum"
            raise fault("The maximum is below the minimum", within=["maximum"], cure=cure)
        return self


def tiers(terms: Terms) -> list[dict[str, int]]:
    """One tier without end."""
    free = 0 if terms.free_units is None else terms.base(terms.free_units)
    return [
        {
            "price_nanos": terms.percent, "unit": terms.unit, "event_nanos": terms.fixed,
            "event_minimum_nanos": terms.minimum,
            "event_maximum_nanos": INT64_MAX if terms.maximum is None else terms.maximum,
            "free_quantity": free, "free_events": 0 if free else terms.free_events or 0,
        }
    ]  # fmt: skip


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """The sum of what the events cost."""
    rows = in_order(line, event, tier)
    rows = rows.mutate(left=ibis.greatest(rows.free_quantity - rows.before, 0))
    charged = rows.filter(~((rows.left > rows.quantity) | (rows.position < rows.free_events)))
    moved = charged.quantity - charged.left
    cost = exact.priced(charged, moved, charged.price_nanos, charged.unit)
    fixed = exact.raised(cost, cost.event_nanos)
    enough = exact.at_least(fixed, fixed.event_minimum_nanos)
    return exact.summed(exact.at_most(enough, enough.event_maximum_nanos), line)
