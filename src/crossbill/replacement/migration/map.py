"""The map verb: typed rows of the old system become canonical rows, or are suspended."""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import ibis
import ibis.expr.types as ir
from ibis.expr.operations import AliasedRelation, SQLStringView

from crossbill.core.money import MINOR_DIGITS
from crossbill.core.refusal import Refusal
from crossbill.engine.calculation import Calculation, Columns, Step, Tables, compiled_once
from crossbill.engine.dataset import Column, Dataset
from crossbill.engine.datasets import CANONICAL
from crossbill.engine.duckdb import connect
from crossbill.engine.expressions import scalar
from crossbill.replacement.migration.spec import EntityRule, FieldRule

LINEAGE = {"source_file": "string", "source_line": "int64"}
REMAINDER = "remainder_nanos"
IBIS_TYPES = {
    "text": "string",
    "integer": "int64",
    "date": "date",
    "instant": "timestamp(6)",
    "boolean": "boolean",
}


class BadMapping(Refusal):
    """The mapping does not fit the sources or the canonical tables. Mend the rule that is named."""

    code: ClassVar[str] = "BAD_MAPPING"


@dataclass(frozen=True)
class Staged:
    """A staged source: its typed rows with ``_line``, the file's name, and its account column."""

    rows: ir.Table
    file: str
    account: str | None = None

    @property
    def columns(self) -> list[str]:
        """The fields that a rule may use."""
        return [name for name in self.rows.columns if not name.startswith("_")]


@dataclass(frozen=True)
class SourceForm:
    """All of a staged source but its rows: its columns as they are stored, by each field's name."""

    name: str
    columns: Columns
    stored_as: tuple[tuple[str, str], ...]
    file: str
    account: str | None = None

    def staged(self, rows: ir.Table) -> Staged:
        """The source with its rows, which are as they were stored."""
        return Staged(rows.rename(dict(self.stored_as)), self.file, self.account)


@dataclass(frozen=True)
class Mapped:
    """``rows``: canonical columns and lineage; ``suspended``: file, line, code, field, value ...

    ``duplicates``, in the shape of ``suspended``, only where a second record is one. Every row that
    came in is in exactly one of them. ``amounts`` holds them all, before they were told apart:
    ``amount`` (of the table's value column, or empty) and ``state``; the proof that nothing
    vanished compares it with what was written.
    """

    rows: ir.Table
    suspended: ir.Table
    amounts: ir.Table
    duplicates: ir.Table | None = None


PARTS = ("rows", "suspended", "amounts")


@compiled_once
def mapping(
    entity: str,
    rules: Sequence[EntityRule],
    forms: Sequence[SourceForm],
    codes: MappingType[str, MappingType[str, str]],
) -> Calculation:
    """``staged_0`` and so on, the sources as they are stored -> ``PARTS`` of one canonical table.

    The rows of each rule are held, since what becomes of each is asked three times.
    """
    dataset = CANONICAL[entity]
    by_name = {form.name: form for form in forms}

    def marked(t: Tables, rule: EntityRule) -> ir.Table:
        staged = {form.name: form.staged(t[f"staged_{n}"]) for n, form in enumerate(forms)}
        return _map_rule(dataset, rule, staged, codes)

    def part(t: Tables, name: str) -> ir.Table:
        parts = (
            _split(t[f"marked_{n}"], dataset, rule, by_name[rule.source])
            for n, rule in enumerate(rules)
        )
        return together([getattr(each, name) for each in parts])

    return Calculation(
        staged_inputs(forms),
        [
            *(Step(f"marked_{n}", partial(marked, rule=rule)) for n, rule in enumerate(rules)),
            *(Step(name, partial(part, name=name), stored=False) for name in PARTS),
        ],
    )


@compiled_once
def leaving(rules: Sequence[EntityRule], form: SourceForm) -> Calculation:
    """``staged_0``, a source -> ``left``: ``line`` and ``account_key`` of what no rule takes."""

    def left(t: Tables) -> ir.Table:
        source = form.staged(t["staged_0"])
        used = together([taken(rule, source).select("_line") for rule in rules])
        rows = source.rows.anti_join(used.distinct(), "_line")
        return rows.select(line=rows["_line"], account_key=_account(rows, form))

    return Calculation(staged_inputs([form]), [Step("left", left, stored=False)])


def staged_inputs(forms: Sequence[SourceForm]) -> dict[str, ibis.Schema]:
    """The inputs of ``mapping`` and ``leaving``: named by number, for people name the sources."""
    return {f"staged_{n}": ibis.schema(dict(form.columns)) for n, form in enumerate(forms)}


def together(tables: Sequence[ir.Table]) -> ir.Table:
    """All rows of all tables."""
    return ibis.union(*tables) if len(tables) > 1 else tables[0]


def taken(rule: EntityRule, source: Staged) -> ir.Table:
    """The source rows that a rule takes."""
    if rule.where is None:
        return source.rows
    condition = scalar(rule.where, source.columns, file="mapping", field="where")
    query = f"SELECT * FROM taken WHERE coalesce(({condition}), false)"  # noqa: S608 - checked
    return _asked(source.rows, "taken", query)


def _asked(rows: ir.Table, name: str, query: str) -> ir.Table:
    """A query over the rows by a name; its expressions were checked.

    What it gives is asked of an engine that has no rows and reads no file.
    """
    with connect(sealed_to=()) as engine:
        empty = engine.create_table(name, schema=rows.schema())
        schema = empty.alias(name).sql(query).schema()
    # A union of several such queries needs a name of its own for each.
    own = ibis.util.gen_name(name)
    node = AliasedRelation(parent=rows, name=own)
    renamed = query.replace(f" FROM {name}", f" FROM {own}", 1)
    asked: ir.Table = SQLStringView(parent=node, query=renamed, schema=schema).to_expr()
    return asked


def _map_rule(
    dataset: Dataset,
    rule: EntityRule,
    sources: MappingType[str, Staged],
    codes: MappingType[str, MappingType[str, str]],
) -> ir.Table:
    """The rows that a rule takes with their canonical columns as ``to_X``, and their ``fault``."""
    check_rule(dataset, rule, sources, codes)
    source = sources[rule.source]
    columns = {column.name: column for column in dataset.columns}
    computed = _with_expressions(taken(rule, source), rule, source)
    values = {
        name: _value(computed, name, field, codes, columns[name].type)
        for name, field in rule.fields.items()
    }
    values |= {n: ibis.null(IBIS_TYPES[c.type]) for n, c in columns.items() if n not in values}
    remainder = _remainder(computed, rule)
    table = computed.mutate(
        **{f"to_{name}": value for name, value in values.items()}, **{REMAINDER: remainder}
    )
    return _marked(_in_minor_units(table, dataset), dataset, rule)


def check_rule(
    dataset: Dataset,
    rule: EntityRule,
    sources: MappingType[str, Staged],
    codes: MappingType[str, MappingType[str, str]],
    *,
    file: str = "mapping",
) -> None:
    """Refuse a rule that names what does not exist or leaves out what must be there."""
    place = f"entities.{dataset.name}"
    if rule.source not in sources:
        raise BadMapping(
            "There is no such source", file=file, field=f"{place}.from", value=rule.source,
            cure=f"the sources are {', '.join(sources)}",
        )  # fmt: skip
    columns = {column.name: column for column in dataset.columns}
    for name in sorted(set(rule.fields) - set(columns)):
        raise BadMapping(
            "The canonical table has no such column", file=file, field=place, value=name,
            cure=f"the columns are {', '.join(sorted(columns))}",
        )  # fmt: skip
    for name, column in columns.items():
        if not column.nullable and name not in rule.fields:
            raise BadMapping(
                "A column that must be there is not mapped", file=file, field=place, value=name,
                cure="say which field, value or expression fills it",
            )  # fmt: skip
    for name, field in rule.fields.items():
        place_of_field = _Place(file, f"{place}.{name}")
        _check_field(place_of_field, field, sources[rule.source], codes)
        _check_type(place_of_field, field, sources[rule.source], columns[name])


@dataclass(frozen=True)
class _Place:
    """Where in the mapping a field of a rule stands."""

    file: str
    field: str

    def refusal(self, what: str, value: str, cure: str) -> BadMapping:
        """The refusal of this field."""
        return BadMapping(what, file=self.file, field=self.field, value=value, cure=cure)


def _check_field(
    place: _Place,
    field: FieldRule,
    source: Staged,
    codes: MappingType[str, MappingType[str, str]],
) -> None:
    ways = {name: getattr(field, name) for name in ("column", "value", "sql", "remainder_of")}
    given = [name for name, way in ways.items() if way is not None]
    if len(given) != 1:
        raise place.refusal(
            "A field needs exactly one of column, value, sql, remainder_of",
            ", ".join(given) or "none",
            "keep one of them",
        )
    for column in (field.column, field.remainder_of):
        if column is not None and column not in source.columns:
            raise place.refusal(
                "The source has no such field",
                column,
                f"its fields are {', '.join(source.columns)}",
            )
    if field.codes is not None and field.codes not in codes:
        known = ", ".join(codes) or "none"
        raise place.refusal("There is no such code table", field.codes, f"there are: {known}")
    if field.codes is not None and field.column is None and field.sql is None:
        raise place.refusal(
            "A constant goes through no code table", field.codes, "write the canonical value itself"
        )


def _check_type(place: _Place, field: FieldRule, source: Staged, column: Column) -> None:
    """Refuse what would have to be converted: a value is typed once, where its file is read."""
    if field.remainder_of is not None and column.name != "price_override_nanos":
        raise place.refusal(
            "Only price_override_nanos can be a remainder", field.remainder_of, "map a column"
        )
    if field.codes is not None and column.type != "text":
        raise place.refusal("Codes give text only", field.codes, f"this column is {column.type}")
    if field.value is not None and type(field.value) is not CONSTANTS.get(column.type):
        raise place.refusal(
            f"The constant is not of the type {column.type}",
            str(field.value),
            "write text, a whole number, or true or false, as the column needs it",
        )
    if field.column is not None and field.codes is None and column.type != "text":
        given = source.rows[field.column].type()
        wanted = ibis.dtype(IBIS_TYPES[column.type])
        if given.copy(nullable=True) != wanted:
            raise place.refusal(
                f"The field is {given} and the column {column.type}",
                field.column,
                "type the field under sources as the column needs it",
            )


# What YAML gives for a constant of a canonical type; dates are columns or expressions.
CONSTANTS: dict[str, type] = {"text": str, "integer": int, "boolean": bool}


def _with_expressions(rows: ir.Table, rule: EntityRule, source: Staged) -> ir.Table:
    """Compute the rule's expressions as ``sql_<field>``; ``failed_<field>`` says where one fails.

    ``TRY`` turns an error on a row into nothing; inside of a struct, nothing is still a value.
    """
    expressions = [
        f"TRY({{'value': {scalar(field.sql, source.columns, file='mapping', field=name)}}}) "
        f'AS "tried_{name}"'
        for name, field in rule.fields.items()
        if field.sql is not None
    ]
    if not expressions:
        return rows
    query = f"SELECT *, {', '.join(expressions)} FROM computed"  # noqa: S608 - checked
    tried = _asked(rows, "computed", query)
    names = [name for name, field in rule.fields.items() if field.sql is not None]
    return tried.mutate(
        **{f"sql_{name}": tried[f"tried_{name}"]["value"] for name in names},
        **{f"failed_{name}": tried[f"tried_{name}"].isnull() for name in names},
    )


def _value(
    table: ir.Table,
    name: str,
    field: FieldRule,
    codes: MappingType[str, MappingType[str, str]],
    type_name: str,
) -> ir.Value:
    """One canonical column of a rule; an unknown code is null here and suspended by ``_split``."""
    target = IBIS_TYPES[type_name]
    if field.remainder_of is not None:
        return ibis.null(target)
    if field.value is not None:
        return ibis.literal(field.value).cast(target)
    value = table[f"sql_{name}"] if field.sql is not None else table[str(field.column)]
    if field.codes is not None:
        pairs = list(codes[field.codes].items())
        value = value.cast("string").cases(*pairs, else_=ibis.null("string"))
    return value.cast(target)


def _remainder(table: ir.Table, rule: EntityRule) -> ir.Value:
    """The account's total that a ``remainder_of`` rule names, in nanos, or null."""
    named = [f.remainder_of for f in rule.fields.values() if f.remainder_of is not None]
    return table[named[0]].cast("int64") if named else ibis.null("int64")


def _in_minor_units(table: ir.Table, dataset: Dataset) -> ir.Table:
    """Turn ``_minor`` columns, which arrive in nanos, into minor units; mark what does not fit."""
    names = [c.name for c in dataset.columns if c.name.endswith("_minor")]
    if not names:
        return table.mutate(fraction_in=ibis.null("string"))
    scale = table.to_currency.cases(
        *[(code, 10 ** (9 - digits)) for code, digits in MINOR_DIGITS.items()],
        else_=ibis.null("int64"),
    ).cast("int64")
    marks = [(table[f"to_{n}"] % scale != 0, ibis.literal(n)) for n in names]
    table = table.mutate(scale=scale, fraction_in=ibis.cases(*marks, else_=ibis.null("string")))
    divide = {f"to_{n}": _divide(table[f"to_{n}"], table.scale) for n in names}
    return table.mutate(**divide)


@ibis.udf.scalar.builtin(name="divide")  # type: ignore[untyped-decorator]
def _divide(dividend: int, divisor: int) -> int:  # type: ignore[empty-body]
    """Exact here: ``fraction_in`` marks every row where it is not."""


def _marked(table: ir.Table, dataset: Dataset, rule: EntityRule) -> ir.Table:
    """The rows with their first ``fault``."""
    faults = _faults(table, dataset, rule)
    none = ibis.null("string")
    return table.mutate(fault=ibis.cases(*faults, else_=none) if faults else none)


def _split(marked: ir.Table, dataset: Dataset, rule: EntityRule, source: SourceForm) -> Mapped:
    """Rows without a fault, and the others with it."""
    good = marked.filter(marked.fault.isnull())
    bad = marked.filter(marked.fault.notnull())
    lineage = {"source_file": ibis.literal(source.file), "source_line": good["_line"]}
    return Mapped(
        rows=good.select(
            **{c.name: good[f"to_{c.name}"] for c in dataset.columns},
            **{REMAINDER: good[REMAINDER]},
            **lineage,
        ),
        suspended=_suspended(bad, dataset, rule, source),
        amounts=amounts(marked, dataset, "to_"),
    )


VALUE_COLUMNS = {
    "product": "price_override_nanos",
    "open_item": "open_minor",
    "balance": "balance_minor",
    "deposit": "held_minor",
    "bill": "total_minor",
    "bill_line": "net_minor",
    "tariff": "amount_nanos",
    "usage": "quantity",
}


def amounts(marked: ir.Table, dataset: Dataset, prefix: str = "") -> ir.Table:
    """The value of every row and what becomes of it."""
    column = VALUE_COLUMNS.get(dataset.name)
    value = marked[prefix + column] if column else ibis.null("int64")
    state = marked.fault.notnull().ifelse("suspended", "accepted")
    if "is_copy" in marked.columns:
        state = marked.is_copy.ifelse("duplicate", state)
    return marked.select(amount=value, state=state)


def _faults(
    table: ir.Table, dataset: Dataset, rule: EntityRule
) -> list[tuple[ir.BooleanValue, str]]:
    """Conditions with ``CODE:canonical column``, in the order in which they are reported."""
    faults = []
    for column in dataset.columns:
        field = rule.fields.get(column.name, FieldRule())
        target = table[f"to_{column.name}"]
        if field.sql is not None:
            faults.append((table[f"failed_{column.name}"], f"EXPRESSION_FAILED:{column.name}"))
        if field.codes is not None:
            came = _raw(table, column.name, field)
            faults.append((came.notnull() & target.isnull(), f"UNMAPPED_CODE:{column.name}"))
        if not column.nullable:
            faults.append((target.isnull(), f"VALUE_MISSING:{column.name}"))
    faults.append((table.fraction_in.notnull(), "FRACTION_OF_MINOR_UNIT:amount"))
    return faults


def _raw(table: ir.Table, name: str, field: FieldRule) -> ir.Value:
    column = f"sql_{name}" if field.sql is not None else str(field.column)
    return table[column].cast("string")


MESSAGES = {
    "EXPRESSION_FAILED": "The mapping's expression cannot be computed from this record; "
    "correct the record, or write the expression so that it holds for it",
    "UNMAPPED_CODE": "The code is not in the code table; add it there or correct the record",
    "VALUE_MISSING": "A value that must be there is missing; complete the record",
    "FRACTION_OF_MINOR_UNIT": "The amount has a fraction of the currency's smallest unit; "
    "say in the mapping how it is rounded, or correct the record",
}
CLASSES = {
    "EXPRESSION_FAILED": "FORMAT",
    "UNMAPPED_CODE": "MAPPING",
    "VALUE_MISSING": "SENTINEL",
    "FRACTION_OF_MINOR_UNIT": "FORMAT",
}


def _suspended(bad: ir.Table, dataset: Dataset, rule: EntityRule, source: SourceForm) -> ir.Table:
    """The rows with a fault in the shape of SUSPENDED, still without their raw bytes."""
    parts = bad.fault.split(":")
    code, column = parts[0], parts[1]
    values = [
        (c.name, _raw(bad, c.name, rule.fields[c.name]))
        for c in dataset.columns
        if c.name in rule.fields and (rule.fields[c.name].column or rule.fields[c.name].sql)
    ]
    key = "to_" + dataset.key[0]
    return bad.select(
        file=ibis.literal(source.file),
        line=bad["_line"],
        record_key=bad[key].cast("string"),
        account_key=_account(bad, source),
        stage=ibis.literal("map"),
        code=code,
        class_code=code.cases(*CLASSES.items(), else_="FORMAT"),
        field=column,
        value=column.cases(*values, else_=ibis.null("string")),
        message=code.cases(*MESSAGES.items(), else_="?"),
    )


def _account(rows: ir.Table, source: SourceForm) -> ir.Value:
    return rows[source.account].cast("string") if source.account else ibis.null("string")
