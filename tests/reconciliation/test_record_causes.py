"""Runs the case tables of record_causes/: records of both sides, and what each difference is told.

A cell holds records, parted by semicolons: the key, then field=value. What a record does not say is
taken from ``base`` of its table; a blank cell holds no record.
"""

from datetime import date, datetime
from functools import cache
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from crossbill.engine.datasets import CANONICAL
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.replacement.reconciliation.compare import compare
from crossbill.replacement.reconciliation.reconcile import classified_rest, comparison_of, rest
from crossbill.replacement.reconciliation.records import record_causes

ENGINE = DuckDBBackend().connect()
FOLDER = Path(__file__).parent / "record_causes"
TABLES = ("customer", "account", "product", "open_item", "balance")
TOPICS = sorted(path.stem for path in FOLDER.glob("*.md"))
TYPES = {
    "integer": int,
    "date": date.fromisoformat,
    "instant": datetime.fromisoformat,
    "boolean": lambda text: text == "yes",
}
BASE = {
    "customer": {"customer_key": "A", "name": "Ada", "kind": "person", "segment": "consumer"},
    "account": {
        "customer_key": "A", "status": "active", "currency": "USD", "tax_code": "NY01",
        "bill_cycle_day": "1", "disputed": "no",
    },
    "product": {
        "offering_code": "FIBRE", "source_code": "F100", "quantity": "1",
        "start_date": "2020-01-01", "changed_at": "2024-01-01",
    },
    "open_item": {
        "kind": "invoice", "document_number": "D1", "document_date": "2024-03-01",
        "due_date": "2024-03-15", "currency": "USD", "original_minor": "2000", "paid_minor": "0",
        "open_minor": "2000",
    },
    "balance": {"currency": "USD", "balance_minor": "2000"},
}  # fmt: skip


def cases(topic: str) -> list[dict[str, str]]:
    """The rows of a topic's table."""
    lines = (FOLDER / f"{topic}.md").read_text("utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    header, _, *rows = cells
    return [dict(zip(header, row, strict=True)) for row in rows]


def records(text: str, account: str) -> list[tuple[str, dict]]:
    """The records of a cell, each with the name of its table."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        table, key, *said = part.split()
        columns = {c.name: c for c in CANONICAL[table].columns}
        values = BASE[table] | {"account_key": account}
        values |= {CANONICAL[table].key[0]: account if key == "-" else f"{account} {key}"}
        values |= dict(pair.replace("=_", "= ").split("=") for pair in said)
        typed = {name: None if v == "none" else v for name, v in values.items()}
        typed = {
            name: TYPES.get(columns[name].type, str)(v) if v is not None else None
            for name, v in typed.items()
            if name in columns
        }
        found.append((table, typed))
    return found


@cache
def told() -> dict[str, list[dict]]:
    """The differences of all cases of all tables with their classes, by account."""
    sides: dict[str, dict[str, list]] = {side: {t: [] for t in TABLES} for side in ("old", "new")}
    for topic in TOPICS:
        for case in cases(topic):
            for side, tables in sides.items():
                for table, row in records(case[side], f"{topic}: {case['case']}"):
                    tables[table].append(row)
    old, new = ({t: _table(t, rows) for t, rows in tables.items()} for tables in sides.values())
    found = [
        compare(
            old[t], new[t], comparison_of(t, [c.name for c in CANONICAL[t].columns])
        ).differences
        for t in TABLES
    ]
    stored = ibis.memtable(ENGINE.to_pyarrow(ibis.union(*found)))
    rows = ENGINE.to_pyarrow(classified_rest(rest(stored), old, new)).to_pylist()
    by_account: dict[str, list[dict]] = {}
    for row in rows:
        by_account.setdefault(row["account_key"], []).append(row)
    return by_account


def _table(name: str, rows: list[dict]) -> ibis.Table:
    schema = pa.schema([field.with_nullable(True) for field in CANONICAL[name].arrow])
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


@pytest.mark.parametrize("topic", TOPICS)
def test_record_cause_cases(topic):
    wrong = {}
    for case in cases(topic):
        found = told().get(f"{topic}: {case['case']}", [])
        said = {f"{d['entity']}.{d['field']}": d["class_code"] for d in found}
        expected = dict(pair.split("=") for pair in case["told"].split())
        if said != expected:
            wrong[case["case"]] = said
        elif case["evidence"] and not any(case["evidence"] in d["evidence"] for d in found):
            wrong[case["case"]] = [d["evidence"] for d in found]
    assert not wrong


def test_every_record_cause_has_a_table_that_shows_it():
    causes = {cause.CODE.lower(): cause.CODE for cause in record_causes(TABLES)}
    assert set(causes) == set(TOPICS)
    for topic, code in causes.items():
        assert any(code in case["told"] for case in cases(topic))


def test_a_cause_is_asked_only_where_its_tables_are():
    assert {cause.CODE for cause in record_causes(("customer",))} == {"SENTINEL"}
