"""A chain of verbs compiled once: what is asked again of other rows costs only its execution.

Building and compiling an Ibis expression takes longer than running it on a few thousand rows, and
a change-over asks the same of every wave. So the chain is built on names and schemas alone, and
what it was compiled to is kept for the next process.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import ParamSpec

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from ibis.expr.datatypes import DataType
from ibis.expr.operations import DatabaseTable, UnboundTable

from crossbill.engine.compiled import Compiled, Statement, functions_of, kept
from crossbill.engine.duckdb import type_of
from crossbill.engine.uncollected import uncollected

Tables = Mapping[str, ir.Table]
Columns = tuple[tuple[str, str], ...]  # names and types
Of = ParamSpec("Of")
ADDRESS = re.compile(r"<[^<>]+ at 0x[0-9a-f]+>")  # how an object writes that only says where it is

# Merging nested selects costs more than all the rest of compiling, and DuckDB does it anyway.
ibis.options.sql.fuse_selects = False


@dataclass(frozen=True)
class Step:
    """A named table, made of inputs and earlier steps.

    One that is not ``stored`` is part of the statements that read it: keeping rows in a table costs
    more than passing them on. One of many rows that is stored may be ``packed``, which takes half
    the time.
    """

    name: str
    make: Callable[[Tables], ir.Table]
    stored: bool = True
    packed: bool = False


@dataclass(frozen=True)
class Made:
    """The expression of a step; what it reads that is stored, it reads by name."""

    name: str
    expression: ir.Table
    stored: bool
    packed: bool


class Calculation:
    """Steps over named inputs, compiled to SQL when they are first run.

    Steps may not use in-memory tables: whatever holds rows is an input. ``made`` has the
    expressions, for another engine than DuckDB to compile.
    """

    def __init__(self, inputs: Mapping[str, ibis.Schema], steps: Sequence[Step]) -> None:
        self.inputs = dict(inputs)
        self._steps = steps
        self._kept_as = ""
        self._sql: Compiled | None = None
        self._turn = threading.Lock()

    def kept_as(self, name: str) -> "Calculation":
        """The same, whose SQL the next process finds under a name that says all it follows from."""
        self._kept_as = name
        return self

    @cached_property
    def made(self) -> list[Made]:
        """The expressions of the steps."""
        tables = {name: _unbound(name, schema) for name, schema in self.inputs.items()}
        found = []
        for step in self._steps:
            expression = step.make(tables)
            packed = step.stored and step.packed
            found.append(Made(step.name, expression, step.stored, packed))
            bound = _unbound(step.name, expression.schema())
            tables[step.name] = bound if step.stored else expression
        return found

    def _compiled(self) -> Compiled:
        """Its SQL, compiled by one caller while others wait for it."""
        with self._turn:
            if self._sql is None:
                name = self._kept_as
                self._sql = kept(name, self._compile) if name else self._compile()
            return self._sql

    def _compile(self) -> Compiled:
        with uncollected():  # a fifth of compiling
            behind = self._behind()
            statements = [
                Statement(
                    made.name,
                    made.stored,
                    made.packed,
                    sorted(behind[made.name]),
                    ibis.to_sql(made.expression, dialect="duckdb"),
                )
                for made in self.made
            ]
            return Compiled(statements, functions_of(made.expression for made in self.made))

    def _behind(self) -> dict[str, frozenset[str]]:
        """The inputs from which each step follows."""
        found = {name: frozenset([name]) for name in self.inputs}
        for made in self.made:
            read = (table.name for table in made.expression.op().find(UnboundTable))
            found[made.name] = frozenset().union(*(found[name] for name in read))
        return found

    def run(
        self, backend: Backend, sources: Tables, *, told: Callable[[str], None] = lambda name: None
    ) -> dict[str, ir.Table]:
        """Execute all steps on these sources; gives the tables of the inputs and the steps.

        ``told`` hears the name of each step when it is done.
        """
        assert set(sources) == set(self.inputs), set(sources) ^ set(self.inputs)
        self.begin(backend, sources, told=told)
        return self._tables(backend)

    def begin(
        self, backend: Backend, sources: Tables, *, told: Callable[[str], None] = lambda name: None
    ) -> list[Statement]:
        """Execute the steps that follow from these sources alone; gives those that are left."""
        for name, table in sources.items():
            missing = set(self.inputs[name]) - set(table.columns)
            assert not missing, f"{name} lacks {missing}"
        _bind(backend, sources)
        for function in self._compiled().functions:
            backend._register_udfs(function.called())  # as Ibis does itself before it executes
        left = []
        for statement in self._compiled().statements:
            if sources.keys() >= set(statement.follows_from):
                backend.raw_sql(statement.sql)
                told(statement.name)
            else:
                left.append(statement)
        return left

    def run_again(self, backend: Backend, changed: Tables) -> None:
        """Execute what follows from some inputs once more where ``run`` was last: they changed.

        All else, and the views, are as they were left. The tables that ``run`` gave hold the new
        rows; asking the engine for them anew would cost a fifth of a small question. The old rows
        go first: beside them the new ones would need a third more memory.
        """
        assert set(changed) <= set(self.inputs), set(changed) - set(self.inputs)
        follow = [
            each
            for each in self._compiled().statements
            if each.stored and not changed.keys().isdisjoint(each.follows_from)
        ]
        for statement in follow:
            backend.raw_sql(f'DROP TABLE IF EXISTS "{statement.held}"')
        for name, table in changed.items():
            _view(backend, name, table)
        for statement in follow:
            backend.raw_sql(statement.sql)

    def _tables(self, backend: Backend) -> dict[str, ir.Table]:
        known = _schemas(backend)
        names = [*self.inputs, *(step.name for step in self._steps)]
        return {
            name: DatabaseTable(name, schema=known[name], source=backend).to_expr()
            for name in names
        }


def compiled_once(build: Callable[Of, Calculation]) -> Callable[Of, Calculation]:
    """The calculation of these arguments, the same one each time, its SQL kept between processes.

    The arguments, as they write themselves, have to say all that the calculation follows from,
    beside the code of this package.
    """
    known: dict[str, Calculation] = {}
    turn = threading.Lock()

    @wraps(build)
    def one(*arguments: Of.args, **named: Of.kwargs) -> Calculation:
        written = f"{build.__module__}.{build.__qualname__}{arguments!r}{sorted(named.items())!r}"
        assert not ADDRESS.search(written), f"an argument does not write what it is: {written}"
        with turn:
            if written not in known:
                known[written] = build(*arguments, **named).kept_as(written)
            return known[written]

    return one


def columns_of(table: ir.Table) -> Columns:
    """A table's columns, as an argument of what is compiled once."""
    return tuple((name, str(kind)) for name, kind in table.schema().items())


def _unbound(name: str, schema: ibis.Schema) -> ir.Table:
    """A table by name; the engine does not say what is never empty, so neither does the schema."""
    types = {column: kind.copy(nullable=True) for column, kind in schema.items()}
    return ibis.table(types, name=name)


def _bind(backend: Backend, sources: Tables) -> None:
    """Give sources the inputs' names, which no result of another calculation may stand before."""
    stored = backend.raw_sql(
        "SELECT table_name FROM duckdb_tables() WHERE temporary "
        "UNION ALL SELECT view_name FROM duckdb_views() WHERE temporary"
    ).fetchall()
    for (name,) in stored:
        assert name not in sources, f"{name} is a result of another calculation on this engine"
    for name, table in sources.items():
        _view(backend, name, table)


def _view(backend: Backend, name: str, table: ir.Table) -> None:
    """What Ibis does to create a view, without asking the engine what it looks like after."""
    backend._register_in_memory_tables(table)
    backend._register_udfs(table)
    backend.raw_sql(f'CREATE OR REPLACE VIEW "{name}" AS {backend.compile(table)}')


def _schemas(backend: Backend) -> dict[str, ibis.Schema]:
    """The schema of every table and view, asked for at once: asking one by one takes longer."""
    rows = backend.raw_sql(
        "SELECT database_name = 'temp', table_name, column_name, data_type, is_nullable "
        "FROM duckdb_columns() WHERE NOT internal ORDER BY 1, table_oid, column_index"
    ).fetchall()
    found: dict[tuple[bool, str], dict[str, DataType]] = {}
    for temporary, table, column, kind, nullable in rows:
        found.setdefault((temporary, table), {})[column] = type_of(kind, nullable=nullable)
    # What is temporary comes last, and stands before what is not.
    return {table: ibis.schema(columns) for (_, table), columns in found.items()}
