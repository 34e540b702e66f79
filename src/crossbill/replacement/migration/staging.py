"""The expressions by which a file is staged: what types, what does not, and what shares a key."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.engine.calculation import Calculation, Columns, Step, Tables, compiled_once
from crossbill.engine.datasets import SUSPENDED
from crossbill.engine.local_time import Regime
from crossbill.replacement.migration.sources import LINE_COLUMN
from crossbill.replacement.migration.types import FieldType, all_good, parse, rejected

# Why a row that types well is still set apart, by code.
KEY_PROBLEMS = {
    "KEY_BLANK": "The key is blank: fill it in the old system",
    "KEY_REUSED": "Other rows have the same key but other values: correct or remove all but one",
    "DUPLICATE_ROW": "The row says the same as an earlier one with its key, which was taken",
}
DUPLICATE_CODE = "DUPLICATE_ROW"
FATES = {"line": "int64", "fate": "string"}

# What local times of the fields' zones mean: its tables are the machine's, and not of this code.
Zones = tuple[tuple[str, tuple[Regime, ...]], ...]


@dataclass(frozen=True)
class Keyed:
    """How rows are named: their file, the fields of their key and its columns, their account."""

    file: str
    key: tuple[str, ...]
    outputs: tuple[str, ...]
    account: str | None


@compiled_once
def judging(columns: Columns, fields: tuple[FieldType, ...], zones: Zones) -> Calculation:
    """``raw_rows``, texts with their line -> ``judged``: typed, and whether all of it is good."""

    def judged(t: Tables) -> ir.Table:
        parsed = parse(t["raw_rows"], fields)
        outputs = [f.output for f in fields]
        return parsed.select(LINE_COLUMN, *outputs, _good=all_good(parsed, fields))

    inputs = {"raw_rows": ibis.schema(dict(columns))}
    return Calculation(inputs, [Step("judged", judged, stored=False)])


@compiled_once
def rejecting(
    columns: Columns, fields: tuple[FieldType, ...], zones: Zones, keyed: Keyed
) -> Calculation:
    """``raw_rows`` -> ``parsed``, and ``rejects``: those with a bad field as suspended rows."""

    def rejects(t: Tables) -> ir.Table:
        names = {"file": keyed.file, "key": keyed.key, "account": keyed.account}
        return rejected(t["parsed"], fields, **names)

    return Calculation(
        {"raw_rows": ibis.schema(dict(columns))},
        [
            Step("parsed", lambda t: parse(t["raw_rows"], fields)),
            Step("rejects", rejects, stored=False),
        ],
    )


@compiled_once
def fating(columns: Columns, key: tuple[str, ...]) -> Calculation:
    """``typed_rows`` -> ``fated``: line and fate of those whose key is blank or taken."""

    def fated(t: Tables) -> ir.Table:
        rows = t["typed_rows"]
        return _blank(rows, key).union(_doubled(rows, key), distinct=False)

    inputs = {"typed_rows": ibis.schema(dict(columns))}
    return Calculation(inputs, [Step("fated", fated, stored=False)])


def _blank(rows: ir.Table, key: Sequence[str]) -> ir.Table:
    blank = ibis.or_(*[rows[name].isnull() for name in key])
    return rows.filter(blank).select(line=rows[LINE_COLUMN], fate=ibis.literal("KEY_BLANK"))


def _doubled(rows: ir.Table, key: Sequence[str]) -> ir.Table:
    """Rows that share a key: all of them when they differ, else all but the first."""
    known = rows.filter([rows[name].notnull() for name in key])
    several = known.group_by(key).agg(copies=known.count()).filter(lambda t: t.copies > 1)
    sharing = known.semi_join(several, key)
    contents = sharing.drop(LINE_COLUMN).distinct()
    groups = contents.group_by(key).agg(contents=contents.count())
    first = sharing.group_by(key).agg(first_line=sharing[LINE_COLUMN].min())
    judged = sharing.inner_join(groups, key).inner_join(first, key)
    fate = (judged.contents > 1).ifelse("KEY_REUSED", DUPLICATE_CODE)
    apart = (judged.contents > 1) | (judged[LINE_COLUMN] > judged.first_line)
    return judged.filter(apart).select(line=judged[LINE_COLUMN], fate=fate)


@compiled_once
def setting_apart(
    columns: Columns, drafted: Columns, keyed: Keyed, money: tuple[str, ...]
) -> Calculation:
    """``typed_rows``, ``fates`` and ``drafts``, which are suspended -> all that is not accepted.

    Results: ``suspended`` and ``duplicates`` in the form of suspended rows, and for the proof the
    amounts of the typed ones among them, ``suspended_amounts`` and ``duplicate_amounts``.
    """

    def fates(t: Tables, *, same: bool) -> ir.Table:
        is_copy = t["fates"].fate == DUPLICATE_CODE
        return t["fates"].filter(is_copy if same else ~is_copy)

    def amounts(t: Tables, *, same: bool) -> ir.Table:
        rows, apart = t["typed_rows"], fates(t, same=same)
        return rows.semi_join(apart, rows[LINE_COLUMN] == apart.line).select(LINE_COLUMN, *money)

    def named(t: Tables, *, same: bool) -> ir.Table:
        return _as_suspended(t["typed_rows"], fates(t, same=same), keyed)

    def suspended(t: Tables) -> ir.Table:
        return t["drafts"].union(named(t, same=False), distinct=False)

    return Calculation(
        {
            "typed_rows": ibis.schema(dict(columns)),
            "drafts": ibis.schema(dict(drafted)),
            "fates": ibis.schema(FATES),
        },
        [
            Step("suspended_amounts", lambda t: amounts(t, same=False), stored=False),
            Step("duplicate_amounts", lambda t: amounts(t, same=True), stored=False),
            Step("suspended", suspended, stored=False),
            Step("duplicates", lambda t: named(t, same=True), stored=False),
        ],
    )


def _as_suspended(rows: ir.Table, fates: ir.Table, keyed: Keyed) -> ir.Table:
    """The rows of these fates in the form of suspended ones."""
    joined = rows.inner_join(fates, rows[LINE_COLUMN] == fates.line)
    key = [ibis.coalesce(joined[name].cast("string"), "") for name in keyed.outputs]
    text = ibis.literal("|").join(key) if key else ibis.literal("")
    columns = {
        "file": ibis.literal(keyed.file),
        "line": joined.line,
        "record_key": (joined.fate == "KEY_BLANK").ifelse(ibis.null("string"), text),
        "account_key": joined[keyed.account] if keyed.account else ibis.null("string"),
        "stage": ibis.literal("stage"),
        "code": joined.fate,
        "class_code": (joined.fate == "KEY_BLANK").ifelse("FORMAT", "DUPLICATE"),
        "field": ibis.literal(", ".join(keyed.key)),
        "value": text,
        "message": ibis.cases(*[(joined.fate == code, m) for code, m in KEY_PROBLEMS.items()]),
        "raw": ibis.null("binary"),
    }
    return joined.select(**{name: columns[name] for name in SUSPENDED.arrow.names})
