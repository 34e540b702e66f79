"""Units are sold in blocks whose size and price depend on the tier; a block that is begun is whole.

With ``all_tiers`` each tier sells so many blocks before the next begins; with ``top_tier`` the tier
in which the quantity ends sells all of it, from the first unit on.
"""

from itertools import accumulate
from typing import Literal

import ibis
import ibis.expr.types as ir
from pydantic import Field, model_validator

from crossbill.core.money import INT64_MAX
from crossbill.engine import integers
from crossbill.engine.yaml_file import fault
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, PriceTerms, Quantity, Written
from crossbill.platform.rating.tiers import highest, tiered, within


class Tier(Written):
    """Blocks of one size."""

    size: Quantity = Field(gt=0, description="units in a block")
    price: Money = Field(description="of a block")
    blocks: int | None = Field(
        None, strict=True, ge=1, le=10**9, description="in the tier; none for the last, without end"
    )


class Terms(PriceTerms):
    """Tiers in the order in which they are filled."""

    tiers: tuple[Tier, ...] = Field(min_length=1, description="in the order of filling")
    charged: Literal["all_tiers", "top_tier"] = Field(
        "all_tiers",
        description="what each tier sells: its own part, or everything if it is reached",
    )

    @model_validator(mode="after")
    def _last_has_no_end(self) -> "Terms":
        ended = [tier.blocks is not None for tier in self.tiers]
        if ended != [True] * (len(ended) - 1) + [False]:
            raise fault(
                "Every tier but the last needs a number of blocks, and the last has none",
                within=["tiers"], cure="leave blocks out of the last tier only",
            )  # fmt: skip
        return self


def tiers(terms: Terms) -> list[dict[str, int | bool]]:
    """A row for each tier; it holds so many blocks."""
    sizes = [terms.base(tier.size) for tier in terms.tiers]
    held = [size * (tier.blocks or 0) for size, tier in zip(sizes, terms.tiers, strict=True)]
    ends = [*accumulate(held[:-1]), INT64_MAX]
    if ends[-1] <= max(ends[:-1], default=0):
        raise fault("The tiers are absurdly large", within=["tiers"], cure="sell fewer blocks")
    return [
        {
            "from_quantity": start, "to_quantity": end, "block": size, "price_nanos": tier.price,
            "whole_quantity": terms.charged == "top_tier",
        }
        for start, end, size, tier in zip([0, *ends[:-1]], ends, sizes, terms.tiers, strict=True)
    ]  # fmt: skip


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """Blocks that are begun, times their price, in each tier or in the highest."""
    rows = tiered(line, tier)
    top = ibis.ifelse(highest(rows, rows.quantity), rows.quantity, 0)
    charged = ibis.ifelse(rows.whole_quantity, top, within(rows, rows.quantity))
    rows = rows.mutate(charged=charged)
    cost = integers.ceil_div(rows.charged, rows.block) * rows.price_nanos
    return exact.summed(exact.nanos(rows, cost), line)
