"""SQL expressions that people write in a mapping or spec: one scalar, over named columns."""

from collections.abc import Collection
from typing import ClassVar

import sqlglot
from sqlglot import exp

from crossbill.core.refusal import Refusal

# What an expression may be made of; subqueries, table functions, files and settings are refused.
ALLOWED: tuple[type[exp.Expression], ...] = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Case, exp.If,
    exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between, exp.EQ, exp.NEQ, exp.GT, exp.GTE,
    exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Neg, exp.DPipe, exp.Concat,
    exp.Coalesce, exp.Nullif, exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Length,
    exp.Replace, exp.Left, exp.Right, exp.StrPosition, exp.StartsWith, exp.Like, exp.Abs,
    exp.Greatest, exp.Least, exp.Cast, exp.TryCast, exp.DataType, exp.Pad, exp.Date, exp.Interval,
    exp.Var, exp.RegexpReplace, exp.RegexpLike,
)  # fmt: skip
CASTS = {"VARCHAR", "TEXT", "BIGINT", "INT", "INTEGER", "DATE", "BOOLEAN"}


class BadExpression(Refusal):
    """A mapping may not use this expression. Use a scalar expression over the file's columns."""

    code: ClassVar[str] = "BAD_EXPRESSION"


def scalar(sql: str, columns: Collection[str], *, file: str, field: str) -> str:
    """Check one expression; give it back as DuckDB SQL with quoted columns, or refuse it."""
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise BadExpression(
            "The expression cannot be read", file=file, field=field, value=sql, cure=str(error)
        ) from error
    for node in tree.walk():
        _check(node, {name.lower(): name for name in columns}, sql, file, field)
    return tree.sql(dialect="duckdb", identify=True)


def _check(node: sqlglot.Expr, columns: dict[str, str], sql: str, file: str, field: str) -> None:
    if not isinstance(node, ALLOWED):
        raise BadExpression(
            f"{type(node).__name__} is not allowed in an expression",
            file=file,
            field=field,
            value=sql,
            cure="use columns, literals, CASE, comparisons, integer arithmetic and text functions",
        )
    if isinstance(node, exp.Cast) and node.to.sql(dialect="duckdb") not in CASTS:
        raise BadExpression(
            f"A cast to {node.to.sql()} is not exact", file=file, field=field, value=sql,
            cure=f"cast to one of {', '.join(sorted(CASTS))}",
        )  # fmt: skip
    if isinstance(node, exp.Column):
        _check_column(node, columns, sql, file, field)


def _check_column(
    node: exp.Column, columns: dict[str, str], sql: str, file: str, field: str
) -> None:
    known = columns.get(node.name.lower())
    if known is None or node.table:
        raise BadExpression(
            f"There is no column {node.sql()}", file=file, field=field, value=sql,
            cure=f"the columns are {', '.join(columns.values())}",
        )  # fmt: skip
    node.this.replace(exp.to_identifier(known, quoted=True))
