"""Extracts as they come: wrong encodings, doubled and padded keys, odd numbers, bad specs."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from crossbill.cli_reconcile import reconcile
from crossbill.core.refusal import Refusal
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled

SPEC = """
name: two systems
left: {file: left.csv}
right: {file: right.csv}
key: [{name: id, left: id, right: id}]
fields:
  - name: v
"""
MONEY = "    type: money\n    currency: EUR\n"


def prepared(folder: Path, left: str | bytes, right: str | bytes, spec: str = SPEC) -> Path:
    for name, content in (("left", left), ("right", right)):
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.csv").write_bytes(data)
    (folder / "spec.yaml").write_text(spec, "utf-8")
    return folder / "spec.yaml"


def run(folder: Path, left: str | bytes, right: str | bytes, spec: str = SPEC) -> dict:
    with reconciled(prepared(folder, left, right, spec), folder, folder) as result:
        return document(result)


# left text, right text, what the spec says of the field, the classes found, right minus left
VALUES = [
    ("9.90", "9.9", MONEY, {}, "0.00"),
    ("9.90", "9.9", "", {"FORMAT": 1}, None),
    ("0.1234567890", "0.123456789", MONEY, {}, "0.00"),
    ("0.1234567891", "0.123456789", MONEY, {"UNEXPLAINED": 1}, "0.123456789"),
    ("0.1234567891", "0.1234567891", MONEY, {}, "0.00"),
    ("10.005", "10.01", MONEY, {"ROUNDING": 1}, "0.005"),
    ("10.00", "10.01", MONEY, {"UNEXPLAINED": 1}, "0.01"),
    ("10.00", "10.01", MONEY + "    tolerance: 0.01\n", {"TOLERANCE": 1}, "0.01"),
    (
        '"1.234,50"',
        "1234.5",
        MONEY + "    decimal_comma: {left: true}\n    thousands: {left: .}\n",
        {},
        "0.00",
    ),
    ('"1,234.50"', "1234.5", MONEY, {"FORMAT": 1}, "1234.50"),
    ("1e3", "1000", MONEY, {"UNEXPLAINED": 1}, "1000.00"),
    ("nan", "1", MONEY, {"UNEXPLAINED": 1}, "1.00"),
    ("99999999999999", "1", MONEY, {"UNEXPLAINED": 1}, "1.00"),
    (".5", "+0.50", MONEY, {}, "0.00"),
    ("-0.00", "0", MONEY, {}, "0.00"),
    ('" 5 "', "5", MONEY, {}, "0.00"),
    ('""', "5", MONEY, {"UNEXPLAINED": 1}, "5.00"),
    ('""', "5", MONEY + "    null_values: ['']\n", {"SENTINEL": 1}, "5.00"),
    ("7", "-1.00", MONEY + "    sentinels: {right: [-1]}\n", {"SENTINEL": 1}, "-8.00"),
    ("7", "-10", MONEY + "    sentinels: {right: [-10..-1]}\n", {"SENTINEL": 1}, "-17.00"),
    ("7", "-11", MONEY + "    sentinels: {right: [-10..-1]}\n", {"UNEXPLAINED": 1}, "-18.00"),
    ("0007", "7", "    type: integer\n", {}, "0"),
    ("7.5", "7", "    type: integer\n", {"UNEXPLAINED": 1}, "7"),
    ("Yes", "1", "    type: boolean\n", {}, None),
    ("Yes", "no", "    type: boolean\n", {"UNEXPLAINED": 1}, None),
    ("31.01.2024", "2024-01-31", "    type: date\n    date_format: {left: DD.MM.YYYY}\n", {}, None),
    ("2024-02-30", "2024-03-01", "    type: date\n", {"UNEXPLAINED": 1}, None),
    ("31.01.2024", "2024-01-31", "    type: date\n", {"FORMAT": 1}, None),
    ("A", "B", "    codes: {A: B}\n", {}, None),
    ("No", "Stayed", "    codes: {No: [Stayed, Joined]}\n", {}, None),
    ("a", "B", "    normalise: {left: [upper]}\n    codes: {a: B}\n", {}, None),
    ("007", "7", "    normalise: [strip_zeros]\n", {}, None),
    (
        "12",
        "24",
        "    left:\n    left_sql: CAST(TRY_CAST(v AS INTEGER) * 2 AS VARCHAR)\n",
        {},
        None,
    ),
    ("MÃ¼ller", "Müller", "", {"ENCODING": 1}, None),
]


@pytest.mark.parametrize(("left", "right", "says", "classes", "value"), VALUES)
def test_values_are_compared_exactly(tmp_path, left, right, says, classes, value):
    sides = (f"id,v\nk,{text}\n" for text in (left, right))
    field = run(tmp_path, *sides, SPEC + says)["fields"]["v"]
    assert (field["classes"], field["value"]) == (classes, value)


@pytest.mark.parametrize(
    ("left", "right", "numbers"),
    [
        ("id,v\n", "id,v\nk,1\n", (0, 0, 1, 0)),
        ("id,v\nk,1\nk,1\n", "id,v\nk,1\n", (0, 0, 0, 1)),
        ('id,v\n" k ",1\n', "id,v\nk,1\n", (1, 0, 0, 0)),
        ("\ufeffid , v\nk,1\n", "id,v\r\nk,1\r\n", (1, 0, 0, 0)),
        ("id,v\nk,1\nm,1\n", "id,v\nk,1\nx,1\n", (1, 1, 1, 0)),
    ],
)
def test_rows_are_paired_by_key(tmp_path, left, right, numbers):
    found = run(tmp_path, left, right)
    assert tuple(found[n] for n in ("matched", "missing", "extra", "duplicate_keys")) == numbers
    assert found["explained"] is (numbers[1:] == (0, 0, 0))


@pytest.mark.parametrize(
    ("left", "code"),
    [
        ("id,v\nk,1\n,2\n", "KEY_BLANK"),
        ("id,v\nk,1\nm,2,3\n", "RAGGED_ROW"),
        (b"id,v\nk,1\nm,\xfc\n", "NOT_DECODABLE"),
    ],
)
def test_what_cannot_be_paired_is_suspended_with_its_bytes(tmp_path, left, code):
    spec = prepared(tmp_path, left, "id,v\nk,1\n")
    with reconciled(spec, tmp_path, tmp_path) as result:
        (row,) = result.suspended.to_pylist()
        found = document(result)
    raw = left.encode() if isinstance(left, str) else left
    assert (row["code"], row["line"], row["file"]) == (code, 3, "left.csv")
    assert row["raw"].strip() == raw.splitlines()[2]
    assert found["left"]["rows"] == found["matched"] + found["left"]["suspended"] == 2
    assert not found["explained"]


def test_wrong_encoding_is_classed_and_the_right_one_agrees(tmp_path):
    sides = "id,v\nk,Müller\n".encode("cp1252"), "id,v\nk,Müller\n"
    stated = SPEC.replace("left.csv", "left.csv, encoding: cp1252")
    assert run(tmp_path, *sides, stated)["fields"]["v"]["different"] == 0
    twice = "id,v\nk,Müller\n", "id,v\nk,Müller\n"
    assert run(tmp_path, *twice, stated)["fields"]["v"]["classes"] == {"ENCODING": 1}


LEFT = RIGHT = "id,v\nk,1\n"
REFUSED = [
    (SPEC + "    colour: red\n", "colour", "remove this key"),
    (SPEC.replace("- name: v", "- {}"), "fields.0.name", "add this key"),
    (SPEC + "    type: number\n", "fields.0.type", "one of the words"),
    (SPEC + "    type: money\n", "fields.0", "currency"),
    (SPEC + MONEY + "    tolerance: lots\n", "tolerance", "decimal"),
    (SPEC + MONEY + "    sentinels: [5..1]\n", "fields.0", "lower end first"),
    (SPEC + "    type: date\n    date_format: dd/mm\n", "date_format", "YYYY"),
    (SPEC + "    codes: {A: x, A: y}\n", "spec.yaml:8", "A stands twice"),
    (SPEC + "    - broken: [\n", "spec.yaml", "YAML"),
    (SPEC + "    left: w\n", "w", "it has: id, v"),
    (SPEC.replace("name: v", "name: ID\n    left: v\n    right: v"), "id", "more than one"),
    (SPEC.replace("left.csv", "gone.csv"), "gone.csv", "the folder holds"),
    (SPEC.replace("left.csv", "../left.csv"), "../left.csv", "inside"),
    (SPEC + "    left_sql: (SELECT 1)\n", "left_sql", "not allowed"),
    (SPEC + "    left_sql: read_text('/etc/passwd')\n", "left_sql", "not allowed"),
    (SPEC + "    left_sql: nothing + 1\n", "left_sql", "the columns are"),
    (SPEC + "    left_sql: CAST('x' AS INTEGER)\n", "left_sql", "TRY_CAST"),
    (SPEC + "    left_sql: CAST(v AS INTEGER) % 0\n", "left_sql", "CASE"),
    ("- a list\n", "the whole file", "dictionary"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "place", "cure"), REFUSED)
def test_a_bad_specification_is_refused_with_place_and_cure(tmp_path, spec, place, cure):
    with pytest.raises(Refusal) as refused:
        run(tmp_path, LEFT, RIGHT, spec)
    assert place in str(refused.value)
    assert cure in str(refused.value)


def test_command_writes_every_difference_and_prints_one_object(tmp_path):
    spec = prepared(tmp_path, "id,v\nk,1\n,9\n", "id,v\nk,2\n", SPEC + MONEY)
    app, out = typer.Typer(), tmp_path / "out"
    app.command()(reconcile)
    sides = ["--left", str(tmp_path / "left.csv"), "--right", str(tmp_path)]
    result = CliRunner().invoke(app, [str(spec), *sides, "--json", "--out", str(out)])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["fields"]["v"]["value"] == "1.00"
    assert pq.read_table(out / "differences.parquet")["difference"].to_pylist() == ["1.000000000"]
    assert "UNEXPLAINED" in (out / "differences.csv").read_text()
    assert "KEY_BLANK" in (out / "suspended.csv").read_text()


def test_command_succeeds_when_all_agrees(tmp_path):
    spec = prepared(tmp_path, LEFT, RIGHT)
    app = typer.Typer()
    app.command()(reconcile)
    sides = ["--left", str(tmp_path), "--right", str(tmp_path)]
    result = CliRunner().invoke(app, [str(spec), *sides])
    assert result.exit_code == 0
    assert "is explained" in result.stdout


def test_a_key_of_several_parts_keeps_its_parts_apart(tmp_path):
    spec = SPEC.replace("key: [", "key: [{name: p, left: p, right: p}, ")
    found = run(tmp_path, "p,id,v\na|b,c,1\na,b|c,2\n", "p,id,v\na|b,c,3\na,b|c,4\n", spec)
    assert (found["matched"], found["fields"]["v"]["different"]) == (2, 2)
