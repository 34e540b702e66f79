"""The lines of a period cost at least so much; what is missing is added to the last one."""

import ibis.expr.types as ir
from pydantic import Field

from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, Written


class Terms(Written):
    """The least amount."""

    amount: Money = Field(description="of all lines of a period together")


def row(terms: Terms) -> dict[str, int]:
    """The amount."""
    return {"amount_nanos": terms.amount}


def adjusted(line: ir.Table) -> ir.Table:
    """The last line tops up what it and the earlier ones cost."""
    last = line.filter(line.last_line)
    topped = exact.at_least(last, last.amount_nanos - last.earlier_nanos)
    return topped.union(line.filter(~line.last_line))
