"""A share of the line is taken off."""

import ibis.expr.types as ir
from pydantic import Field, field_validator

from crossbill.core.money import NANOS_PER_MAJOR
from crossbill.engine.yaml_file import fault
from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Percent, Written


class Terms(Written):
    """The share."""

    percent: Percent = Field(description="taken off, at most 100")

    @field_validator("percent")
    @classmethod
    def _at_most_all(cls, percent: int) -> int:
        if percent > NANOS_PER_MAJOR:
            raise fault("The discount is more than everything", cure="at most 100")
        return percent


def row(terms: Terms) -> dict[str, int]:
    """The share that remains."""
    return {"numerator": NANOS_PER_MAJOR - terms.percent, "denominator": NANOS_PER_MAJOR}


def adjusted(line: ir.Table) -> ir.Table:
    """The share that remains of the line."""
    return exact.share(line, line.numerator, line.denominator)
