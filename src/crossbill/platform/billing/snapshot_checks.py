"""What a snapshot of files may not say: the first fault of its tables, before anything is billed.

The books keep these rules by constraints. Files have none: a row that stands twice would be billed
twice, and one of an account that is not there would be left out without a word.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.engine.rating_datasets import USAGE_CHARGE
from crossbill.platform.billing.bills import INPUTS
from crossbill.platform.billing.resolve import PPM

LARGEST_MINOR = 10**15
LATEST = date(2400, 1, 1)
KINDS = ("percentage", "amount")
# What would be billed once for each of its rows. Accounts, prices, policies and rates that stand
# twice are told by the engine, product by product; discounts and exemptions may end and begin.
ONCE = {
    name: INPUTS[name].key
    for name in ("customer", "product", "component", "charged", "commitment", "credit")
} | {"usage_charge": USAGE_CHARGE.key}
OF_ACCOUNTS = ("commitment", "credit", "discount", "exemption")


@dataclass(frozen=True)
class Fault:
    """What is wrong in a table, where, and what to do."""

    table: str
    field: str
    value: str
    what: str
    cure: str


@dataclass(frozen=True)
class _Rule:
    """A value that a row of a table may not have."""

    table: str
    field: str
    what: str
    cure: str
    wrong: Callable[[ir.Table], ir.BooleanValue]


def _beyond(field: str, largest: int) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda rows: ~rows[field].between(0, largest)


def _stated_otherwise(rows: ir.Table) -> ir.BooleanValue:
    """Whether a discount states no value of its kind, or one of the other kind."""
    share = rows.kind == KINDS[0]
    return (share != rows.rate_ppm.notnull()) | (share == rows.amount_minor.notnull())


AMOUNT = "negative or absurdly high"
RULES = [
    _Rule("account", "bill_cycle_day", "no day of a month", "1 to 31",
          lambda rows: ~rows.bill_cycle_day.between(1, 31)),
    _Rule("product", "end_date", "it ends before it starts", "mend one of the two days",
          lambda rows: rows.end_date < rows.start_date),
    _Rule("charged", "charged_through", "absurdly late", "the day up to which it was charged",
          lambda rows: rows.charged_through >= LATEST),
    _Rule("usage_charge", "period_to", "the period does not end after it starts",
          "mend one of the two days", lambda rows: rows.period_to <= rows.period_from),
    _Rule("commitment", "amount_minor", AMOUNT, "minor units from 0 on",
          _beyond("amount_minor", LARGEST_MINOR)),
    _Rule("credit", "left_minor", AMOUNT, "minor units from 0 on",
          _beyond("left_minor", LARGEST_MINOR)),
    _Rule("discount", "kind", "no such kind", f"one of {', '.join(KINDS)}",
          lambda rows: rows.kind.notin(KINDS)),
    _Rule("discount", "rate_ppm", "not a share", "0 to 100 percent", _beyond("rate_ppm", PPM)),
    _Rule("discount", "amount_minor", AMOUNT, "minor units from 0 on",
          _beyond("amount_minor", LARGEST_MINOR)),
    _Rule("discount", "kind", "it states no value of its kind, or that of another",
          "a percentage has a rate, an amount an amount", _stated_otherwise),
]  # fmt: skip


def first_fault(backend: Backend, tables: Mapping[str, ir.Table]) -> Fault | None:
    """The first fault of a snapshot's tables, if there is one."""
    found = [
        (Fault(rule.table, rule.field, "", rule.what, rule.cure), _values(rule, tables))
        for rule in RULES
        if rule.table in tables
    ]
    found += [_doubled(name, tables[name]) for name in ONCE if name in tables]
    found += [_of_nobody(name, tables) for name in OF_ACCOUNTS if name in tables]
    if "charged" in tables:
        found.append(_of_no_product(tables))
    parts = [
        rows.select(place=ibis.literal(place, "int64"), value=rows.value).limit(1)
        for place, (_, rows) in enumerate(found)
    ]
    first = backend.to_pyarrow(ibis.union(*parts).order_by("place").limit(1)).to_pylist()
    for row in first:
        fault, _ = found[row["place"]]
        return Fault(fault.table, fault.field, row["value"] or "", fault.what, fault.cure)
    return None


def _values(rule: _Rule, tables: Mapping[str, ir.Table]) -> ir.Table:
    rows = tables[rule.table]
    wrong = rows.filter(rule.wrong(rows))
    return wrong.select(value=wrong[rule.field].cast("string"))


def _doubled(name: str, rows: ir.Table) -> tuple[Fault, ir.Table]:
    """Keys that several rows have."""
    key = ONCE[name]
    twice = rows.group_by(*key).aggregate(times=rows.count()).filter(lambda t: t.times > 1)
    fault = Fault(name, key[0], "", f"several rows have one {', '.join(key)}", "keep one of them")
    return fault, twice.select(value=twice[key[0]].cast("string"))


def _of_nobody(name: str, tables: Mapping[str, ir.Table]) -> tuple[Fault, ir.Table]:
    rows = tables[name].anti_join(tables["account"], "account_key")
    fault = Fault(name, "account_key", "", "there is no such account", "add it, or mend the key")
    return fault, rows.select(value=rows.account_key)


def _of_no_product(tables: Mapping[str, ir.Table]) -> tuple[Fault, ir.Table]:
    rows = tables["charged"].anti_join(tables["product"], "product_key")
    fault = Fault("charged", "product_key", "", "there is no such product", "mend the key")
    return fault, rows.select(value=rows.product_key)
