"""Bills from files to files, without a database: a snapshot's folder, a period, and a policy."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.money import format_minor, minor_digits
from crossbill.core.period import month_period
from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.engine.billing_datasets import (
    BILL_TAX,
    CHARGED,
    COMPUTED_BILL,
    COMPUTED_LINE,
    CREDIT_USE,
    PERIODS,
    SAID_TAX,
)
from crossbill.engine.calculation import Tables
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import CHARGE, POLICY, UNRESOLVED
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow, total
from crossbill.engine.yaml_file import YamlFile, parse_yaml, read_yaml
from crossbill.platform.billing.bills import bill_population, complete
from crossbill.platform.billing.charged import charged_after
from crossbill.platform.billing.payers import families
from crossbill.platform.billing.read_snapshot import read_snapshot
from crossbill.platform.billing.resolve import PROVED, resolution_proof

CYCLES = range(1, 32)
MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
RESULTS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        COMPUTED_BILL, COMPUTED_LINE, BILL_TAX, CREDIT_USE, CHARGE, UNRESOLVED, CHARGED,
    )
}  # fmt: skip
MONEY = ("net_minor", "tax_minor", "total_minor", "credit_minor", "due_minor")


class NotABillPeriod(Refusal):
    """No bill cycle has this period. Name a month, or the first day of a cycle."""

    code: ClassVar[str] = "NOT_A_BILL_PERIOD"


POLICY_CURE = "see docs/reference/policy.md"


class PolicyNotKnown(Refusal):
    """The accounts do not say by which rules they are billed. Name a policy, or a file of one."""

    code: ClassVar[str] = "POLICY_NOT_KNOWN"


class AccountNotThere(Refusal):
    """The snapshot has no such account. Check the key, or take another snapshot."""

    code: ClassVar[str] = "ACCOUNT_NOT_THERE"


@dataclass(frozen=True)
class Computed:
    """The results as tables that live as long as the engine, by the name of their dataset."""

    backend: Backend
    tables: Tables

    def fetch(self, name: str) -> pa.Table:
        """One result in memory, in order of its key."""
        dataset = RESULTS[name]
        rows = self.tables[name].select(*dataset.ibis).order_by(*dataset.key)
        fetched: pa.Table = self.backend.to_pyarrow(rows)
        return fetched

    def said(self) -> pa.Table:
        """The rates of these bills' taxes that a provider has said, as SAID_TAX."""
        rates = with_said_by(self.tables[SAID_TAX.name])
        mine = rates.filter(rates.said_by.notnull()).semi_join(
            self.tables[BILL_TAX.name], ["tax_code", "tax_name"]
        )
        fetched: pa.Table = self.backend.to_pyarrow(mine)
        return fetched


def with_said_by(rates: ir.Table) -> ir.Table:
    """The columns of SAID_TAX; rates that no snapshot or catalogue states are nobody's."""
    if "said_by" not in rates.columns:
        rates = rates.mutate(said_by=ibis.null("string"))
    return rates.select(*SAID_TAX.ibis)


@contextmanager
def computed(
    snapshot: Path, *, period: str, policy: str | None = None, account: str | None = None
) -> Iterator[Computed]:
    """Bill a snapshot's folder, or one of its accounts, for a period such as 2026-03.

    ``policy`` is a YAML file or a policy_code of the snapshot's own table, for all accounts.
    """
    with connect() as backend, refusing_overflow():
        tables = read_snapshot(backend, snapshot)
        if account is not None:
            tables = only(backend, tables, account)
        tables = with_policy(backend, tables, policy)
        tables["periods"] = ibis.memtable(periods(period))
        yield Computed(backend, bill_tables(backend, tables))


def bill_tables(backend: Backend, tables: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """Bill the tables of a snapshot, prove that nothing vanished, and say what is charged now."""
    held = complete(backend, tables)
    done = bill_population(backend, held)
    proof = resolution_proof(*(done[name] for name in PROVED))
    row = backend.to_pyarrow(proof).to_pylist()[0]
    assert row["balanced"], f"a product is neither charged nor waiting nor told: {row}"
    prove_payers(backend, done)
    done["charged"] = charged_after(done["charge"], held["charged"])
    return done


def prove_payers(backend: Backend, done: Tables) -> None:
    """What is on the bills is what was charged, whoever pays it."""
    lines = done["net_line"]
    parts = [lines.amount_minor, *([done["true_up"].amount_minor] if "true_up" in done else [])]
    charged = sum(backend.to_pyarrow(total(part)).as_py() or 0 for part in parts)
    billed = backend.to_pyarrow(total(done["taxed"].amount_minor)).as_py() or 0
    told = done["unresolved"].filter(done["unresolved"].field == "tax_category").count()
    untold = backend.to_pyarrow(told).as_py() == 0
    assert charged == billed or not untold, f"charged {charged}, on bills {billed}"


def periods(text: str) -> pa.Table:
    """The dataset ``periods`` for a month (every bill cycle's own) or one cycle's first day."""
    month = MONTH.fullmatch(text)
    try:
        days = [read_day(text)] if month is None else []
        year, number = (int(part) for part in (month.groups() if month else text.split("-")[:2]))
        found = [(cycle, month_period(year, number, cycle)) for cycle in CYCLES]
    except ValueError as error:
        raise NotABillPeriod(
            "not a bill period", value=text, cure="write a month as 2026-03"
        ) from error
    rows = [
        {"period_from": span.from_date, "period_to": span.to_date, "bill_cycle_day": cycle}
        for cycle, span in found
        if not days or cycle == days[0].day
    ]
    return pa.Table.from_pylist(rows, PERIODS.arrow)


def with_policy(
    backend: Backend, tables: Mapping[str, ir.Table], policy: str | None
) -> dict[str, ir.Table]:
    """The same tables with ``policy``, and each account billed by one of its rows."""
    held = dict(tables)
    if policy is not None and Path(policy).suffix in (".yaml", ".yml"):
        one = read_policy(Path(policy))
        held["policy"] = ibis.memtable(pa.Table.from_pylist([one.as_row()], POLICY.arrow))
        policy = one.policy_code
    if "policy" not in held:
        cure = "give --policy FILE.yaml, or put policy.csv into the snapshot"
        raise PolicyNotKnown("there is no policy", field="policy", value=policy, cure=cure)
    known = backend.to_pyarrow(held["policy"].policy_code).to_pylist()
    if policy is None and len(known) == 1:
        policy = known[0]
    if policy is not None:
        if policy not in known:
            cure = f"one of {', '.join(known)}, or a YAML file"
            raise PolicyNotKnown("no such policy", field="policy", value=policy, cure=cure)
        held["account"] = held["account"].mutate(policy_code=ibis.literal(policy))
    return held


def read_policy(path: Path) -> Policy:
    """A policy from a YAML file."""
    return _policy(read_yaml(path, refusal=PolicyNotKnown, cure=POLICY_CURE))


def parse_policy(text: str, *, name: str) -> Policy:
    """As ``read_policy``, of a text that is at hand; refusals call it by the name."""
    return _policy(parse_yaml(text, name=name, refusal=PolicyNotKnown, cure=POLICY_CURE))


def _policy(file: YamlFile) -> Policy:
    values = file.value if isinstance(file.value, dict) else {}
    return Policy.from_mapping(values.get("policy", values), file=file.name)


def only(backend: Backend, tables: Mapping[str, ir.Table], account: str) -> dict[str, ir.Table]:
    """The tables of one account, and of those that pay for it or that it pays for."""
    family = family_table(backend, tables)
    known = family.filter(family.member == account).first_key
    first = backend.to_pyarrow(known).to_pylist() or [account]
    held = within(backend, tables, family, lambda key: key == first[0])
    if not backend.to_pyarrow(held["account"].count()).as_py():
        raise AccountNotThere(
            "no such account", field="account_key", value=account, cure="check it"
        )
    return held


def family_table(backend: Backend, tables: Mapping[str, ir.Table]) -> ir.Table:
    """Each ``member`` that pays or is paid for, and the ``first_key`` of all that hang together."""
    rules: list[dict[str, str]] = []
    if "payer" in tables:
        pairs = tables["payer"].select("account_key", "payer_key")
        rules = backend.to_pyarrow(pairs).to_pylist()
    rows = [{"member": key, "first_key": first} for key, first in families(rules).items()]
    schema = pa.schema([("member", pa.string()), ("first_key", pa.string())])
    return ibis.memtable(pa.Table.from_pylist(rows, schema))


def within(
    backend: Backend,
    tables: Mapping[str, ir.Table],
    family: ir.Table,
    wanted: Callable[[ir.StringValue], ir.BooleanValue],
) -> dict[str, ir.Table]:
    """The tables of the accounts whose keys are wanted.

    What is shared between two accounts is billed with both: all of a family goes by its first key.
    """
    held = dict(tables)
    for name in (name for name, rows in tables.items() if "account_key" in rows.columns):
        rows = tables[name]
        joined = rows.left_join(family, rows.account_key == family.member)
        key = joined.first_key.coalesce(joined.account_key)
        mine = joined.filter(wanted(key)).select(*rows.columns)
        held[name] = backend.create_table(f"within_{name}", mine, temp=True, overwrite=True)
    if "charged" in held:
        held["charged"] = held["charged"].semi_join(held["product"], "product_key")
    return held


def summary(backend: Backend, tables: Tables) -> dict[str, Any]:
    """Counts and sums by currency, category and tax; and what could not be charged, by code."""
    bills, lines, taxes = tables["bill"], tables["bill_line"], tables["bill_tax"]
    by_currency = bills.group_by("currency").aggregate(
        bills=bills.count(), **{name: total(bills[name]) for name in MONEY}
    )
    by_category = lines.group_by("currency", "category").aggregate(
        lines=lines.count(), net_minor=total(lines.net_minor)
    )
    joined = taxes.inner_join(bills.select("bill_key", "currency"), "bill_key")
    by_tax = joined.group_by("currency", "tax_name").aggregate(tax_minor=total(joined.tax_minor))
    open_rows = tables["unresolved"]
    by_code = open_rows.group_by("code").aggregate(products=open_rows.count())
    read = {
        name: backend.to_pyarrow(rows.order_by(*rows.columns[:2])).to_pylist()
        for name, rows in (
            ("totals", by_currency), ("categories", by_category), ("taxes", by_tax),
            ("unresolved", by_code),
        )
    }  # fmt: skip
    _prove_sums(read)
    return {
        "totals": [_in_words(row) for row in read["totals"]],
        "categories": [_in_words(row) for row in read["categories"]],
        "taxes": [_in_words(row) for row in read["taxes"]],
        "unresolved": {row["code"]: row["products"] for row in read["unresolved"]},
    }


def _prove_sums(read: Mapping[str, list[dict[str, Any]]]) -> None:
    """What the bills say is what their lines and taxes add up to."""
    for row in read["totals"]:
        mine = {
            name: sum(r[name] for r in read[table] if r["currency"] == row["currency"])
            for table, name in (("categories", "net_minor"), ("taxes", "tax_minor"))
        }
        assert mine == {name: row[name] for name in mine}, f"lines {mine} are not the bills' {row}"
        assert row["total_minor"] == row["net_minor"] + row["tax_minor"], row


def _in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its money as decimal text."""
    digits = minor_digits(row["currency"])
    return {
        name.removesuffix("_minor"): format_minor(int(value), digits)
        if name.endswith("_minor")
        else value
        for name, value in row.items()
    }
