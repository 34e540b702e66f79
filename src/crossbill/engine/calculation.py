"""A chain of verbs compiled once: what is asked again of other rows costs only its execution.

Building and compiling an Ibis expression takes longer than running it on a few thousand rows, and
a change-over asks the same of every wave. So the chain is built on names and schemas alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from ibis.expr.operations import ScalarUDF

Tables = Mapping[str, ir.Table]

# Merging nested selects costs more than all the rest of compiling, and DuckDB does it anyway.
ibis.options.sql.fuse_selects = False


@dataclass(frozen=True)
class Step:
    """A named table, made of inputs and earlier steps.

    One that is not ``stored`` is part of the statements that read it: keeping rows in a table costs
    more than passing them on.
    """

    name: str
    make: Callable[[Tables], ir.Table]
    stored: bool = True


@dataclass(frozen=True)
class Made:
    """The expression of a step; what it reads that is stored, it reads by name."""

    name: str
    expression: ir.Table
    stored: bool


class Calculation:
    """Steps over named inputs, compiled to SQL when it is made.

    Steps may not use in-memory tables: whatever holds rows is an input. ``made`` has the
    expressions, for another engine than DuckDB to compile.
    """

    def __init__(self, inputs: Mapping[str, ibis.Schema], steps: Sequence[Step]) -> None:
        self.inputs = dict(inputs)
        self.made: list[Made] = []
        self._statements: list[str] = []
        self._with_functions: list[ir.Table] = []
        tables = {name: _unbound(name, schema) for name, schema in inputs.items()}
        for step in steps:
            expression = step.make(tables)
            if expression.op().find(ScalarUDF):
                self._with_functions.append(expression)
            kind = "TABLE" if step.stored else "VIEW"
            sql = ibis.to_sql(expression, dialect="duckdb")
            self._statements.append(f'CREATE OR REPLACE TEMP {kind} "{step.name}" AS {sql}')
            self.made.append(Made(step.name, expression, step.stored))
            bound = _unbound(step.name, expression.schema())
            tables[step.name] = bound if step.stored else expression

    def run(
        self, backend: Backend, sources: Tables, *, told: Callable[[str], None] = lambda name: None
    ) -> dict[str, ir.Table]:
        """Execute all steps on these sources; gives the tables of the inputs and the steps.

        ``told`` hears the name of each step when it is done.
        """
        assert set(sources) == set(self.inputs), set(sources) ^ set(self.inputs)
        for name, table in sources.items():
            missing = set(self.inputs[name]) - set(table.columns)
            assert not missing, f"{name} lacks {missing}"
            _bind(backend, name, table)
        for expression in self._with_functions:
            backend._register_udfs(expression)  # what Ibis does itself before it executes
        for step, statement in zip(self.made, self._statements, strict=True):
            backend.raw_sql(statement)
            told(step.name)
        return self._tables(backend)

    def run_again(self, backend: Backend, changed: Tables) -> dict[str, ir.Table]:
        """Execute the steps once more where ``run`` was last: some inputs have other rows now.

        The other inputs and the views are as they were left.
        """
        assert set(changed) <= set(self.inputs), set(changed) - set(self.inputs)
        for name, table in changed.items():
            backend.create_view(name, table, overwrite=True)
        for step, statement in zip(self.made, self._statements, strict=True):
            if step.stored:
                backend.raw_sql(statement)
        return self._tables(backend)

    def _tables(self, backend: Backend) -> dict[str, ir.Table]:
        names = [*self.inputs, *(step.name for step in self.made)]
        return {name: backend.table(name) for name in names}


def _unbound(name: str, schema: ibis.Schema) -> ir.Table:
    """A table by name; the engine does not say what is never empty, so neither does the schema."""
    types = {column: kind.copy(nullable=True) for column, kind in schema.items()}
    return ibis.table(types, name=name)


def _bind(backend: Backend, name: str, table: ir.Table) -> None:
    """Give a source the input's name, which no result of another calculation may stand before."""
    stored = backend.raw_sql("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    assert (name,) not in stored, f"{name} is a result of another calculation on this engine"
    backend.create_view(name, table, overwrite=True)
