"""Vectors of kind rounding: amounts to digits, durations to increments."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossbill.core.money import INT64_MAX
from crossbill.engine import integers
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.rating import exact
from vectors.answers import (
    CANNOT_BE_READ,
    NANOS,
    Answers,
    Semantics,
    Uncovered,
    digits_of,
    fraction,
    reason,
    text,
)

METHODS = {"*up": "up", "*down": "down", "*middle": "half_up"}


def method_of(name: object) -> str:
    """A peer's way of rounding by the engine's name."""
    if name not in METHODS:
        raise Uncovered(f"a way of rounding that the engine has not: {name}")
    return METHODS[str(name)]


def _in_engine(
    row_of: Callable[[dict], dict], result: Callable[[ir.Table], ir.Table], name: str
) -> Semantics:
    """All rows in one query; ``worth`` says how much one of the result is."""

    def answers(vectors: Sequence[dict]) -> Answers:
        found: Answers = {}
        rows = []
        for vector in vectors:
            try:
                rows.append({"id": vector["id"], **row_of(vector["input"])})
            except CANNOT_BE_READ as error:
                found[vector["id"]] = reason(error)
        if rows:
            query = result(ibis.memtable(pa.Table.from_pylist(rows))).select(
                "id", "worth", "result"
            )
            for row in DuckDBBackend().connect().to_pyarrow(query).to_pylist():
                figure = text(Fraction(row["result"], row["worth"]))
                found[row["id"]] = {name: figure}
        return found

    return answers


def _amount(values: dict) -> dict:
    """The value as nanos and parts of one."""
    value, digits = fraction(values["value"]), int(values["decimals"])
    if value < 0:
        raise Uncovered("below zero the peer rounds toward minus infinity; the engine by size")
    if not exact.COARSEST <= digits <= exact.FINEST:
        raise Uncovered("the engine keeps 9 digits before and after the point")
    kept = (value * Fraction(10) ** digits).denominator == 1
    mode = (
        "down" if kept else method_of(values["method"])
    )  # nothing is rounded, however it is called
    nanos = value * NANOS
    whole = int(nanos)
    part = nanos - whole
    if whole > INT64_MAX:
        raise Uncovered("the amount does not fit into 64 bits")
    return {
        "whole_nanos": whole, "part": part.numerator, "parts": part.denominator,
        "mode": mode, "digits": digits, "worth": NANOS,
    }  # fmt: skip


def _rounded(rows: ir.Table) -> ir.Table:
    return exact.with_rounded(rows, rows.mode, rows.digits).rename(result="rounded_nanos")


def _duration(values: dict) -> dict:
    """Duration and increment in the smallest unit that occurs."""
    duration, increment = values["duration_s"], values["increment_s"]
    scale = 10 ** digits_of(duration, increment)
    if fraction(duration) < 0 or fraction(increment) <= 0:
        raise Uncovered("a duration below zero, or an increment of nothing")
    sizes = {"duration": duration, "increment": increment}
    counted = {name: int(fraction(size) * scale) for name, size in sizes.items()}
    if max(counted.values()) > INT64_MAX:
        raise Uncovered("the duration does not fit into 64 bits")
    return counted | {"worth": scale}


def _raised(rows: ir.Table) -> ir.Table:
    return rows.mutate(result=integers.ceil_div(rows.duration, rows.increment) * rows.increment)


SEMANTICS: dict[str, Semantics] = {
    "cgr_round": _in_engine(_amount, _rounded, "result"),
    "ceil_to_increment": _in_engine(_duration, _raised, "result_s"),
}
