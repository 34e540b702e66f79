"""Each cause explains what its case table says, and nothing else."""

from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from crossbill.core.money import parse_nanos
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.replacement.reconciliation.classify import IDENTITY, classify, field_causes
from crossbill.replacement.reconciliation.compare import DIFFERENCES

ENGINE = DuckDBBackend().connect()
TABLES = Path(__file__).parent / "causes"
CAUSES = {cause.CODE: cause for cause in field_causes()}
TOLERANCE = parse_nanos("0.05")
STATES = {"sentinel": "sentinel", "?": "unreadable"}


def cases(table: Path):
    lines = [line for line in table.read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    header, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


ALL = [
    (t.stem.upper(), n, case) for t in sorted(TABLES.iterdir()) for n, case in enumerate(cases(t))
]


def cell(text: str, type_: str) -> dict:
    """A cell of the table as value, number and state."""
    text = text.encode("ascii", "backslashreplace").decode("unicode_escape")
    if text in ("(nothing)", "(blank)"):
        empty = (
            {"value": None, "state": "empty"} if "no" in text else {"value": "", "state": "blank"}
        )
        return {**empty, "number": None}
    value, _, mark = text.rpartition(" ") if text.split(" ")[-1] in STATES else (text, "", "value")
    state = STATES.get(mark, "unreadable" if type_.endswith("?") else "value")
    money = type_ == "money" and state != "unreadable"
    number = parse_nanos(value) if money and value.lstrip("-").replace(".", "").isdigit() else None
    return {"value": value, "number": number, "state": state}


def difference(case: dict, record: int = 0) -> dict:
    """One row of a table as a row of DIFFERENCES."""
    type_ = case["type"]
    row = dict.fromkeys(DIFFERENCES) | {"entity": "x", "account_key": "a", "field": "f"}
    row |= {"record_key": str(record), "kind": "different", "type": type_.rstrip("?")}
    if type_ in ("duplicate_key", "missing"):
        row |= {"kind": type_, "type": None, "field": "*"}
    sides = {side: cell(case[side], type_) for side in ("left", "right")}
    for side, found in sides.items():
        row |= {f"{side}_{name}": value for name, value in found.items()}
    numbers = [found["number"] for found in sides.values()]
    if type_ == "money":
        row |= {"unit": "nanos", "digits": 2, "amount": (numbers[1] or 0) - (numbers[0] or 0)}
        both = all(found["state"] == "value" for found in sides.values())
        row["within_tolerance"] = both and abs(row["amount"]) <= TOLERANCE
    row["left_rows"] = int(case["rows"]) if "rows" in case else None
    return row


def table(rows: list[dict]) -> ibis.Table:
    return ibis.memtable(pa.Table.from_pylist(rows, ibis.schema(DIFFERENCES).to_pyarrow()))


@pytest.mark.parametrize(
    ("code", "number", "case"), ALL, ids=[f"{code}-{number}" for code, number, _ in ALL]
)
def test_cause_explains_what_its_case_table_says(code, number, case):
    rows = [difference(case, record) for record in range(int(case.get("times", 1)))]
    found = ENGINE.to_pyarrow(CAUSES[code].explain(table(rows))).to_pylist()
    expected, _, words = case["explained"].partition(" ")
    assert len(found) == (len(rows) if expected == "yes" else 0)
    assert all(words in one["evidence"] for one in found)


def test_every_cause_has_a_case_table():
    assert {t.stem.upper() for t in TABLES.iterdir()} == set(CAUSES)


def test_first_fitting_cause_wins_and_the_rest_is_unexplained():
    rows = [
        difference({"type": "text", "left": "Yes", "right": "YES"}, 0),
        difference({"type": "money", "left": "10.005", "right": "10.01"}, 1),
        difference({"type": "text", "left": "Stayed", "right": "Joined"}, 2),
    ]
    told = classify(table(rows), field_causes()).order_by("record_key")
    found = ENGINE.to_pyarrow(told).to_pylist()
    assert [row["class_code"] for row in found] == ["FORMAT", "TOLERANCE", "UNEXPLAINED"]
    assert found[2]["evidence"] == "left Stayed, right Joined"


def test_without_causes_all_is_unexplained_and_no_row_is_lost():
    rows = [difference({"type": "text", "left": "a", "right": "b"}, n) for n in range(3)]
    found = ENGINE.to_pyarrow(classify(table(rows), []))
    assert found["class_code"].to_pylist() == ["UNEXPLAINED"] * 3
    assert set(IDENTITY) < set(found.column_names)
