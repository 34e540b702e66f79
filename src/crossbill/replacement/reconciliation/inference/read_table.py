"""One table of old bills or facts: its files as typed rows, and the rows that cannot be read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.money import parse_nanos, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.yaml_values import PERCENT_DIGITS
from crossbill.replacement.migration.sources import LINE_COLUMN, Source, open_source
from crossbill.replacement.migration.types import FieldType, accepted, parse, rejected
from crossbill.replacement.reconciliation.inference.fields import FieldTerms, TableTerms
from crossbill.replacement.reconciliation.inference.spec import (
    BadInferenceSpec,
    FieldRule,
    InferenceSpec,
    TableSpec,
    Written,
)

TEXT = "text"
NUMBERS = ("money", "percent", "integer")
NEGATED = "_negated"
# Marks that become a leading sign before a number is read.
MARKED = {"parentheses": r"^\((.*)\)$", "credit_mark": r"^(.*?)\s*(?i:CR)$"}
ENGINE_TYPES = {
    "text": "string", "integer": "int64", "money": "int64", "percent": "int64", "date": "date",
    "boolean": "boolean",
}  # fmt: skip
CONSTANTS: dict[str, Callable[[str], Any]] = {
    "text": str, "integer": int, "money": parse_nanos, "date": read_day,
    "percent": lambda text: parse_scaled(text, digits=PERCENT_DIGITS),
    "boolean": lambda text: {"true": True, "false": False}[text],
}  # fmt: skip


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

    def __post_init__(self) -> None:
        assert self.records == self.rows.num_rows + self.aside.num_rows, "a record vanished"


def read_table(
    backend: Backend, folder: Path, spec: InferenceSpec, terms: TableTerms
) -> ReadTable | None:
    """Read a table; none where it is not needed and has no file."""
    told = spec.tables.get(terms.name) or TableSpec.model_validate({"file": f"{terms.name}.csv"})
    files = files_in(folder, told.file)
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
    )


def files_in(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder by a name or a pattern, which may not lead out of it."""
    pure = PurePath(pattern)
    if pure.is_absolute() or ".." in pure.parts:
        cure = "name a file inside of it"
        raise BadOldBills("the name leads out of the folder", value=pattern, cure=cure)
    if not folder.is_dir():
        raise BadOldBills("there is no such folder", file=str(folder), cure="check its name")
    return sorted(path for path in folder.glob(pattern) if path.is_file())


@dataclass(frozen=True)
class _Plan:
    """How one file is read: its table, and where each stated field comes from."""

    spec: InferenceSpec
    terms: TableTerms
    told: TableSpec
    rules: Mapping[str, FieldRule]

    @property
    def held(self) -> list[FieldTerms]:
        """The fields that a column of the file holds."""
        return [field for field in self.terms.fields if self.column(field) is not None]

    def column(self, field: FieldTerms) -> str | None:
        """The column of a field, where it has one."""
        rule = self.rules.get(field.name)
        return rule.column if rule else None

    def written(self, field: FieldTerms) -> Written:
        """How the values of a field are written."""
        return self.spec.written_for(self.terms.name, field.name)


def _read_file(
    backend: Backend, path: Path, told: TableSpec, spec: InferenceSpec, terms: TableTerms
) -> ReadTable:
    source = open_source(path, told)
    plan = _Plan(spec, terms, told, _rules(source, told, terms))
    raw, bad, records = _records(source, plan)
    texts = _texts(ibis.memtable(raw), plan)
    typed, wrong = _typed(backend, texts, plan, source.label)
    rows = _finished(typed, texts, plan).mutate(file=ibis.literal(source.label)).order_by("line")
    return ReadTable(terms.name, backend.to_pyarrow(rows), pa.concat_tables([*bad, wrong]), records)


def _typed(backend: Backend, texts: ir.Table, plan: _Plan, label: str) -> tuple[ir.Table, pa.Table]:
    """The rows whose texts can be read, typed, and the others; without a column all can be."""
    if not plan.held:
        return texts.select(LINE_COLUMN), SUSPENDED.arrow.empty_table()
    fields = [_field_type(field, plan) for field in plan.held]
    parsed = backend.create_table("parsed", parse(texts, fields), temp=True, overwrite=True)
    wrong = rejected(parsed, fields, file=label, key=())
    return accepted(parsed, fields), backend.to_pyarrow(wrong).cast(SUSPENDED.arrow)


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


def _records(source: Source, plan: _Plan) -> tuple[pa.Table, list[pa.Table], int]:
    """The columns that are asked for, the records that are none, and how many there were."""
    names = [rule.column for rule in plan.rules.values() if rule.column]
    names += [plan.told.negate.column] if plan.told.negate else []
    columns = [*dict.fromkeys(names), LINE_COLUMN]
    rows, bad = [], []
    for good, rejects in source.batches():
        rows.append(good.select(columns))
        bad.append(rejects)
    schema = pa.schema([source.schema.field(name) for name in columns])
    return pa.concat_tables([schema.empty_table(), *rows]), bad, source.lines


def _field_type(field: FieldTerms, plan: _Plan) -> FieldType:
    """How the text of a field is read."""
    written, rule = plan.written(field), plan.rules[field.name]
    number, format = field.kind in NUMBERS, written.date_format or "YYYY-MM-DD"
    described = {
        "name": field.name,
        "type": field.kind,
        "required": field.required,
        "null_values": written.null_values or (),
        "decimal_comma": bool(written.decimal_comma) and number,
        "implied_digits": rule.implied_digits if number else 0,
        "sign": written.sign if number and written.sign not in MARKED else None,
        "format": (format if "DD" in format else f"{format} DD") if field.kind == "date" else "",
    }
    stated = {name: value for name, value in described.items() if value is not None}
    return FieldType.model_validate(stated)


def _texts(raw: ir.Table, plan: _Plan) -> ir.Table:
    """The text of each held field as the types read it, whether the row is negated, its line."""
    columns = {field.name: _text(raw, field, plan) for field in plan.held}
    negated, negate = ibis.literal(False), plan.told.negate
    if negate:
        negated = raw[negate.column].strip().isin(negate.values).fill_null(False)
    return raw.select(LINE_COLUMN, **columns, **{NEGATED: negated})


def _text(raw: ir.Table, field: FieldTerms, plan: _Plan) -> ir.StringValue:
    """The text of a field; where it is blank, what is assumed."""
    written = plan.written(field)
    text = raw[plan.column(field)].strip().nullif("")
    if field.kind != TEXT:
        text = _translated(text, plan.rules[field.name])
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


def _finished(rows: ir.Table, texts: ir.Table, plan: _Plan) -> ir.Table:
    """Typed rows under the names of the datasets: days after last days, codes, signs."""
    rows = rows.inner_join(texts.select(LINE_COLUMN, NEGATED), LINE_COLUMN)
    columns: dict[str, ir.Value] = {}
    for field in plan.terms.fields:
        if plan.column(field) is None:
            value = _constant(field, plan)
        else:
            value = _from_column(rows[_typed_name(field)], field, plan)
        if field.kind == "money" and plan.terms.name in ("bill", "bill_line"):
            value = ibis.ifelse(rows[NEGATED], -value, value)
        columns[output(field)] = value
    return rows.select(line=rows[LINE_COLUMN], **columns)


def _from_column(value: ir.Value, field: FieldTerms, plan: _Plan) -> ir.Value:
    """A typed value with its code translated, or the day after a last day."""
    rule = plan.rules[field.name]
    if field.kind == TEXT:
        value = _translated(value, rule)
    if rule.last_day:
        by_day = "DD" in (plan.written(field).date_format or "DD")
        step = ibis.interval(days=1) if by_day else ibis.interval(months=1)
        value = (value + step).cast("timestamp").cast("date")
    return value


def _translated(text: ir.StringValue, rule: FieldRule) -> ir.StringValue:
    """What the codes of a rule say of a text; what they do not name stays as it is."""
    pairs = [(text == code, meaning) for code, meaning in rule.codes.items()]
    return ibis.cases(*pairs, else_=text) if pairs else text


def _constant(field: FieldTerms, plan: _Plan) -> ir.Value:
    """The one value of a field that no column holds: as specified, or assumed; else none."""
    rule = plan.rules.get(field.name)
    text = rule.value if rule else field.assumed
    if text is None:
        return ibis.null(ENGINE_TYPES[field.kind])
    try:
        return ibis.literal(CONSTANTS[field.kind](text), ENGINE_TYPES[field.kind])
    except (ValueError, KeyError, Refusal) as error:
        raise BadInferenceSpec(
            f"the value cannot be read as {field.kind}", value=text,
            field=f"tables.{plan.terms.name}.fields.{field.name}.value",
            cure="write it as 49.90, 2024-01-31 or true",
        ) from error  # fmt: skip


def _typed_name(field: FieldTerms) -> str:
    suffix = {"money": "_nanos", "percent": "_ppm"}.get(field.kind, "")
    return field.name + suffix


def output(field: FieldTerms) -> str:
    """The column of a dataset that a field becomes."""
    if field.kind == "percent":
        return field.name.removesuffix("_percent") + "_ppm"
    return _typed_name(field)
