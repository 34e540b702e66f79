"""Amounts that follow from several columns of a row: ``total - balance``, exactly, as text.

A formula holds columns, numbers, ``+``, ``-``, ``*``, parentheses and ``rounded()``. Each column is
read as the field says. The result is decimal text, so that a field is read from a formula as it
is from a column: what cannot be calculated stays the texts of its columns, which is no number.
"""

from collections.abc import Sequence
from itertools import count
from typing import ClassVar

import ibis
import ibis.expr.types as ir
import sqlglot
from sqlglot import exp

from crossbill.core.money import nanos_per_minor, parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.replacement.reconciliation.spec import FieldSpec, ReconcileSpec, minor_digits_of
from crossbill.replacement.reconciliation.values import (
    FINE_DIGITS,
    FINER,
    LARGEST,
    decimal_text_sql,
    fine_number,
    normalised,
    plain_number,
)

UNIT = 10**FINE_DIGITS  # amounts are whole numbers of 10**-12, in the engine's 128 bits
LIMIT = LARGEST * FINER
FITS = 10**38  # a product below it fits into 128 bits; what is beyond it is beyond LIMIT by far
ROUNDED = "rounded"
PARTS = "use columns, numbers, + - * and rounded()"


class BadFormula(Refusal):
    """A formula is columns, numbers, + - * and rounded(). Write no more than that."""

    code: ClassVar[str] = "BAD_FORMULA"


def with_formulas(
    raw: ibis.Table, columns: Sequence[str], spec: ReconcileSpec, side: str, prefix: str
) -> ibis.Table:
    """Text columns -> the same and, for each formula, its text as the prefix and its number.

    The steps of a formula are named in SQL, where each can be used again without being written
    again, as it would be in an expression of many uses of many uses.
    """
    formulas = [
        _Formula(number, columns, field, side, spec.name)
        for number, field in enumerate(spec.fields)
        if field.formula(side)
    ]
    if not formulas:
        return raw
    plain = {name: text for f in formulas for name, text in f.plain(raw).items()}
    shown = {name: text for f in formulas for name, text in f.texts(raw).items()}
    texts = raw.mutate(**plain, **shown).view()
    numbers = {name: fine_number(texts[name]) for name in plain}
    read = texts.mutate(**numbers).alias(f"{side}_numbers")
    steps = [f"{sql} AS {name}" for f in formulas for name, sql in f.steps(prefix)]
    made = read.sql(f"SELECT *, {', '.join(steps)} FROM {side}_numbers")  # noqa: S608 - our own
    return made.select(*raw.columns, *(f"{prefix}{f.number}" for f in formulas))


class _Formula:
    """The formula of one field on one side."""

    def __init__(
        self, number: int, columns: Sequence[str], field: FieldSpec, side: str, file: str
    ) -> None:
        """Parse the formula; what is none, or names no column, is refused."""
        self.number, self.field, self.side, self.file = number, field, side, file
        self.sql = str(field.formula(side))
        try:
            self.tree = sqlglot.parse_one(self.sql, read="duckdb")
        except sqlglot.errors.SqlglotError as error:
            raise self._refusal("the formula cannot be read") from error
        known = {name.lower(): name for name in columns}
        named = [node.name for node in self.tree.find_all(exp.Column)]
        unknown = [name for name in named if name.lower() not in known]
        if unknown or not named:
            what = f"there is no column {unknown[0]}" if unknown else "the formula names no column"
            raise self._refusal(what, f"the columns are {', '.join(columns)}")
        self.columns = list(dict.fromkeys(known[name.lower()] for name in named))
        self.made: list[tuple[str, str]] = []  # name and SQL of each step
        self.names = (f"f{number}_{n}" for n in count())

    def _place(self, name: str) -> int:
        return [column.lower() for column in self.columns].index(name.lower())

    def plain(self, raw: ibis.Table) -> dict[str, ir.Value]:
        """Each column of the formula as a plain number, read as the field says."""
        steps = getattr(self.field.normalise, self.side)
        texts = [normalised(raw[name].strip(), steps) for name in self.columns]
        return {
            f"f{self.number}_number_{n}": plain_number(text, self.field, self.side)
            for n, text in enumerate(texts)
        }

    def texts(self, raw: ibis.Table) -> dict[str, ir.Value]:
        """The texts of the columns as one; nothing where one of them has no value."""
        nulls = getattr(self.field.null_values, self.side)
        texts = [raw[name] for name in self.columns]
        absent = [text.isnull() for text in texts]
        absent += [text.strip().isin(nulls) for text in texts] if nulls else []
        shown = ibis.literal(" ; ").join(texts)
        return {f"f{self.number}_text": ibis.ifelse(ibis.or_(*absent), None, shown)}

    def steps(self, prefix: str) -> list[tuple[str, str]]:
        """Name and SQL of each step, the last of which is the text of the result."""
        value = self._step(self._sql(self.tree))
        written = decimal_text_sql(value, FINE_DIGITS)
        if getattr(self.field.decimal_comma, self.side):
            written = f"replace({written}, '.', ',')"
        shown = f"f{self.number}_text"
        text = f"CASE WHEN {value} IS NULL OR {shown} IS NULL THEN {shown} ELSE {written} END"
        return [*self.made, (f"{prefix}{self.number}", text)]

    def _step(self, sql: str) -> str:
        """The name under which later steps find this one."""
        self.made.append((next(self.names), sql))
        return self.made[-1][0]

    def _sql(self, node: sqlglot.Expr) -> str:
        """The value of a part; no sum of a formula's length leaves 128 bits."""
        if isinstance(node, exp.Paren):
            return self._sql(node.this)
        if isinstance(node, exp.Neg):
            return f"(-{self._sql(node.this)})"
        if isinstance(node, exp.Literal) and not node.is_string:
            return f"({self._number(node.name) * FINER})::HUGEINT"
        if isinstance(node, exp.Column) and not node.table:
            return f"f{self.number}_number_{self._place(node.name)}::HUGEINT"
        if isinstance(node, exp.Anonymous) and node.name.lower() == ROUNDED:
            return self._rounded(node)
        if isinstance(node, exp.Add | exp.Sub | exp.Mul):
            left, right = self._sql(node.this), self._sql(node.expression)
            return self._of_two(node, left, right)
        raise self._refusal(f"{type(node).__name__} is not allowed in a formula")

    def _of_two(self, node: sqlglot.Expr, left: str, right: str) -> str:
        if not isinstance(node, exp.Mul):
            return f"({left} {'+' if isinstance(node, exp.Add) else '-'} {right})"
        a, b = self._step(left), self._step(right)
        fits = f"CASE WHEN abs({b}) <= {FITS} // greatest(abs({a}), 1) THEN {b} END"
        product = self._step(f"{a} * {fits}")
        whole = f"CASE WHEN {product} % {UNIT} = 0 THEN {product} // {UNIT} END"
        return self._within(whole)

    def _within(self, sql: str) -> str:
        """The value where it is an amount that can be compared, else nothing."""
        value = self._step(sql)
        return f"CASE WHEN {value} BETWEEN -{LIMIT} AND {LIMIT} THEN {value} END"

    def _rounded(self, node: exp.Anonymous) -> str:
        """Half up (away from nothing) to the minor unit of the field's currency."""
        if len(node.expressions) != 1 or self.field.type != "money":
            raise self._refusal("rounded() takes one amount of money")
        unit = nanos_per_minor(minor_digits_of(self.field)) * FINER
        value = self._step(self._sql(node.expressions[0]))
        return f"(sign({value}) * ((abs({value}) + {unit // 2}) // {unit}) * {unit})"

    def _number(self, text: str) -> int:
        try:
            return parse_nanos(text)
        except Refusal as error:
            raise self._refusal(f"{text} is no number of at most nine decimals") from error

    def _refusal(self, what: str, cure: str = PARTS) -> BadFormula:
        place = f"fields.{self.number}.{self.side}_formula"
        return BadFormula(what, file=self.file, field=place, value=self.sql, cure=cure)
