"""Parquet compared as it is stored gives what reading all of it as text gives."""

import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossbill.replacement.reconciliation import reconcile_extracts
from crossbill.replacement.reconciliation.as_stored import can_stay
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled
from crossbill.replacement.reconciliation.spec import read_spec

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "day": pa.date32(),
        "charge": pa.decimal128(18, 2),
        "fee": pa.decimal128(12, 4),
        "units": pa.int64(),
        "paid": pa.bool_(),
        "state": pa.string(),
        "name": pa.string(),
    }
)
SPEC = """
name: two systems
left: {file: left-*.parquet, format: parquet}
right: {file: right.parquet, format: parquet}
key: [{name: id, left: id, right: id}, {name: on, left: day, right: day, normalise: []}]
fields:
  - {name: charge, type: money, currency: EUR, sentinels: ["-1"], tolerance: "0.01"}
  - {name: fee, type: money, currency: EUR}
  - {name: units, type: integer, sentinels: ["-10..-5"]}
  - {name: paid, type: boolean}
  - {name: state, codes: {A: [active, null], C: closed}}
  - {name: name, normalise: [trim, upper], null_values: ["", "NONE"]}
"""
FIELD = """
name: one field
left: {{file: l.parquet, format: parquet}}
right: {{file: r.parquet, format: parquet}}
key: [{{name: k, left: k, right: k}}]
fields:
  - {{name: v, {}}}
"""
TEXT, NUMBER = pa.string(), pa.decimal128(12, 2)
# what the spec says of the field, its types, and whether equal cells are never a difference
STAYS = [
    ("type: text", TEXT, TEXT, True),
    ("normalise: [trim]", TEXT, TEXT, True),
    ("normalise: {left: [trim]}", TEXT, TEXT, False),
    ("null_values: {right: [x]}", TEXT, TEXT, False),
    ("codes: {A: B}", TEXT, TEXT, True),
    ("codes: {A: null}, null_values: [x]", TEXT, TEXT, False),
    ("type: text", TEXT, NUMBER, False),
    ("type: text", pa.float64(), pa.float64(), False),
    ("type: money, currency: EUR", NUMBER, pa.decimal128(9, 3), True),
    ("type: money, currency: EUR", NUMBER, pa.int32(), True),
    ("type: money, currency: EUR", NUMBER, TEXT, False),
    ("type: money, currency: EUR", pa.float64(), pa.float64(), False),
    ("type: money, currency: EUR", pa.decimal128(38, 10), NUMBER, False),
    ("type: money, currency: EUR, decimal_comma: true", NUMBER, NUMBER, False),
    ("type: money, currency: EUR, null_values: ['0.00']", NUMBER, NUMBER, False),
    ("type: money, currency: EUR, sentinels: ['0.00']", NUMBER, NUMBER, True),
    ("type: integer", NUMBER, NUMBER, False),
    ("type: date", pa.date32(), pa.date32(), True),
    ("type: date, date_format: {left: DD.MM.YYYY}", pa.date32(), pa.date32(), False),
    ("left_sql: v || 'x'", TEXT, TEXT, False),
]


@pytest.mark.parametrize(("said", "left", "right", "stays"), STAYS)
def test_what_may_stay_as_it_is_stored(tmp_path: Path, said, left, right, stays):
    for name, kind in (("l", left), ("r", right)):
        schema = pa.schema({"k": TEXT, "v": kind})
        pq.write_table(schema.empty_table(), tmp_path / f"{name}.parquet")
    (tmp_path / "spec.yaml").write_text(FIELD.format(said), "utf-8")
    files = {"left": [tmp_path / "l.parquet"], "right": [tmp_path / "r.parquet"]}
    assert can_stay(read_spec(tmp_path / "spec.yaml"), files) is stays


def odd_row(rng: random.Random, number: int) -> dict:
    """A record with all that extracts are known to hold."""
    absurd, often = Decimal("9999999999999.99"), [Decimal(number) / 4] * 9
    return {
        "id": rng.choice([f"C{number}"] * 30 + [f" C{number} ", "C7", "", None, "a|b\\"]),
        "day": rng.choice([date(2024, 5, 1)] * 20 + [date(1999, 12, 31), None]),
        "charge": rng.choice([Decimal("-1.00"), None, absurd, *often]),
        "fee": Decimal(rng.randrange(10**7)).scaleb(-4),
        "units": rng.choice([rng.randrange(-12, 12), 2**63 - 1, None]),
        "paid": rng.choice([True, False, None]),
        "state": rng.choice(["A", "C", "active", "closed", None]),
        "name": rng.choice(["Zoë", " zoë", "NONE", "", None, "naïve\u00a0"]),
    }  # fmt: skip


def other(rng: random.Random, row: dict) -> dict:
    """What the other side holds: mostly the same, codes translated, now and then something else."""
    states = {"A": "active", "C": "closed"}
    changed = row | {"state": states.get(row["state"], row["state"])}
    for name in ("charge", "fee", "units", "paid", "state", "name", "id"):
        if rng.randrange(12) == 0:
            changed[name] = odd_row(rng, rng.randrange(50))[name]
    return changed


def prepared(folder: Path, seed: int) -> Path:
    """Two systems; the left one in two files."""
    rng = random.Random(seed)
    rows = [odd_row(rng, number) for number in range(300)]
    others = [other(rng, row) for row in rows if rng.randrange(15)]
    rng.shuffle(others)
    halves = {"left-1": rows[:180], "left-2": rows[180:], "right": others + rows[:3]}
    for name, part in halves.items():
        pq.write_table(pa.Table.from_pylist(part, schema=SCHEMA), folder / f"{name}.parquet")
    (folder / "spec.yaml").write_text(SPEC, "utf-8")
    return folder / "spec.yaml"


def outcome(spec: Path) -> tuple:
    """Everything that a reconciliation tells."""
    with reconciled(spec, spec.parent, spec.parent) as result:
        shown = ["record_key", "field"]
        rows = result.differences.order_by(shown).to_pyarrow().to_pylist()
        return document(result), rows, result.suspended.to_pylist()


@pytest.mark.parametrize("seed", [1])
def test_both_ways_tell_the_same(tmp_path: Path, monkeypatch, seed):
    spec = prepared(tmp_path, seed)
    stored = outcome(spec)
    monkeypatch.setattr(reconcile_extracts, "can_stay", lambda *_: False)
    read = outcome(spec)
    assert stored == read
    found, rows, suspended = stored
    assert len(rows) > 50
    assert suspended
    assert found["duplicate_keys"] > 0
    assert found["missing"] > 0
