"""Why records differ: what the causes look at that need more than the two values of a field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import ibis.expr.types as ir

from crossbill.core import plugins

CAUSES = "crossbill.replacement.reconciliation.record_causes"


@dataclass(frozen=True)
class Records:
    """The differing records, and both sides as a whole.

    ``differences`` are DIFFERENCES; ``old`` and ``new`` have the compared canonical tables by name.
    """

    differences: ir.Table
    old: Mapping[str, ir.Table]
    new: Mapping[str, ir.Table]


class RecordCause(Protocol):
    """A cause names its class, its place in the order, and the tables that it looks at.

    ``explain`` gives IDENTITY and ``evidence`` for the differences that it explains.
    """

    CODE: str
    PRECEDENCE: int
    NEEDS: tuple[str, ...]

    def explain(self, records: Records) -> ir.Table:
        """Those differences that have this cause, each with the numbers that show it."""
        ...


@dataclass(frozen=True)
class OfRecords:
    """A record cause as a cause of differences: it knows what lies around them."""

    cause: RecordCause
    old: Mapping[str, ir.Table]
    new: Mapping[str, ir.Table]

    @property
    def CODE(self) -> str:  # noqa: N802 - the name by which all causes state their class
        """Its class."""
        return self.cause.CODE

    def explain(self, differences: ir.Table) -> ir.Table:
        """What the cause explains of them."""
        return self.cause.explain(Records(differences, self.old, self.new))


def record_causes(tables: Sequence[str]) -> list[RecordCause]:
    """The causes that these tables suffice for, in the order in which they are asked."""
    found = [cast(RecordCause, module) for module in plugins.load(CAUSES).values()]
    return sorted(
        (cause for cause in found if set(cause.NEEDS) <= set(tables)),
        key=lambda cause: cause.PRECEDENCE,
    )
