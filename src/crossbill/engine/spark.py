"""Spark as an engine: the calculations of DuckDB, compiled for it from the same expressions.

What the two engines call or do differently is declared here and nowhere else. A sum that passes 64
bits stops Spark, where DuckDB adds in 128: never a wrong amount, but an earlier refusal. pyspark is
an optional part of the installation: ``make spark``.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from sqlglot import exp

from crossbill.core.refusal import Refusal
from crossbill.engine.calculation import Calculation
from crossbill.engine.integers import AmountOverflow

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOCAL = "local[*]"
SETTINGS = {
    "spark.sql.ansi.enabled": "true",  # what does not fit is an error, never wrapped or empty
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # an instant is UTC, without a zone of its own
}
LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
OVERFLOWS = {"ARITHMETIC_OVERFLOW", "CAST_OVERFLOW", "NUMERIC_VALUE_OUT_OF_RANGE"}


class NoSpark(Refusal):
    """Spark cannot be reached or is not installed. Install Java and run make spark."""

    code: ClassVar[str] = "NO_SPARK"


@contextmanager
def connect(url: str = LOCAL, *, memory: str = "2g") -> Iterator["SparkSession"]:
    """A session for the `with` block: ``sc://host:15002`` is a cluster, ``local[*]`` this machine.

    ``memory`` is that of Spark on this machine; a cluster has its own.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise NoSpark("pyspark is not installed", cure="run make spark") from error
    builder = SparkSession.builder.appName("crossbill")
    if url.startswith("sc://"):
        builder = builder.remote(url)
    else:
        own = LOCAL_SETTINGS | {"spark.driver.memory": memory}
        builder = builder.master(url).config(map=own)
    try:
        session = builder.config(map=SETTINGS).getOrCreate()
    except Exception as error:
        raise NoSpark(
            f"Spark cannot be reached: {str(error).splitlines()[0]}", field="spark", value=url,
            cure="start Spark Connect there, or install Java to run it on this machine",
        ) from error  # fmt: skip
    try:
        yield session
    finally:
        session.stop()


def run(
    calculation: Calculation, session: "SparkSession", sources: Mapping[str, "DataFrame"]
) -> dict[str, "DataFrame"]:
    """Execute all steps on these sources; gives the tables of the inputs and the steps."""
    assert set(sources) == set(calculation.inputs), set(sources) ^ set(calculation.inputs)
    tables = dict(sources)
    for name, frame in sources.items():
        frame.createOrReplaceTempView(name)
    for step in calculation.made:
        rows = session.sql(statement(step.expression))
        # Kept as it is now: a lost part of it fails the job instead of being worked out anew.
        tables[step.name] = rows.localCheckpoint() if step.stored else rows
        tables[step.name].createOrReplaceTempView(step.name)
    return tables


def load(session: "SparkSession", rows: pa.Table) -> "DataFrame":
    """A table of this process as one of Spark's."""
    return session.createDataFrame(rows)


def fetch(session: "SparkSession", expression: ir.Table) -> pa.Table:
    """The rows of an expression over tables that the session knows by name."""
    rows: pa.Table = session.sql(statement(expression)).toArrow()
    return rows


def schema_of(frame: "DataFrame") -> ibis.Schema:
    """The columns of a table of Spark's."""
    return ibis.Schema.from_pyarrow(frame.limit(0).toArrow().schema)


def named(session: "SparkSession", name: str) -> ir.Table:
    """A table that the session knows by name, to ask of."""
    return ibis.table(schema_of(session.table(name)), name=name)


@contextmanager
def refusing_overflow() -> Iterator[None]:
    """Word Spark's overflow for people, as ``integers.refusing_overflow`` does DuckDB's."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        if error.getCondition() not in OVERFLOWS:
            raise
        raise AmountOverflow(
            str(error).splitlines()[0],
            cure="look for an absurd price, quantity or rate in the input",
        ) from error


def statement(expression: ir.Table) -> str:
    """The expression as Spark's SQL, its columns in the types that the expression says."""
    compiler = PySparkCompiler()
    tree = compiler.to_sqlglot(expression).copy()  # parts that it shares become two
    for node in reversed(list(tree.walk())):  # what is within another is translated before it
        translate = TRANSLATED.get(type(node))
        translated = translate(node) if translate else None
        if translated is not None:
            node.replace(translated)
    columns = [
        exp.alias_(exp.cast(exp.column(name, quoted=True), kind), name, quoted=True)
        for name, given in expression.schema().items()
        for kind in [compiler.type_mapper.from_ibis(given)]
    ]
    return exp.select(*columns).from_(tree.subquery("typed")).sql(dialect="spark")


def _divide(numerator: sqlglot.Expr, divisor: sqlglot.Expr) -> sqlglot.Expr:
    whole = exp.IntDiv(this=exp.paren(numerator), expression=exp.paren(divisor))
    return exp.paren(whole, copy=False)


def _epoch_us(instant: sqlglot.Expr) -> sqlglot.Expr:
    return exp.func("unix_micros", exp.cast(instant, exp.DataType.Type.TIMESTAMPLTZ))


def _make_timestamp(microseconds: sqlglot.Expr) -> sqlglot.Expr:
    instant = exp.func("timestamp_micros", microseconds)
    return exp.cast(instant, exp.DataType.Type.TIMESTAMPNTZ)


# DuckDB's functions, which the expressions call by name, and what Spark calls them.
FUNCTIONS: dict[str, Callable[..., sqlglot.Expr]] = {
    "divide": _divide,
    "epoch_us": _epoch_us,
    "error": lambda message: exp.func("raise_error", message),
}
UNWRITABLE = {"\v", "\f"}  # Spark's SQL reads their escapes as letters


def _function(node: sqlglot.Expr) -> sqlglot.Expr | None:
    translated = FUNCTIONS.get(node.this)
    return translated(*node.expressions) if translated else None


def _window(node: sqlglot.Expr) -> sqlglot.Expr | None:
    in_any_order = not (node.args["partition_by"] or node.args["order"])
    numbers = isinstance(node.this, exp.RowNumber) and in_any_order
    return exp.func("monotonically_increasing_id") if numbers else None


def _instant(node: sqlglot.Expr) -> sqlglot.Expr:
    """As the compiler reads ``make_timestamp``."""
    return _make_timestamp(*(value for value in node.args.values() if value is not None))


def _text(node: sqlglot.Expr) -> sqlglot.Expr | None:
    if not (node.is_string and UNWRITABLE & {*node.this}):
        return None
    signs = exp.Literal.string(node.this.encode().hex())
    return exp.cast(exp.func("unhex", signs), "string")


def _replacement(node: sqlglot.Expr) -> sqlglot.Expr | None:
    """What was found is called ``\\1`` here and ``$1`` there."""
    text = node.args["replacement"].this
    if "\\" not in text:
        return None
    written = node.copy()
    written.set("replacement", exp.Literal.string(re.sub(r"\\(\d)", r"$\1", text)))
    return written


# What Spark writes in another way; nothing is given for what both write alike.
TRANSLATED: dict[type[sqlglot.Expr], Callable[[sqlglot.Expr], sqlglot.Expr | None]] = {
    exp.Anonymous: _function,
    exp.Window: _window,
    exp.TimestampFromParts: _instant,
    exp.Literal: _text,
    exp.RegexpReplace: _replacement,
    exp.BitwiseRightShift: lambda node: exp.func(
        "shiftright", node.this, exp.cast(node.expression, "int")
    ),
    # Of a whole number it is one here, and there a double.
    exp.Sign: lambda node: exp.cast(exp.func("signum", node.this), "bigint"),
}
