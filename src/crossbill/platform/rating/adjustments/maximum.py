"""The lines of a period cost at most so much; a line that would pass it costs only what is left."""

import ibis
import ibis.expr.types as ir
from pydantic import Field

from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, Written


class Terms(Written):
    """The highest amount."""

    amount: Money = Field(description="of all lines of a period together")


def row(terms: Terms) -> dict[str, int]:
    """The amount."""
    return {"amount_nanos": terms.amount}


def adjusted(line: ir.Table) -> ir.Table:
    """What is left after the earlier lines, or the line where it is less."""
    left = ibis.greatest(line.amount_nanos - line.earlier_nanos, 0)
    return exact.at_most(line, left)
