"""The default engine: Ibis on DuckDB in memory, with bounded memory and without extensions."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.datatypes import DataType
from ibis.expr.operations import DatabaseTable

from crossbill.config.environment import read_environment
from crossbill.engine.allocation import return_large_blocks
from crossbill.engine.duckdb_backend import DuckDBBackend, DuckDBTypes

SPILL = "engine-"
EXPRESSIONS = ("common_subexpressions",)  # parts of DuckDB's optimizer
JOINS = ("join_order", "build_side_probe_side")
return_large_blocks()


@contextmanager
def connect(  # noqa: PLR0913 - what an engine may be told
    *,
    memory: str | None = None,
    threads: int | None = None,
    temp_dir: Path | None = None,
    sealed_to: Sequence[Path] | None = None,
    as_written: bool = False,
    joins_as_written: bool = False,
    kept_memory: str | None = None,
) -> Iterator[Backend]:
    """An engine of its own for the `with` block; what exceeds its memory spills to a folder.

    ``sealed_to`` is for work that evaluates SQL expressions which a person wrote (a mapping): the
    engine then reads and writes only below these folders, and its settings cannot be changed, so
    an expression that names another file, the network or an extension fails. It can still do all
    that SQL can with the tables it is given; that it is one expression and no statement is for the
    caller to check. Object stores other than folders are read before sealing, with `Store.read`.

    ``as_written`` leaves such expressions whole: DuckDB would take a part that occurs twice out of
    its `TRY`, and the error with it. ``joins_as_written`` leaves joins so: of two tables the second
    is the one that is held to be looked up. DuckDB guesses sizes badly behind several joins, and
    then holds millions of events to look a hundred rates up in them. So much ``kept_memory`` of its
    own is not given back before the engine ends: to fetch it again and again costs a tenth of work
    that is one large statement after the other.
    """
    environment = read_environment()
    parent = temp_dir or environment.folder("tmp")
    with _spill_folder(parent) as spill:
        backend = DuckDBBackend().connect(
            memory_limit=memory or environment.engine_memory,
            threads=threads or environment.engine_threads,
            temp_directory=spill,
            preserve_insertion_order=True,
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
        )
        try:
            backend.raw_sql("SET enable_progress_bar = false")  # it would stand among our output
            backend.raw_sql("SET TimeZone = 'UTC'")  # an instant is one, wherever the machine is
            alone = (EXPRESSIONS if as_written else ()) + (JOINS if joins_as_written else ())
            backend.raw_sql(f"SET disabled_optimizers = '{','.join(alone)}'")
            if kept_memory is not None:
                backend.raw_sql(f"SET block_allocator_memory = '{kept_memory}'")
            if sealed_to is not None:
                _seal(backend, sealed_to)
            yield backend
        finally:
            backend.disconnect()


def stored_rows(backend: Backend, name: str, /, **wanted: object) -> list[dict[str, Any]]:
    """Rows of a table or view with these values; to build an expression for it takes longer."""
    where = " AND ".join(f'"{column}" = ?' for column in wanted) or "true"
    query = f'SELECT * FROM "{name}" WHERE {where}'  # noqa: S608 - names of ours, values bound
    answer = backend.con.sql(query, params=[*wanted.values()]).to_arrow_table()
    found: list[dict[str, Any]] = answer.to_pylist()
    return found


def store_rows(backend: Backend, name: str, rows: pa.Table) -> ir.Table:
    """Rows in a table of the engine, as Ibis makes one, without asking what it looks like after."""
    given = backend.con.register("rows", rows)
    given.execute(f'CREATE OR REPLACE TABLE "{name}" AS FROM "rows"')
    given.unregister("rows")
    schema = ibis.Schema.from_pyarrow(rows.schema)
    return DatabaseTable(name, schema=schema, source=backend).to_expr()


def read_parquet(backend: Backend, paths: Sequence[str]) -> ir.Table:
    """The rows of Parquet files, one after the other, as an expression that reads late.

    Ibis asks the engine three times what is in them, which takes three times as long.
    """
    rows = backend.con.read_parquet(list(paths))
    name = ibis.util.gen_name("read_parquet")
    rows.create_view(name)
    kinds = zip(rows.columns, rows.types, strict=True)
    schema = ibis.schema({column: type_of(str(kind), nullable=True) for column, kind in kinds})
    return DatabaseTable(name, schema=schema, source=backend).to_expr()


@cache
def type_of(kind: str, *, nullable: bool) -> DataType:
    """The engine's type as Ibis says it."""
    return DuckDBTypes.from_string(kind, nullable=nullable)


@contextmanager
def _spill_folder(parent: Path) -> Iterator[str]:
    """A folder of our own, locked while it lives; those of killed processes are taken away."""
    with _locked_folder(parent):  # so that nobody takes a folder that is made but not yet locked
        for leftover in parent.glob(f"{SPILL}*"):
            if _is_left(leftover):
                shutil.rmtree(leftover, ignore_errors=True)
        folder = mkdtemp(prefix=SPILL, dir=parent)
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_left(folder: Path) -> bool:
    """Whether nobody holds the lock of a spill folder: the kernel drops it when its owner dies."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False  # its owner has just finished
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _seal(backend: Backend, folders: Sequence[Path]) -> None:
    """Shut the engine in: these folders and nothing else, for good."""
    settings = backend.settings
    settings["allowed_directories"] = [str(folder.absolute()) for folder in folders]
    settings["enable_external_access"] = False
    settings["lock_configuration"] = True
