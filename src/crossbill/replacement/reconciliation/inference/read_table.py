"""One table of old bills or facts: its files as typed rows, and the rows that cannot be read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.datasets import SUSPENDED
from crossbill.replacement.migration.sources import LINE_COLUMN, Source, open_source
from crossbill.replacement.migration.types import FieldType, accepted, parse, rejected
from crossbill.replacement.reconciliation.inference.fields import FieldTerms, TableTerms
from crossbill.replacement.reconciliation.inference.spec import (
    FieldRule,
    InferenceSpec,
    TableSpec,
    Written,
)

NUMBERS = ("money", "percent", "integer")
NEGATED = "_negated"
# Marks that become a leading sign before a number is read.
MARKED = {"parentheses": r"^\((.*)\)$", "credit_mark": r"^(.*?)\s*(?i:CR)$"}


class BadOldBills(Refusal):
    """The folder does not hold old bills and their facts as the specification says. Mend either."""

    code: ClassVar[str] = "BAD_OLD_BILLS"


@dataclass(frozen=True)
class ReadTable:
    """What was read of a table: typed rows with ``file`` and ``line``, and what was set aside."""

    name: str
    rows: pa.Table
    aside: pa.Table  # of the dataset ``suspended``
    records: int
    stated: frozenset[str]  # the fields that have a column or a value

    def __post_init__(self) -> None:
        assert self.records == self.rows.num_rows + self.aside.num_rows, "a record vanished"


def read_table(
    backend: Backend, folder: Path, spec: InferenceSpec, terms: TableTerms
) -> ReadTable | None:
    """Read a table; none where it is not needed and has no file."""
    told = spec.tables.get(terms.name) or TableSpec.model_validate({"file": f"{terms.name}.csv"})
    files = _files(folder, told.file)
    if not files:
        if terms.name in spec.tables or terms.needed:
            there = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
            raise BadOldBills(
                f"the file of the table {terms.name} is not there", file=told.file,
                cure=f"name it in the specification; the folder holds: {there}",
            )  # fmt: skip
        return None
    parts = [_read_file(backend, path, told, spec, terms) for path in files]
    return ReadTable(
        terms.name,
        pa.concat_tables([part.rows for part in parts]),
        pa.concat_tables([part.aside for part in parts]),
        sum(part.records for part in parts),
        frozenset.union(*(part.stated for part in parts)),
    )


def _files(folder: Path, pattern: str) -> list[Path]:
    pure = PurePath(pattern)
    if pure.is_absolute() or ".." in pure.parts:
        cure = "name a file inside of it"
        raise BadOldBills("the name leads out of the folder", value=pattern, cure=cure)
    if not folder.is_dir():
        raise BadOldBills("there is no such folder", file=str(folder), cure="check its name")
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _read_file(
    backend: Backend, path: Path, told: TableSpec, spec: InferenceSpec, terms: TableTerms
) -> ReadTable:
    source = open_source(path, told)
    rules = _rules(source, told, terms)
    raw, bad, records = _records(source, rules, told)
    fields = [_field_type(field, rules, spec, terms) for field in terms.fields]
    texts = _texts(ibis.memtable(raw), rules, spec, terms, told)
    parsed = backend.create_table("parsed", parse(texts, fields), temp=True, overwrite=True)
    wrong = rejected(parsed, fields, file=source.label, key=())
    good = _finished(accepted(parsed, fields), texts, rules, spec, terms)
    rows = good.mutate(file=ibis.literal(source.label)).order_by("line")
    return ReadTable(
        terms.name,
        backend.to_pyarrow(rows),
        pa.concat_tables([*bad, backend.to_pyarrow(wrong).cast(SUSPENDED.arrow)]),
        records,
        frozenset(rules),
    )


def _rules(source: Source, told: TableSpec, terms: TableTerms) -> dict[str, FieldRule]:
    """Where each field that is stated comes from: as specified, or the column of its own name."""
    rules = {
        field.name: told.fields.get(field.name) or FieldRule(column=field.name)
        for field in terms.fields
        if field.name in told.fields or field.name in source.columns or field.required
    }
    named = [rule.column for rule in rules.values() if rule.column]
    source.require([*named, *([told.negate.column] if told.negate else [])])
    return rules


def _records(
    source: Source, rules: dict[str, FieldRule], told: TableSpec
) -> tuple[pa.Table, list[pa.Table], int]:
    """The columns that are asked for, the records that are none, and how many there were."""
    names = [rule.column for rule in rules.values() if rule.column]
    names += [told.negate.column] if told.negate else []
    columns = [*dict.fromkeys(names), LINE_COLUMN]
    rows, bad = [], []
    for good, rejects in source.batches():
        rows.append(good.select(columns))
        bad.append(rejects)
    schema = pa.schema([source.schema.field(name) for name in columns])
    return pa.concat_tables([schema.empty_table(), *rows]), bad, source.lines


def _field_type(
    field: FieldTerms, rules: dict[str, FieldRule], spec: InferenceSpec, terms: TableTerms
) -> FieldType:
    """How the text of a field is read."""
    written = spec.written_for(terms.name, field.name)
    rule = rules.get(field.name)
    constant = rule is None or rule.column is None
    number, date = field.kind in NUMBERS and not constant, field.kind == "date" and not constant
    sign = written.sign if number and written.sign in ("trailing", "overpunch") else "leading"
    format = written.date_format or "YYYY-MM-DD"
    described = {
        "name": field.name,
        "type": field.kind,
        "required": field.required,
        "null_values": written.null_values or (),
        "decimal_comma": bool(written.decimal_comma) and number,
        "implied_digits": rule.implied_digits if rule and number else 0,
        "sign": sign,
        "format": (format if "DD" in format else f"{format} DD") if date else "",
    }
    return FieldType.model_validate(described)


def _texts(
    raw: ir.Table,
    rules: dict[str, FieldRule],
    spec: InferenceSpec,
    terms: TableTerms,
    told: TableSpec,
) -> ir.Table:
    """The text of each field as the types read it, whether the row is negated, and its line."""
    columns: dict[str, ir.Value] = {}
    for field in terms.fields:
        rule = rules.get(field.name)
        text = _text(raw, rule, field, spec.written_for(terms.name, field.name))
        columns[field.name] = ibis.null("string") if text is None else text
    negated = ibis.literal(False)
    if told.negate:
        negated = raw[told.negate.column].strip().isin(told.negate.values).fill_null(False)
    return raw.select(LINE_COLUMN, **columns, **{NEGATED: negated})


def _text(
    raw: ir.Table, rule: FieldRule | None, field: FieldTerms, written: Written
) -> ir.StringValue | None:
    """The text of a field; where it is blank, what is assumed."""
    if rule is None or rule.column is None:
        given = rule.value if rule else field.assumed
        return None if given is None else ibis.literal(given)
    text = raw[rule.column].strip().nullif("")
    if field.assumed is not None:
        text = text.coalesce(field.assumed)
    if field.kind in NUMBERS:
        return _number(text, written)
    if field.kind == "date" and "DD" not in (written.date_format or "DD"):
        return text + " 01"
    return text


def _number(text: ir.StringValue, written: Written) -> ir.StringValue:
    """The number without separators of thousands, its mark of a credit as a leading sign."""
    mark = MARKED.get(written.sign or "")
    if mark is not None:
        text = ibis.ifelse(text.re_search(mark), "-" + text.re_extract(mark, 1).strip(), text)
        text = text.re_replace(r"\s*(?i:DR)$", "") if written.sign == "credit_mark" else text
    if written.thousands:
        each = re.escape(written.thousands)
        grouped = text.re_search(rf"^[^0-9]*[0-9]{{1,3}}({each}[0-9]{{3}})+([^0-9{each}]|$)")
        text = ibis.ifelse(grouped, text.replace(written.thousands, ""), text)
    return text


def _finished(
    rows: ir.Table,
    texts: ir.Table,
    rules: dict[str, FieldRule],
    spec: InferenceSpec,
    terms: TableTerms,
) -> ir.Table:
    """Typed rows under the names of the datasets: days after last days, codes, signs."""
    signs = texts.select(LINE_COLUMN, NEGATED)
    rows = rows.inner_join(signs, LINE_COLUMN)
    columns: dict[str, ir.Value] = {}
    for field in terms.fields:
        name = output(field)
        value = rows[_typed_name(field)]
        rule = rules.get(field.name)
        if rule and rule.codes:
            pairs = [(value == code, meaning) for code, meaning in rule.codes.items()]
            value = ibis.cases(*pairs, else_=value)
        if rule and rule.last_day:
            written = spec.written_for(terms.name, field.name).date_format or "DD"
            step = ibis.interval(days=1) if "DD" in written else ibis.interval(months=1)
            value = (value + step).cast("timestamp").cast("date")
        if field.kind == "money" and terms.name in ("bill", "bill_line"):
            value = ibis.ifelse(rows[NEGATED], -value, value)
        columns[name] = value
    return rows.select(line=rows[LINE_COLUMN], **columns)


def _typed_name(field: FieldTerms) -> str:
    suffix = {"money": "_nanos", "percent": "_ppm"}.get(field.kind, "")
    return field.name + suffix


def output(field: FieldTerms) -> str:
    """The column of a dataset that a field becomes."""
    if field.kind == "percent":
        return field.name.removesuffix("_percent") + "_ppm"
    return _typed_name(field)


def outputs(terms: TableTerms, stated: Sequence[str]) -> set[str]:
    """The columns of a dataset whose fields are stated."""
    return {output(field) for field in terms.fields if field.name in stated}
