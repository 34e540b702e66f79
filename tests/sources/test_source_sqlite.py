"""SQLite databases: cells as text by the type that they have, what has no text form apart."""

import sqlite3
from contextlib import closing

import pytest

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration.sources import SourceFormat, open_source
from crossbill.replacement.migration.stage import stage_file
from crossbill.replacement.migration.types import FieldType

FORM = SourceFormat(format="sqlite", table="Bill")


def database(folder, *statements):
    path = folder / "old.sqlite"
    with closing(sqlite3.connect(path)) as made:
        for sql in statements:
            made.execute(sql)
        made.commit()
    return path


def read(path):
    source = open_source(path, FORM)
    parts = list(source.batches())
    good = [tuple(row.values()) for accepted, _ in parts for row in accepted.to_pylist()]
    return source, good, [row for _, rejects in parts for row in rejects.to_pylist()]


# what SQLite holds | the text that is read
CELLS = [
    ("1.98", "1.98"),
    ("0.1 + 0.2", "0.30000000000000004"),
    ("1e-7", "0.0000001"),
    ("1e22", "10000000000000000000000"),
    ("9223372036854775807", "9223372036854775807"),
    ("'007'", "007"),
    ("NULL", None),
    ("''", ""),
]


@pytest.mark.parametrize(("held", "text"), CELLS)
def test_a_cell_is_read_as_what_it_is(tmp_path, held, text):
    path = database(tmp_path, "CREATE TABLE bill (a)", f"INSERT INTO bill VALUES ({held})")
    source, good, bad = read(path)
    assert (good, bad) == ([(text, 1)], [])
    assert source.label == "old.sqlite/Bill"
    is_float = "." in held or "e" in held
    assert [note.split(":")[0] for note in source.notes] == (["a"] if is_float else [])


def test_bytes_and_texts_that_are_no_utf8_are_suspended_alone(tmp_path):
    rows = "(1, x'00ff'), (2, CAST(x'4dfc' AS TEXT)), (3, 'c')"
    path = database(tmp_path, "CREATE TABLE bill (a, b)", f"INSERT INTO bill VALUES {rows}")
    source, good, bad = read(path)
    assert good == [("3", "c", 3)]
    assert [(r["code"], r["line"], r["field"], r["value"]) for r in bad] == [
        ("NO_TEXT_FORM", 1, "b", "0x00ff"), ("NOT_DECODABLE", 2, "b", "M\\xfc")
    ]  # fmt: skip
    assert bad[1]["raw"] == b'{"a": "2", "b": "M\xfc"}'
    assert source.raw([3]) == {3: b'{"a": "3", "b": "c"}'}


def test_a_view_is_staged_and_proved_like_a_file(tmp_path, engine):
    path = database(
        tmp_path, "CREATE TABLE b (id, owed)", "INSERT INTO b VALUES (1, 1.98), (2, 0.99), (2, 1)",
        "CREATE VIEW bill AS SELECT * FROM b",
    )  # fmt: skip
    fields = [FieldType(name="id", required=True), FieldType(name="owed", type="money")]
    store = Store(str(tmp_path / "store"))
    receipt = stage_file(path, FORM, fields, ["id"], store=store, folder="s", backend=engine)
    assert (receipt.records_in, receipt.accepted, receipt.suspended) == (3, 1, 2)
    assert receipt.sums["old.sqlite/Bill.owed_nanos"]["accepted"] == 1_980_000_000


REFUSED = [
    ("bil", "TABLE_MISSING", "nearest is 'bill'"),
    ("x' OR 1", "TABLE_MISSING", "it has: bill"),
]


@pytest.mark.parametrize(("table", "code", "cure"), REFUSED)
def test_a_table_that_is_not_there_is_refused(tmp_path, table, code, cure):
    path = database(tmp_path, "CREATE TABLE bill (a)")
    with pytest.raises(Refusal) as refused:
        open_source(path, SourceFormat(format="sqlite", table=table))
    assert (refused.value.code, refused.value.field) == (code, "table")
    assert cure in str(refused.value)


def test_what_is_no_database_or_damaged_is_refused(tmp_path):
    (tmp_path / "text").write_bytes(b"id,a\n1,2\n")
    with pytest.raises(Refusal, match="not a SQLite database"):
        open_source(tmp_path / "text", FORM)
    path = database(tmp_path, "CREATE TABLE bill (a)", "INSERT INTO bill VALUES (1)")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x7f" * (len(whole) - 4096))
    with pytest.raises(Refusal, match="database"):
        read(path)


def test_changes_that_lie_beside_the_database_are_not_passed_over(tmp_path):
    path = database(tmp_path, "CREATE TABLE bill (a)")
    with closing(sqlite3.connect(path)) as writing:
        writing.execute("PRAGMA journal_mode = wal")
        writing.execute("INSERT INTO bill VALUES (1)")
        writing.commit()
        with pytest.raises(Refusal, match=r"changes in old.sqlite-wal"):
            open_source(path, FORM)
    path.chmod(0o444)
    assert read(path)[1] == [("1", 1)]
