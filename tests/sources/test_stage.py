"""Staging: every record ends accepted, duplicate or suspended, in count and in value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbill.core.refusal import Refusal
from crossbill.engine import local_time
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.engine.store import Store
from crossbill.replacement.migration import stage
from crossbill.replacement.migration.sources import SourceFormat
from crossbill.replacement.migration.stage import stage_file
from crossbill.replacement.migration.staging import KEY_PROBLEMS
from crossbill.replacement.migration.types import FieldType

BACKEND = DuckDBBackend().connect()
FIELDS = [
    FieldType(name="id"),
    FieldType(name="amount", type="money"),
    FieldType(name="day", type="date"),
]

# A file: each line, and where it ends.
LINES = [
    (b"1,49.90,2024-01-01", "staged"),
    (b"2,5.00,2024-02-30", "DATE_DOES_NOT_EXIST"),
    (b"1,49.9,2024-01-01", "DUPLICATE_ROW"),
    (b"3,1.00,2024-01-01", "KEY_REUSED"),
    (b"3,2.00,2024-01-01", "KEY_REUSED"),
    (b"3,2.00,2024-01-01", "KEY_REUSED"),
    (b",7,", "KEY_BLANK"),
    (b"4,x,", "NOT_AN_AMOUNT"),
    (b"5,1,2,3", "RAGGED_ROW"),
    (b'6,"8",', "staged"),
    (b"1,49.90,2024-01-01", "DUPLICATE_ROW"),
    (b"M\xfc,1,", "NOT_DECODABLE"),
]


def staged(folder, data, key=("id",), url=None, account=None):
    """The receipt, and the rows of the three files."""
    path = folder / "in.csv"
    path.write_bytes(b"id,amount,day\n" + data)
    store = Store(url or str(folder / "store"))
    receipt = stage_file(
        path,
        SourceFormat(),
        FIELDS,
        list(key),
        store=store,
        folder="s",
        backend=BACKEND,
        account=account,
    )
    names = ("staged", "suspended", "duplicates")
    tables = [store.read(store.path("s", f"{name}.parquet")).to_pylist() for name in names]
    return receipt, *tables


@pytest.mark.parametrize("url", [None, "memory://stage-test"])
def test_each_line_ends_where_it_should_with_its_bytes(tmp_path, url):
    receipt, good, bad, doubles = staged(tmp_path, b"\n".join(raw for raw, _ in LINES), url=url)
    expected = {line: (raw, end) for line, (raw, end) in enumerate(LINES, 2)}
    found = {row["line"]: (row["raw"], row["code"]) for row in bad + doubles}
    assert found == {n: case for n, case in expected.items() if case[1] != "staged"}
    assert [row["_line"] for row in good] == [n for n, c in expected.items() if c[1] == "staged"]
    counts = (receipt.records_in, receipt.accepted, receipt.duplicate, receipt.suspended)
    assert counts == (12, 2, 2, 8)
    assert receipt.sums == {
        "in.csv.amount_nanos": {
            "in": 174_700_000_000,
            "accepted": 57_900_000_000,
            "duplicate": 99_800_000_000,
            "suspended": 17_000_000_000,
        }
    }
    assert receipt.notes == {"in.csv.amount_nanos unreadable": 3}


def test_every_key_problem_has_a_case():
    assert set(KEY_PROBLEMS) <= {end for _, end in LINES}


def test_the_same_file_gives_the_same_bytes_in_chunks_of_any_size(tmp_path, monkeypatch):
    data = b"\n".join(raw for raw, _ in LINES)
    first = staged(tmp_path, data)[0]
    monkeypatch.setattr(stage, "CHUNK_ROWS", 2)
    monkeypatch.setattr(stage, "RAW_ROWS", 1)
    assert staged(tmp_path, data)[0] == first


def test_what_a_killed_run_left_does_no_harm(tmp_path):
    drafts = tmp_path / "store" / "s" / ".drafts"
    drafts.mkdir(parents=True)
    (drafts / "typed.parquet").write_bytes(b"half a fi")
    assert staged(tmp_path, b"1,2,\n")[0].accepted == 1
    assert not drafts.exists()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("123 "), st.sampled_from(["1", "2", "x", "0.10"]))))
def test_nothing_vanishes(tmp_path_factory, rows):
    data = "".join(f"{key},{amount},\n" for key, amount in rows).encode()
    receipt, good, bad, doubles = staged(tmp_path_factory.mktemp("any"), data)
    assert receipt.records_in == len(rows)
    lines = [row["_line"] for row in good] + [row["line"] for row in bad + doubles]
    assert sorted(lines) == list(range(2, len(rows) + 2))
    keys = [row["id"] for row in good]
    assert len(keys) == len(set(keys))


def test_a_key_that_is_no_field_is_refused(tmp_path):
    with pytest.raises(Refusal, match="names no field"):
        staged(tmp_path, b"1,2,\n", key=["number"])


def test_a_file_without_key_may_repeat_itself(tmp_path):
    receipt, *_ = staged(tmp_path, b"1,2,\n1,2,\n", key=())
    assert receipt.accepted == 2


def test_a_bad_row_that_names_its_account_holds_its_account_back(tmp_path):
    data = b"1,x,\n2,1,\n2,2,\n3,1,\n3,1,\n4,1,2,3\n"
    _, _, bad, doubles = staged(tmp_path, data, account="id")
    assert [row["account_key"] for row in bad + doubles] == ["1", "2", "2", None, "3"]


def test_what_is_compiled_for_a_zone_is_forgotten_when_its_clocks_are_changed(
    tmp_path, monkeypatch
):
    path, store = tmp_path / "in.csv", Store(str(tmp_path / "store"))
    path.write_bytes(b"at\n2024-01-15 12:00:00\n")
    fields = [FieldType(name="at", type="instant", time_zone="America/New_York")]
    known = local_time.regimes("America/New_York")
    for hours in (0, 1):
        later = tuple(each._replace(offset_s=each.offset_s + hours * 3600) for each in known)
        for module in (local_time, stage):
            monkeypatch.setattr(module, "regimes", lambda zone, now=later: now)
        stage_file(path, SourceFormat(), fields, [], store=store, folder="s", backend=BACKEND)
        (at,) = store.read(store.path("s", "staged.parquet"))["at"].to_pylist()
        assert at.hour == 17 - hours
