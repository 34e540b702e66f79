"""Why things differ: each difference gets the class of the first cause that explains it."""

from collections.abc import Sequence
from types import ModuleType
from typing import Protocol, cast

import ibis
import ibis.expr.types as ir

from crossbill.core import plugins

UNEXPLAINED = "UNEXPLAINED"
IDENTITY = ("entity", "account_key", "record_key", "field")
CAUSES = "crossbill.replacement.reconciliation.causes"


class Cause(Protocol):
    """A cause names its class and explains those differences that have it, with the evidence.

    ``explain`` takes DIFFERENCES and returns IDENTITY and ``evidence`` for those that it explains.
    """

    CODE: str

    def explain(self, differences: ibis.Table) -> ibis.Table:
        """Those differences that have this cause, each with the numbers that show it."""
        ...


def field_causes() -> list[Cause]:
    """The causes that need nothing but the two values, in the order in which they are asked."""
    found = [m for m in plugins.load(CAUSES).values() if hasattr(m, "PRECEDENCE")]
    return [cast(Cause, module) for module in sorted(found, key=_precedence)]


def _precedence(module: ModuleType) -> int:
    precedence: int = module.PRECEDENCE
    return precedence


def classify(differences: ibis.Table, causes: Sequence[Cause]) -> ibis.Table:
    """Differences -> the same rows with ``class_code`` and ``evidence``, first fitting cause first.

    What no cause explains is UNEXPLAINED and shows both values. Give it stored differences: each
    cause reads them.
    """
    if not causes:
        return _named(differences, ibis.literal(UNEXPLAINED), _both_values(differences))
    explained = ibis.union(*(_ranked(differences, c, rank) for rank, c in enumerate(causes)))
    first = explained.group_by(*IDENTITY).aggregate(
        class__=explained.class__.argmin(explained.rank__),
        evidence__=explained.evidence__.argmin(explained.rank__),
    )
    same = [differences[name].identical_to(first[name]) for name in IDENTITY]
    joined = differences.left_join(first, same, rname="{name}__first")
    evidence = ibis.coalesce(joined.evidence__, _both_values(joined))
    return _named(joined, joined.class__.fill_null(UNEXPLAINED), evidence).select(
        *differences.columns, "class_code", "evidence"
    )


def explained(differences: ibis.Table, where: ir.BooleanValue, evidence: ir.Value) -> ibis.Table:
    """What a cause returns: the differences where the condition holds, with their evidence."""
    return differences.filter(where.fill_null(False)).select(*IDENTITY, evidence=evidence)


def _ranked(differences: ibis.Table, cause: Cause, rank: int) -> ibis.Table:
    """What one cause explains, with its place in the order."""
    rows = cause.explain(differences)
    return rows.select(
        *IDENTITY,
        class__=ibis.literal(cause.CODE),
        evidence__=rows.evidence.cast("string"),
        rank__=ibis.literal(rank, "int64"),
    )


def _named(rows: ibis.Table, class_code: ir.Value, evidence: ir.Value) -> ibis.Table:
    return rows.mutate(class_code=class_code, evidence=evidence)


def _both_values(rows: ibis.Table) -> ir.Value:
    """What stands on both sides, for a difference that nothing explains."""
    left, right = (rows[f"{side}_value"].fill_null("nothing") for side in ("left", "right"))
    shown = ibis.literal("left ") + left + ibis.literal(", right ") + right
    return ibis.cases(
        (rows.kind == "missing", ibis.literal("the record stands on the left side only")),
        (rows.kind == "extra", ibis.literal("the record stands on the right side only")),
        else_=shown,
    )
