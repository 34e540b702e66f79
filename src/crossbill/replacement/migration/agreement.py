"""What the three specifications must hold before a run begins, each alone and with each other."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from itertools import pairwise

import duckdb
import ibis

from crossbill.core.policy import Policy
from crossbill.engine.datasets import CANONICAL
from crossbill.engine.expressions import BadExpression, scalar
from crossbill.replacement.migration.map import IBIS_TYPES, BadMapping, Staged, check_rule
from crossbill.replacement.migration.plan import WAVE_FACTS
from crossbill.replacement.migration.spec import (
    BadSpec,
    EntityRule,
    Mapping,
    ReplacementSpec,
)

NEEDED: Sequence[str] = ("customer", "account", "product", "bill")
SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "date": "DATE",
    "timestamp(6)": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
# What an expression may give for a column of a type; anything more would not be exact.
GIVES = {
    "text": ("VARCHAR", "BIGINT", "INTEGER", "DATE", "BOOLEAN"),
    "integer": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    "date": ("DATE", "TIMESTAMP"),
    "instant": ("TIMESTAMP", "DATE"),
    "boolean": ("BOOLEAN",),
}
FIELD_TYPES = {"money": "integer", "percent": "integer"}


def check_agreement(spec: ReplacementSpec, mapping: Mapping, *, file: str) -> None:
    """Refuse what could only fail later, when accounts are already on their way."""
    check_spec(spec, mapping, file=file)
    check_mapping(mapping, file=spec.mapping)


# replacement.yaml


def check_spec(spec: ReplacementSpec, mapping: Mapping, *, file: str) -> None:
    """Tables, periods, policy and waves."""
    for name in [*NEEDED, *spec.compare]:
        if name not in mapping.entities:
            raise BadSpec(
                "The mapping does not fill this table", file=spec.mapping, field=name,
                cure=f"add it under entities, or take it out of `compare` in {file}",
            )  # fmt: skip
    _check_usage(spec, mapping, file)
    _check_periods(spec, file)
    _check_policies(spec, file)
    _check_waves(spec, file)


def _check_policies(spec: ReplacementSpec, file: str) -> None:
    old = Policy.from_mapping(dict(spec.old_policy), file=file)
    new = Policy.from_mapping(dict(spec.new_policy), file=file) if spec.new_policy else None
    if new is not None and new.policy_code == old.policy_code:
        raise BadSpec(
            "Two policies have one name", file=file, field="new_policy.policy_code",
            value=new.policy_code, cure="give the new policy a name of its own",
        )  # fmt: skip


def _check_usage(spec: ReplacementSpec, mapping: Mapping, file: str) -> None:
    """Usage is rated, and it says what its bill depends on."""
    rules = mapping.entities.get("usage", [])
    if (spec.rating is None) is not (not rules):
        raise BadSpec(
            "Usage needs both a mapping and a catalogue of rating", file=file, field="rating",
            cure=f"name the catalogue under `rating`, and fill the table usage in {spec.mapping}",
        )  # fmt: skip
    if spec.rating is None or spec.rating.bill_period == "started":
        return
    if any("received_at" not in rule.fields for rule in rules):
        raise BadSpec(
            "Nothing says when usage was received", file=spec.mapping, field="usage.received_at",
            cure="map it, or bill usage in the period in which it started: `bill_period: started`",
        )  # fmt: skip


def _check_periods(spec: ReplacementSpec, file: str) -> None:
    periods = [(each.period_from, each.period_to) for each in spec.periods]
    for start, end in periods:
        if end <= start:
            raise BadSpec(
                "The period is empty", file=file, field="periods", value=_days(start, end),
                cure="`to` is the first day no longer billed, so it comes after `from`",
            )  # fmt: skip
    _refuse_overlap(periods, file, "periods", "each day is billed in one period only")


def _check_waves(spec: ReplacementSpec, file: str) -> None:
    _refuse_doubled([wave.name for wave in spec.waves], file, "waves")
    for wave in spec.waves:
        low, high = wave.buckets
        if not 0 <= low < high <= 100:
            raise BadSpec(
                "The wave's buckets hold nobody", file=file, field=f"waves.{wave.name}.buckets",
                value=f"[{low}, {high}]", cure="write [a, b] with 0 <= a < b <= 100",
            )  # fmt: skip
        check_expression(
            wave.where, WAVE_FACTS, ("BOOLEAN",), file=file, field=f"waves.{wave.name}.where"
        )


# mapping.yaml


def check_mapping(mapping: Mapping, *, file: str) -> None:
    """Every source is used, and every rule fits its source and its canonical table."""
    typed = {name: _columns(mapping, name, file) for name in mapping.sources}
    staged = {
        name: Staged(ibis.table(columns, name=name), file=mapping.sources[name].file)
        for name, columns in typed.items()
    }
    for entity, rules in mapping.entities.items():
        if not rules:
            raise BadMapping(
                "The table has no rule", file=file, field=f"entities.{entity}",
                cure="write one, or leave the table out",
            )  # fmt: skip
        for rule in rules:
            check_rule(CANONICAL[entity], rule, staged, mapping.codes, file=file)
            _check_expressions(entity, rule, typed[rule.source], file)
    used = {rule.source for rules in mapping.entities.values() for rule in rules}
    for name in sorted(set(mapping.sources) - used):
        raise BadMapping(
            "No rule takes anything from this source", file=file, field="sources", value=name,
            cure="add a rule under entities, or take the source out",
        )  # fmt: skip


def _columns(mapping: Mapping, name: str, file: str) -> dict[str, str]:
    """A source's fields with their types in the engine; its key and account are among them."""
    source = mapping.sources[name]
    _refuse_doubled([field.name for field in source.fields], file, f"sources.{name}.fields")
    columns = {
        field.name: IBIS_TYPES[FIELD_TYPES.get(field.type, field.type)] for field in source.fields
    }
    for wanted in [*source.key, *([source.account] if source.account else [])]:
        if wanted not in columns:
            raise BadMapping(
                "The key or account is none of the source's fields", file=file,
                field=f"sources.{name}", value=wanted, cure=f"one of {', '.join(columns)}",
            )  # fmt: skip
    return columns


def _check_expressions(entity: str, rule: EntityRule, columns: dict[str, str], file: str) -> None:
    place = f"entities.{entity}"
    if rule.where is not None:
        check_expression(rule.where, columns, ("BOOLEAN",), file=file, field=f"{place}.where")
    for column in CANONICAL[entity].columns:
        field = rule.fields.get(column.name)
        if field is not None and field.sql is not None:
            kinds = GIVES["text" if field.codes else column.type]
            check_expression(field.sql, columns, kinds, file=file, field=f"{place}.{column.name}")


def check_expression(
    sql: str, columns: dict[str, str], kinds: Sequence[str], *, file: str, field: str
) -> None:
    """Refuse an expression that may not be used, cannot be computed, or gives another type."""
    checked = scalar(sql, list(columns), file=file, field=field)
    typed = ", ".join(f'NULL::{SQL_TYPES[kind]} AS "{name}"' for name, kind in columns.items())
    try:
        found = _tried(checked, typed)
    except duckdb.Error as error:
        raise BadExpression(
            "The expression cannot be computed", file=file, field=field, value=sql,
            cure=str(error).splitlines()[0],
        ) from error  # fmt: skip
    if found not in (*kinds, '"NULL"'):
        raise BadExpression(
            f"The expression gives {found}", file=file, field=field, value=sql,
            cure=f"it has to give {kinds[0]}; a CAST may help",
        )  # fmt: skip


def _tried(checked: str, typed: str) -> str:
    """The type that an expression gives on one row without values: what fails there always does.

    The row is stored. Of one that is only written down, the engine would not look at constants.
    """
    with _engine().cursor() as engine:
        engine.execute(f"CREATE TEMP TABLE blank AS SELECT {typed}")
        tried = engine.sql(f"SELECT ({checked}) FROM blank")  # noqa: S608 - checked
        tried.fetchall()
        return str(tried.types[0])


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """An empty engine without files or network, in which expressions are tried."""
    return duckdb.connect(config={"enable_external_access": "false"})


# shared


def _refuse_doubled(names: Sequence[str], file: str, field: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadSpec(
                "Two have the same name", file=file, field=field, value=name, cure="rename one"
            )


def _refuse_overlap(days: Sequence[tuple[date, date]], file: str, field: str, rule: str) -> None:
    for (start, end), (following, until) in pairwise(sorted(days)):
        if following < end:
            raise BadSpec(
                f"{_days(start, end)} overlaps {_days(following, until)}", file=file, field=field,
                value=str(following), cure=f"end the one where the other begins: {rule}",
            )  # fmt: skip


def _days(start: date, end: date) -> str:
    return f"{start} to {end}"
