"""Each unit costs what its tier says for the share of the period in which it was held.

Events add units and take them away. The full units move the running total through the tiers; what
is charged in each tier is the event's prorated quantity, in proportion to the units that move
there, in whole base units. The flat amounts of all tiers that the running total ever entered are
due. Units below zero lie in the first tier; a line costs no less than nothing.
"""

from typing import Annotated

import ibis
import ibis.expr.types as ir
from pydantic import Field

from crossbill.engine import integers
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Ascending, Money, PriceTerms, UpTo, bounds
from crossbill.platform.rating.tiers import entered, highest, tiered


class Tier(UpTo):
    """Prices up to a number of units held."""

    price: Money = Field(0, description="for each unit that is held for the whole period")
    flat: Money = Field(0, description="once, as soon as the tier is entered")


class Terms(PriceTerms):
    """Tiers in ascending order."""

    tiers: Annotated[tuple[Tier, ...], *Ascending] = Field(description="in ascending order")


def tiers(terms: Terms) -> list[dict[str, int]]:
    """A row for each tier."""
    return [
        {"flat_nanos": tier.flat, "price_nanos": tier.price, "unit": terms.unit, **bound}
        for tier, bound in zip(terms.tiers, bounds(terms, terms.tiers), strict=True)
    ]


def amounts(line: ir.Table, event: ir.Table, tier: ir.Table) -> ir.Table:
    """The prorated quantities in each tier times its price, and the flat amounts."""
    moved = _moved(line, event)
    moving = exact.summed(_moving(moved, tier), line)
    peaks = line.left_join(
        moved.group_by("line_key").aggregate(
            peak=moved.after.max(), held=integers.sum_int64(moved.selecting_quantity)
        ),
        "line_key",
    ).drop("line_key_right")
    flats = _flats(peaks, tier)
    rows = moving.inner_join(flats, "line_key")
    due = exact.at_least(rows, ibis.literal(0, "int64"))
    cost = exact.raised(due, due.flat_nanos)
    return cost.mutate(
        whole_nanos=ibis.ifelse(cost.held < 0, 0, cost.whole_nanos),
        part=ibis.ifelse(cost.held < 0, 0, cost.part),
    )


def _moved(line: ir.Table, event: ir.Table) -> ir.Table:
    """The events with the full units before and after each."""
    rows = event.inner_join(line.select("line_key", "terms_key"), "line_key")
    so_far = ibis.window(
        group_by=rows.line_key, order_by=rows.position, preceding=None, following=0
    )
    after = rows.selecting_quantity.sum().over(so_far).cast(integers.TOTAL).cast("int64")
    return rows.mutate(after=after, before=after - rows.selecting_quantity)


def _moving(moved: ir.Table, tier: ir.Table) -> ir.Table:
    """What each event costs in each tier that it moves through; taking units away costs less."""
    rows = moved.inner_join(tier, "terms_key")
    bottom = ibis.ifelse(rows.tier == 0, ibis.least(rows.before, rows.after, 0), rows.from_quantity)
    rows = rows.mutate(bottom=bottom, size=rows.selecting_quantity.abs())

    def way_to(units: ir.IntegerValue) -> ir.IntegerValue:
        """How far the event goes until the total has that many units, or leaves the tier."""
        at = ibis.least(ibis.greatest(units, rows.bottom), rows.to_quantity)
        return ibis.least((at - rows.before).abs(), rows.size)

    rows = rows.mutate(way_in=way_to(rows.before), way_out=way_to(rows.after))
    whole_way = ibis.greatest(rows.size, 1)
    moving = integers.mul_div(rows.quantity, rows.way_out, whole_way) - integers.mul_div(
        rows.quantity, rows.way_in, whole_way
    )
    resting = ibis.ifelse(highest(rows, ibis.greatest(rows.before, 0)), rows.quantity, 0)
    rows = rows.mutate(charged=ibis.ifelse(rows.size == 0, resting, moving))
    return exact.priced(rows, rows.charged, rows.price_nanos, rows.unit)


def _flats(peaks: ir.Table, tier: ir.Table) -> ir.Table:
    """The flat amounts of the tiers that each line has entered, and what it holds in the end."""
    rows = tiered(peaks, tier)
    reached = rows.peak.fill_null(0)
    due = rows.mutate(due=ibis.ifelse(entered(rows, reached), rows.flat_nanos, 0))
    return due.group_by("line_key").aggregate(
        flat_nanos=integers.sum_int64(due.due), held=due.held.max().fill_null(0)
    )
