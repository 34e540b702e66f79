"""A calculation asked of a few rows again and again: its steps as one statement, planned once.

To plan the statements of a long chain takes an engine longer than to run them on one row, and so
does keeping a table for each step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.calculation import Calculation
from crossbill.engine.compiled import Statement
from crossbill.engine.duckdb import store_rows

Rows = list[dict[str, Any]]
GIVEN = "given_"  # before an input's name: where the statement reads the rows that change


class Planned:
    """A calculation on inputs that stay and others that change, planned on an engine of its own.

    What follows from the former alone is worked out here, once. Steps stay what they are: those
    that ``run`` would store, the statement works out once for all that read them. Nothing else may
    make tables on the engine, or each question is planned anew.
    """

    def __init__(
        self,
        backend: Backend,
        calculation: Calculation,
        stay: Mapping[str, pa.Table],
        change: Mapping[str, pa.Schema],
        asked: Sequence[str],
    ) -> None:
        """``asked`` names the inputs and steps that follow from what changes and are wanted."""
        inputs = stay.keys() | change.keys()
        assert inputs == calculation.inputs.keys(), inputs ^ calculation.inputs.keys()
        self._backend, self._asked = backend, asked
        sources = {name: store_rows(backend, f"stay_{name}", rows) for name, rows in stay.items()}
        left = calculation.begin(backend, sources)
        self._given = {name: _Given(schema) for name, schema in change.items()}
        for name, given in self._given.items():
            backend.con.register(GIVEN + name, given)
        backend.raw_sql(f"PREPARE planned AS {_one_statement(change, left, asked)}")

    def rows(self, changed: Mapping[str, pa.Table]) -> dict[str, Rows]:
        """The rows of all that is asked, where the inputs that change have these rows."""
        for name, given in self._given.items():
            given.rows = changed[name].cast(given.rows.schema)
        found = self._backend.con.execute("EXECUTE planned").fetchall()[0]
        return {name: rows or [] for name, rows in zip(self._asked, found, strict=True)}


class _Given:
    """Rows that the engine reads anew each time, so that others can take their place.

    The plan stays right: of such rows DuckDB has no statistics that it could plan by.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = schema.empty_table()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as any reader of Arrow takes them."""
        capsule: object = self.rows.__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call] # Arrow's own
        return capsule


def _one_statement(
    inputs: Mapping[str, pa.Schema], left: Sequence[Statement], asked: Sequence[str]
) -> str:
    """All steps, and one row with a list of rows for each name that is asked."""
    given = [f'"{name}" AS MATERIALIZED (FROM "{GIVEN}{name}")' for name in inputs]
    steps = [f'"{each.name}" AS {_kept(each)} ({each.select})' for each in left]
    lists = [f'(SELECT list(one) FROM "{name}" AS one)' for name in asked]  # noqa: S608 - our names
    return f"WITH {', '.join(given + steps)} SELECT {', '.join(lists)}"


def _kept(statement: Statement) -> str:
    return "MATERIALIZED" if statement.stored else "NOT MATERIALIZED"
