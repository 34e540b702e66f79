"""Parquet compared as it is stored gives what reading all of it as text gives."""

import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossbill.engine.duckdb import connect
from crossbill.replacement.reconciliation import reconcile_extracts
from crossbill.replacement.reconciliation.as_stored import Met, can_stay, opened
from crossbill.replacement.reconciliation.extracts import comparison_of, found_files
from crossbill.replacement.reconciliation.one_pass import SIDES, met_in_one_pass
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled
from crossbill.replacement.reconciliation.spec import read_spec

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "day": pa.date32(),
        "charge": pa.decimal128(18, 2),
        "fee": pa.decimal128(12, 4),
        "units": pa.int64(),
        "filename": pa.bool_(),
        "state": pa.string(),
        "name": pa.string(),
    }
)
# One field and its column are named as the engine might name its own.
SPEC = """
name: two systems
left: {file: left-*.parquet, format: parquet}
right: {file: right.parquet, format: parquet}
key: [{name: id, left: id, right: id}, {name: on, left: day, right: day, normalise: []}]
fields:
  - {name: charge, type: money, currency: EUR, sentinels: ["-1"], tolerance: "0.01"}
  - {name: fee, type: money, currency: EUR}
  - {name: units, type: integer, sentinels: ["-10..-5"]}
  - {name: here, left: filename, right: filename, type: boolean}
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
        "filename": rng.choice([True, False, None]),
        "state": rng.choice(["A", "C", "active", "closed", None]),
        "name": rng.choice(["Zoë", " zoë", "NONE", "", None, "naïve\u00a0"]),
    }  # fmt: skip


def other(rng: random.Random, row: dict) -> dict:
    """What the other side holds: mostly the same, codes translated, now and then something else."""
    states = {"A": "active", "C": "closed"}
    changed = row | {"state": states.get(row["state"], row["state"])}
    for name in ("charge", "fee", "units", "filename", "state", "name", "id"):
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


PLAIN = {
    "id": "C",
    "day": date(2024, 5, 1),
    "charge": Decimal("-1.00"),
    "fee": Decimal("99999999.9999"),  # two of them are more than the type of the column holds
    "units": -7,
    "filename": True,
    "state": "A",
    "name": "Zoë",
}
ABSURD = Decimal("9999999999999.99")
FINER = {"charge": pa.decimal128(20, 3), "fee": pa.decimal128(14, 6)}  # the same amounts


def plain(folder: Path, left: list[dict], right: list[dict]) -> Path:
    """Ten records on each side that differ in odd ways, one on each side only, and what is told."""
    odd = {
        1: {"name": " zoë"},
        2: {"units": 4, "name": "NONE"},
        3: {"charge": None},
        4: {"fee": Decimal("99999999.9998")},
        5: {"filename": False},
        6: {"state": "closed"},
    }
    lefts = [PLAIN | {"id": f"C{n}"} for n in range(11)]
    rights = [PLAIN | {"id": f"C{n}", "state": "active"} | odd.get(n, {}) for n in range(1, 12)]
    halves = {"left-1": lefts[:4], "left-2": [*lefts[4:], *left], "right": [*rights, *right]}
    finer = pa.schema({field.name: FINER.get(field.name, field.type) for field in SCHEMA})
    for name, part in halves.items():
        schema = finer if name == "right" else SCHEMA
        pq.write_table(pa.Table.from_pylist(part, schema=schema), folder / f"{name}.parquet")
    (folder / "spec.yaml").write_text(SPEC, "utf-8")
    return folder / "spec.yaml"


def met(spec: Path, **engine) -> Met | None:
    """What one pass over both sides tells."""
    described = read_spec(spec)
    files = {side: found_files(spec.parent, getattr(described, side).file) for side in SIDES}
    with connect(**engine) as backend:
        came = {side: opened(described, side, files[side], backend) for side in SIDES}
        return met_in_one_pass(described, came, backend, comparison_of(described, backend))


def test_one_pass_tells_what_reading_all_tells(tmp_path: Path, monkeypatch):
    spec = plain(tmp_path, [], [])
    assert met(spec) is not None
    stored = outcome(spec)
    monkeypatch.setattr(reconcile_extracts, "can_stay", lambda *_: False)
    assert stored == outcome(spec)
    assert len(stored[1]) == 8


# What both sides hold besides, where one pass would tell something that is not so.
NOT_PLAIN = {
    "a key twice on both sides": ([{"id": "C1"}], [{"id": "C1"}]),
    "a key twice on the left": ([{"id": "C1"}], []),
    "a key twice on the right": ([], [{"id": "C1"}]),
    "a key twice on the left only": ([{"id": "D"}] * 2, []),
    "a key twice on the right only": ([], [{"id": "D"}] * 2),
    "a pair more here and a row less there": ([{"id": "D"}] * 2, [{"id": "C1"}] * 3),
    "no key": ([{"id": None}], []),
    "a blank key": ([], [{"id": ""}]),
    "blanks before a key": ([{"id": " D"}], [{"id": " D"}]),
    "blanks behind a key": ([{"id": "D\t"}], [{"id": "D\t"}]),
    "a key that stands very often": ([{"id": "D"}] * 400, [{"id": "D"}] * 400),
    "an amount that no text may have": ([{"charge": ABSURD}], [{"charge": ABSURD}]),
    "a count that no text may have": ([{"units": -(2**63)}], [{"units": -(2**63)}]),
}


@pytest.mark.parametrize("case", NOT_PLAIN)
def test_one_pass_tells_nothing_where_keys_or_numbers_are_odd(tmp_path: Path, case):
    left, right = ([PLAIN | {"id": "E"} | row for row in rows] for rows in NOT_PLAIN[case])
    assert met(plain(tmp_path, left, right)) is None


def test_one_pass_tells_nothing_where_more_differs_than_there_is_memory_for(tmp_path: Path):
    many = [PLAIN | {"id": f"E{n}", "name": f"{n}" * 40} for n in range(30_000)]
    spec = plain(tmp_path, many, [])
    assert met(spec, memory="30MB") is None
    assert met(spec) is not None
