"""The comparison of two tables that should hold the same: one verb for every pair of tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from crossbill.core.money import MINOR_DIGITS, nanos_per_minor
from crossbill.engine.datasets import CANONICAL
from crossbill.engine.integers import div_trunc

WHOLE_RECORD = "*"

# What stands in a cell. Only extracts tell more than the first two: see ``extracts.py``.
VALUE, EMPTY, BLANK, SENTINEL, UNREADABLE = "value", "empty", "blank", "sentinel", "unreadable"

# One difference: DIFFERENCE of ``engine.datasets`` before its class, and what causes need to know.
DIFFERENCES = {
    "entity": "string",
    "account_key": "string",
    "record_key": "string",
    "field": "string",
    "kind": "string",  # different, missing (left only), extra (right only), duplicate_key
    "left_value": "string",
    "right_value": "string",
    "left_number": "int64",  # in ``unit``, where it is a number
    "right_number": "int64",
    "amount": "int64",  # right minus left in ``unit``; a side without a number counts as nothing
    "unit": "string",  # nanos, minor or count; empty for what is not a number
    "amount_minor": "int64",  # the amount in minor units, where it is a whole number of them
    "currency": "string",
    "type": "string",  # of the field
    "digits": "int64",  # of the currency's minor unit, for money
    "left_state": "string",
    "right_state": "string",
    "within_tolerance": "boolean",
    "left_rows": "int64",  # rows with this left value, once ``populations`` has counted them
}


@dataclass(frozen=True)
class ComparedField:
    """One field that both sides hold, under one name and type."""

    name: str
    type: str = "text"  # a key of engine.datasets.TYPES, or money
    unit: str | None = None  # nanos or minor for money, count for integer
    digits: int | None = None  # of the minor unit, where neither currency tells it
    currency: str | None = None  # of every row, where no column tells it
    currency_column: str | None = None
    tolerance: int = 0  # in ``unit``; larger differences are beyond it
    codes: tuple[
        tuple[str, tuple[str | None, ...]], ...
    ] = ()  # code -> what the other side may say
    codes_from: str = "left"  # which side's values ``codes`` translates
    read: bool = False  # the tables also hold NAME__text and NAME__state, as read from a file


@dataclass(frozen=True)
class Comparison:
    """What is compared: the key that pairs the rows, and the fields of each pair."""

    entity: str
    key: tuple[str, ...]
    fields: tuple[ComparedField, ...]
    account: str | None = None  # column with the account; without it, the record's key stands there
    at_stake: str | None = None  # money field that tells the value of a record on one side only
    optional: tuple[str, ...] = ()  # the last parts of the key, which most records do not have

    def mirrored(self) -> "Comparison":
        """The same comparison for exchanged sides."""
        other = {"left": "right", "right": "left"}
        turned = (replace(f, codes_from=other[f.codes_from]) for f in self.fields)
        return replace(self, fields=tuple(turned))


class Compared(NamedTuple):
    """What a comparison makes: the differences, and one row of tallies that must add up."""

    differences: ibis.Table
    tallies: ibis.Table


@dataclass(frozen=True)
class Tally:
    """How the rows of both sides were paired; made only where the rows add up."""

    left_rows: int
    right_rows: int
    matched: int
    missing: int
    extra: int
    duplicate_keys: int
    left_duplicates: int
    right_duplicates: int

    def __post_init__(self) -> None:
        assert self.left_rows == self.matched + self.missing + self.left_duplicates, self
        assert self.right_rows == self.matched + self.extra + self.right_duplicates, self


def canonical(  # noqa: PLR0913 - what a comparison is
    entity: str,
    *,
    key: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    at_stake: str | None = None,
    tolerances: dict[str, int] | None = None,
    optional: tuple[str, ...] = (),
) -> Comparison:
    """The comparison of a canonical table: by its own key and all its other columns unless told."""
    dataset, tolerances = CANONICAL[entity], tolerances or {}
    keys = tuple(key or dataset.key)
    columns = {c.name: c.type for c in dataset.columns}
    wanted = tuple(fields) if fields is not None else tuple(c for c in columns if c not in keys)
    currency = "currency" if "currency" in columns else None
    compared = tuple(
        _canonical_field(name, columns[name], currency, tolerances.get(name, 0)) for name in wanted
    )
    account = "account_key" if "account_key" in columns else dataset.key[0]
    return Comparison(entity, keys, compared, account, at_stake, optional)


def _canonical_field(name: str, type_: str, currency: str | None, tolerance: int) -> ComparedField:
    """A column as a compared field; its unit is the end of its name."""
    unit = name.rsplit("_", 1)[-1]
    if type_ == "integer" and unit in ("nanos", "minor"):
        return ComparedField(name, "money", unit, None, None, currency, tolerance)
    if type_ == "integer":
        return ComparedField(name, type_, "count", tolerance=tolerance)
    return ComparedField(name, type_)


def compare(left: ibis.Table, right: ibis.Table, comparison: Comparison) -> Compared:
    """Left and right rows -> DIFFERENCES, paired by key and never by position; and their tallies.

    Reads the key, account and field columns of both sides. On large tables store what each of the
    verbs makes before the next one reads it.
    """
    repeated = repeated_keys(left, right, comparison)
    doubled = doubled_keys(left, right, repeated, comparison)
    differences = differing(left, right, doubled, comparison)
    return Compared(differences, tallies(left, right, doubled, differences))


def repeated_keys(left: ibis.Table, right: ibis.Table, comparison: Comparison) -> ibis.Table:
    """The keys that stand more than once on a side; each side is looked at by itself."""
    keys, parts = list(comparison.key), []
    for table in (left, right):
        groups = table.group_by(*keys).aggregate(rows__=table.count())
        parts.append(groups.filter(groups.rows__ > 1).drop("rows__"))
    return ibis.union(*parts, distinct=True)


def doubled_keys(
    left: ibis.Table, right: ibis.Table, repeated: ibis.Table, comparison: Comparison
) -> ibis.Table:
    """The repeated keys with their account and their rows on both sides."""
    account, keys = comparison.account or comparison.key[0], list(comparison.key)
    counted = [_rows_with(table, repeated, keys, account) for table in (left, right)]
    both = ibis.union(counted[0].mutate(on_left=True), counted[1].mutate(on_left=False))
    return both.group_by(*keys).aggregate(
        account__=both.account__.min(),
        left_rows=both.on_left.sum().cast("int64"),
        right_rows=(~both.on_left).sum().cast("int64"),
    )


def _rows_with(
    table: ibis.Table, keyed: ibis.Table, keys: Sequence[str], account: str
) -> ibis.Table:
    """The rows with these keys: the keys, and ``account__``."""
    same = [table[key].identical_to(keyed[key]) for key in keys]
    rows = table.semi_join(keyed, same)
    return rows.select(*keys, account__=rows[account].cast("string"))


def differing(
    left: ibis.Table, right: ibis.Table, doubled: ibis.Table, comparison: Comparison
) -> ibis.Table:
    """Left and right rows -> DIFFERENCES.

    Keys that stand more than once on a side are reported once each and not paired. An empty part of
    a key equals an empty part.
    """
    pairs = _pairs(left, right, doubled, comparison)
    found = _unpaired_and_different(pairs, comparison)
    return ibis.union(found, _duplicates(doubled, comparison))


def tallies(
    left: ibis.Table, right: ibis.Table, doubled: ibis.Table, differences: ibis.Table
) -> ibis.Table:
    """One row: how many rows and keys are in each state; ``tally`` proves that they add up.

    Which rows matched is told by the left side alone. That they are as many on the right is what
    the proof is about.
    """
    d, keys = differences, doubled
    alone = d.aggregate(
        missing=d.count(where=d.kind == "missing"), extra=d.count(where=d.kind == "extra")
    )
    twice = keys.aggregate(
        duplicate_keys=keys.count(),
        left_duplicates=keys.left_rows.sum().fill_null(0).cast("int64"),
        right_duplicates=keys.right_rows.sum().fill_null(0).cast("int64"),
    )
    counts = left.aggregate(left_rows=left.count()).cross_join(
        right.aggregate(right_rows=right.count()), alone, twice
    )
    return counts.mutate(matched=counts.left_rows - counts.missing - counts.left_duplicates)


def tally(compared: Compared) -> Tally:
    """Count how the rows were paired, and prove that none was lost."""
    return tally_of(compared.tallies.to_pyarrow().to_pylist()[0])


def tally_of(row: Mapping[str, int | None]) -> Tally:
    """The row of ``tallies``, proved."""
    return Tally(**{name: int(value or 0) for name, value in row.items()})


def text_column(compared: ComparedField) -> str:
    """The column with the field's text, as it was read where it was read."""
    return f"{compared.name}__text" if compared.read else compared.name


@dataclass(frozen=True)
class _Pairs:
    """The outer join of both sides; ``left(name)`` and ``right(name)`` are its columns."""

    table: ibis.Table
    columns: tuple[str, ...] = field(default=())

    def left(self, name: str) -> ir.Value:
        return self.table[f"left__{name}"]

    def right(self, name: str) -> ir.Value:
        return self.table[f"right__{name}"]

    def either(self, name: str) -> ir.Value:
        return ibis.coalesce(self.left(name), self.right(name))


def _pairs(
    left: ibis.Table, right: ibis.Table, doubled: ibis.Table, comparison: Comparison
) -> _Pairs:
    """Rows of both sides beside each other where the key stands once on each side."""
    columns = _columns(comparison)

    def side(table: ibis.Table, prefix: str) -> ibis.Table:
        same = [table[k].identical_to(doubled[k]) for k in comparison.key]
        once = table.anti_join(doubled, same)
        named = {f"{prefix}__{name}": once[name] for name in columns}
        return once.select(**named, **{f"{prefix}__here__": ibis.literal(True)})

    # ``view`` keeps Ibis from moving the left side's ``here`` behind the outer join, where it would
    # be true for every row.
    lefts, rights = side(left, "left").view(), side(right, "right").view()
    same = [lefts[f"left__{k}"].identical_to(rights[f"right__{k}"]) for k in comparison.key]
    return _Pairs(lefts.outer_join(rights, same), columns)


def _columns(comparison: Comparison) -> tuple[str, ...]:
    """Every column that the comparison reads, once, in order."""
    names = [*comparison.key, *([comparison.account] if comparison.account else [])]
    for f in comparison.fields:
        names += [f.name, *([f.currency_column] if f.currency_column else [])]
        names += [f"{f.name}__text", f"{f.name}__state"] if f.read else []
    return tuple(dict.fromkeys(names))


def _unpaired_and_different(pairs: _Pairs, comparison: Comparison) -> ibis.Table:
    """One row for each record on one side only and for each differing field of a pair."""
    both = pairs.left("here__").notnull() & pairs.right("here__").notnull()
    differs = {f.name: both & _differs(pairs, f) for f in comparison.fields}
    some = reduce(or_, differs.values(), ~both)
    items = [_whole_record(pairs, comparison, ~both)]
    items += [_field_item(pairs, f, differs[f.name]) for f in comparison.fields]
    account = pairs.either(comparison.account or comparison.key[0]).cast("string")
    chosen = pairs.table.filter(some).select(
        entity=ibis.literal(comparison.entity),
        account_key=account,
        record_key=record_key(pairs.either, comparison.key, comparison.optional),
        item=ibis.array(items).unnest(),
    )
    rows = chosen.unpack("item")
    return _shaped(rows.filter(rows.listed))


def _duplicates(doubled: ibis.Table, comparison: Comparison) -> ibis.Table:
    """One row for each key that stands more than once on a side: how often on each."""
    item = _item(
        field=ibis.literal(WHOLE_RECORD),
        kind=ibis.literal("duplicate_key"),
        left_value=doubled.left_rows.cast("string"),
        right_value=doubled.right_rows.cast("string"),
    )
    return _shaped(
        doubled.select(
            entity=ibis.literal(comparison.entity),
            account_key=doubled.account__,
            record_key=record_key(lambda name: doubled[name], comparison.key, comparison.optional),
            **item,
        )
    )


def _shaped(rows: ibis.Table) -> ibis.Table:
    """The rows with exactly the columns of DIFFERENCES."""
    return rows.select(**{name: rows[name].cast(type_) for name, type_ in DIFFERENCES.items()})


def record_key(
    column: Callable[[str], ir.Value], key: tuple[str, ...], optional: tuple[str, ...] = ()
) -> ir.Value:
    """The parts of the key as text, joined by ``|``, unmistakable: an empty part is empty text.

    The ``optional`` ones, its last, are left out where all of them are empty.
    """
    whole = _joined(column, key)
    if not optional:
        return whole
    some = reduce(or_, (column(name).notnull() for name in optional))
    return ibis.ifelse(some, whole, _joined(column, key[: -len(optional)]))


def _joined(column: Callable[[str], ir.Value], key: tuple[str, ...]) -> ir.Value:
    parts = [column(name).cast("string") for name in key]
    if len(parts) == 1:
        return parts[0].fill_null("")
    escaped = (part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)
    written = (ibis.ifelse(part == "", "\\", part).fill_null("") for part in escaped)
    return ibis.literal("|").join(list(written))


def written_part(part: str | None) -> str:
    """One part of a key of several as ``record_key`` writes it."""
    if part is None:
        return ""
    return part.replace("\\", "\\\\").replace("|", "\\|") or "\\"


def _item(**given: ir.Value) -> dict[str, ir.Value]:
    """The columns of a difference beside its keys; what is not given is empty."""
    names = [n for n in DIFFERENCES if n not in ("entity", "account_key", "record_key")]
    empty = {name: ibis.null(DIFFERENCES[name]) for name in names}
    return {name: given.get(name, empty[name]).cast(DIFFERENCES[name]) for name in names}


def _whole_record(pairs: _Pairs, comparison: Comparison, listed: ir.Value) -> ir.Value:
    """A record on one side only, with the money that is at stake."""
    kind = ibis.ifelse(pairs.left("here__").notnull(), "missing", "extra")
    stake = next((f for f in comparison.fields if f.name == comparison.at_stake), None)
    money = {} if stake is None else _money(pairs, stake, comparable=ibis.literal(True))
    item = _item(field=ibis.literal(WHOLE_RECORD), kind=kind, **money)
    return ibis.struct({**item, "listed": listed})


def _field_item(pairs: _Pairs, compared: ComparedField, listed: ir.Value) -> ir.Value:
    """One field of a pair with both values as text."""
    text = text_column(compared)
    lefts, rights = (side(text).cast("string") for side in (pairs.left, pairs.right))
    item = _item(
        field=ibis.literal(compared.name),
        kind=ibis.literal("different"),
        left_value=lefts,
        right_value=rights,
        type=ibis.literal(compared.type),
        left_state=_state(pairs.left, compared),
        right_state=_state(pairs.right, compared),
        **_money(pairs, compared, comparable=_one_currency(pairs, compared)),
        **_tolerated(pairs, compared),
    )
    return ibis.struct({**item, "listed": listed})


def _state(side: Callable[[str], ir.Value], compared: ComparedField) -> ir.Value:
    """What stands in the cell."""
    if compared.read:
        return side(f"{compared.name}__state")
    return ibis.ifelse(side(compared.name).isnull(), EMPTY, VALUE)


def _differs(pairs: _Pairs, compared: ComparedField) -> ir.BooleanValue:
    """Whether the field differs: unreadable texts by their text, all else by value and code."""
    values = pairs.left(compared.name), pairs.right(compared.name)
    same = values[0].identical_to(values[1])
    if compared.codes:
        given, other = values if compared.codes_from == "left" else values[::-1]
        same = same_by_code(given, other, compared, same)
    if not compared.read:
        return ~same
    name = compared.name
    unreadable = (pairs.left(f"{name}__state") == UNREADABLE) | (
        pairs.right(f"{name}__state") == UNREADABLE
    )
    same_text = pairs.left(f"{name}__text").identical_to(pairs.right(f"{name}__text"))
    return ~ibis.ifelse(unreadable, same_text, same)


def same_by_code(
    given: ir.Value, other: ir.Value, compared: ComparedField, same: ir.Value
) -> ir.Value:
    """A coded value equals what its code allows, and nothing else, not even itself."""
    cases = []
    for code, allowed in compared.codes:
        texts = [text for text in allowed if text is not None]
        fits = other.isin(texts).fill_null(False) if texts else ibis.literal(False)
        cases.append((given == code, fits | other.isnull() if None in allowed else fits))
    return ibis.cases(*cases, else_=same)


def _amount(pairs: _Pairs, compared: ComparedField) -> ir.Value:
    """Right minus left; a side without a number counts as nothing, so that the totals tie."""
    lefts, rights = pairs.left(compared.name), pairs.right(compared.name)
    return rights.fill_null(0).cast("int64") - lefts.fill_null(0).cast("int64")


def _one_currency(pairs: _Pairs, compared: ComparedField) -> ir.Value:
    """Whether the two amounts are in one currency; otherwise they have no difference."""
    if not compared.currency_column:
        return ibis.literal(True)
    column = compared.currency_column
    return pairs.left(column).identical_to(pairs.right(column))


def _money(pairs: _Pairs, compared: ComparedField, *, comparable: ir.Value) -> dict[str, ir.Value]:
    """Amount, unit, amount in minor units, digits and currency of a number; nothing for others."""
    if compared.unit is None:
        return {}
    amount = ibis.ifelse(comparable, _amount(pairs, compared), ibis.null("int64"))
    money: dict[str, ir.Value] = {
        "left_number": pairs.left(compared.name),
        "right_number": pairs.right(compared.name),
        "amount": amount,
        "unit": ibis.literal(compared.unit),
    }
    if compared.type != "money":
        return money
    currency = ibis.literal(compared.currency, "string")
    if compared.currency_column:
        shown = pairs.either(compared.currency_column)
        currency = ibis.ifelse(comparable, shown, ibis.null("string"))
    digits = _digits(currency, compared)
    minor = amount if compared.unit == "minor" else _minor(amount, digits)
    return {**money, "amount_minor": minor, "digits": digits, "currency": currency}


def _digits(currency: ir.Value, compared: ComparedField) -> ir.Value:
    """The digits of the minor unit: as stated, else those of the currency, else empty."""
    if not compared.currency_column or compared.digits is not None:
        known = MINOR_DIGITS.get(compared.currency or "")
        return ibis.literal(known if compared.digits is None else compared.digits, "int64")
    codes: dict[int, list[str]] = {}
    for code, digits in MINOR_DIGITS.items():
        codes.setdefault(digits, []).append(code)
    cases = [(currency.isin(known), ibis.literal(d, "int64")) for d, known in codes.items()]
    return ibis.cases(*cases, else_=ibis.null("int64"))


def _minor(amount: ir.Value, digits: ir.Value) -> ir.Value:
    """Nanos in minor units; empty where that would not be exact."""
    cases = []
    for count in sorted(set(MINOR_DIGITS.values())):
        per_minor = nanos_per_minor(count)
        exact = (digits.fill_null(-1) == count) & (amount % per_minor == 0)
        cases.append((exact, div_trunc(amount, per_minor)))
    return ibis.cases(*cases, else_=ibis.null("int64"))


def _tolerated(pairs: _Pairs, compared: ComparedField) -> dict[str, ir.Value]:
    """Whether both sides hold a number and the difference is within the field's tolerance."""
    if compared.unit is None or not compared.tolerance:
        return {"within_tolerance": ibis.literal(False)}
    numbers = _state(pairs.left, compared) == VALUE
    numbers = numbers & (_state(pairs.right, compared) == VALUE) & _one_currency(pairs, compared)
    return {"within_tolerance": numbers & (_amount(pairs, compared).abs() <= compared.tolerance)}
