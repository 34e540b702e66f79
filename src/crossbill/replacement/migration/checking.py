"""Applies entry checks: which rows may be taken over, and which are suspended with a reason."""

from functools import partial

import ibis
import ibis.expr.types as ir

from crossbill.engine.calculation import Calculation, Columns, Step, compiled_once
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import CANONICAL
from crossbill.replacement.migration.checks import Check, Tables
from crossbill.replacement.migration.map import PARTS, Mapped, amounts
from crossbill.replacement.migration.usage_checks import COPIES_COME, copies
from crossbill.replacement.migration.validate import KEYS, checks_of, counted


@compiled_once
def checking(entity: str, columns: tuple[tuple[str, Columns], ...]) -> Calculation:
    """The tables that checks read, with their columns -> the parts of ``Mapped`` of one entity.

    The first check that fails is the reason. The rows are held, since what becomes of each is asked
    several times.
    """

    def part(t: Tables, name: str) -> ir.Table:
        found: ir.Table = getattr(_told_apart(entity, t), name)
        return found

    return Calculation(
        {name: ibis.schema(dict(each)) for name, each in columns},
        [
            Step("marked", partial(_marked, entity)),
            *(Step(name, partial(part, name=name), stored=False) for name in parts_of(entity)),
        ],
    )


def parts_of(entity: str) -> list[str]:
    """The parts of ``Mapped`` that `checking` gives: duplicates only where copies come."""
    return [*PARTS, *(["duplicates"] if entity in COPIES_COME else [])]


def _marked(entity: str, tables: Tables) -> ir.Table:
    """The records, each with the number of the first check that fails as its ``fault``."""
    table = counted(entity, tables)
    checks = checks_of(entity, tables)
    marks = [(check.fails.fill_null(True), str(n)) for n, check in enumerate(checks)]
    copy = table.copies_before > 0 if entity in COPIES_COME else ibis.literal(False)
    fault = ibis.cases(*marks, else_=ibis.null("string"))
    return table.mutate(fault=fault, is_copy=copy)


def _told_apart(entity: str, tables: Tables) -> Mapped:
    marked = tables["marked"]
    first = marked.filter(~marked.is_copy)
    bad = first.filter(first.fault.notnull())
    return Mapped(
        rows=first.filter(first.fault.isnull()).select(*_columns(CANONICAL[entity])),
        suspended=_suspended(bad, entity, checks_of(entity, tables)),
        amounts=amounts(marked, CANONICAL[entity]),
        duplicates=copies(marked) if entity in COPIES_COME else None,
    )


def _suspended(bad: ir.Table, entity: str, checks: list[Check]) -> ir.Table:
    """The failing rows in the shape of SUSPENDED, still without their raw bytes."""
    values = [(str(n), bad[check.field].cast("string")) for n, check in enumerate(checks)]
    return bad.select(
        file=bad.source_file,
        line=bad.source_line,
        record_key=bad[KEYS[entity][0]].cast("string"),
        account_key=bad.account_key if "account_key" in bad.columns else ibis.null("string"),
        stage=ibis.literal("validate"),
        code=_by_check(bad, checks, "code"),
        class_code=_by_check(bad, checks, "class_code"),
        field=_by_check(bad, checks, "field"),
        value=bad.fault.cases(*values, else_=ibis.null("string")),
        message=_by_check(bad, checks, "message"),
    )


def _by_check(bad: ir.Table, checks: list[Check], part: str) -> ir.StringValue:
    pairs = [(str(n), str(getattr(check, part))) for n, check in enumerate(checks)]
    return bad.fault.cases(*pairs, else_=ibis.null("string"))


def _columns(dataset: Dataset) -> list[str]:
    return [*(column.name for column in dataset.columns), *LINEAGE_COLUMNS]


LINEAGE_COLUMNS = ("source_file", "source_line")
