"""PostgreSQL as a source: exact texts, one snapshot, nothing half-written, no secret told."""

import logging
from types import SimpleNamespace

import psycopg
import pyarrow.parquet as pq
import pytest
from sources.other_database import other_database, run

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.sources import (
    SourceFormat,
    fetch_source,
    open_source,
    postgresql,
)
from crossbill.replacement.migration.spec import SourceSpec
from crossbill.replacement.migration.workspace import Workspace
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled


@pytest.fixture(scope="module")
def address():
    with other_database("source") as made:
        run(
            made,
            """CREATE TABLE bill (id bigint, total numeric, fixed numeric(22, 10), rate float8,
                at timestamptz, day date, note text, paid boolean)""",
            """INSERT INTO bill VALUES
                (1, 20.00, 20, 0.1, '2026-03-29 01:30+01', '2026-03-29', 'a "b", c', true),
                (2, 12345678901234567890.123, -0.5, 1e-7, NULL, NULL, '', NULL),
                (3, 'NaN', NULL, 'Infinity', NULL, '0044-03-15 BC', E'x\ny', false)""",
            "CREATE SCHEMA old",
            'CREATE TABLE old."Lines" (one text)',
            "INSERT INTO old.\"Lines\" VALUES (NULL), (''), ('z')",
            "CREATE TABLE files (id int, body bytea)",
        )
        yield made


@pytest.fixture(autouse=True)
def url(address, monkeypatch):
    monkeypatch.setenv("OLD_BILLING_URL", address)


def form(table: str, **given) -> SourceFormat:
    return SourceFormat(format="postgresql", url_from="OLD_BILLING_URL", table=table, **given)


def fetched(folder, table: str, **given) -> list[tuple]:
    fetch_source(form(table, **given), folder / "f.parquet")
    ((accepted, rejected),) = open_source(folder / "f.parquet", form(table, **given)).batches()
    assert rejected.num_rows == 0
    return [tuple(row.values()) for row in accepted.to_pylist()]


def test_every_value_has_one_text_and_nothing_is_no_empty_text(tmp_path):
    instant, day = "2026-03-29 00:30:00+00", "2026-03-29"
    huge = "12345678901234567890.123"
    assert fetched(tmp_path, "bill") == [
        ("1", "20.00", "20.0000000000", "0.1", instant, day, 'a "b", c', "t", 1),
        ("2", huge, "-0.5000000000", "1e-07", None, None, "", None, 2),
        ("3", "NaN", None, "Infinity", None, "0044-03-15 BC", "x\ny", "f", 3),
    ]
    assert fetched(tmp_path, "old.Lines") == [(None, 1), ("", 2), ("z", 3)]


def test_an_encoding_that_the_database_does_not_know_is_declared_or_refused(tmp_path, monkeypatch):
    with other_database("ascii", encoding="SQL_ASCII") as made:
        with psycopg.connect(made, client_encoding="SQL_ASCII", autocommit=True) as writing:
            writing.execute("CREATE TABLE t (name text)")
            writing.execute(b"INSERT INTO t VALUES ('M\xfcller')")
        monkeypatch.setenv("OLD_BILLING_URL", made)
        assert fetched(tmp_path, "t", encoding="cp1252") == [("Müller", 1)]
        with pytest.raises(Refusal, match="not in the encoding"):
            fetched(tmp_path / "other", "t")
    assert not list((tmp_path / "other").iterdir())


REFUSED = [
    ("bil", {}, "TABLE_MISSING", "nearest is 'bill'"),
    ("lines", {}, "TABLE_MISSING", "old.Lines"),
    ("files", {}, "FILE_UNREADABLE", "a view that leaves it out"),
    ("bill; DROP TABLE bill", {}, "TABLE_MISSING", "it has: bill"),
    ("bill", {"encoding": "cp1252"}, "ENCODING_WRONG", "leave encoding out"),
]


@pytest.mark.parametrize(("table", "given", "code", "cure"), REFUSED)
def test_what_cannot_be_read_is_refused_with_place_and_cure(tmp_path, table, given, code, cure):
    with pytest.raises(Refusal) as refused:
        fetch_source(form(table, **given), tmp_path / "f.parquet")
    assert (refused.value.code, refused.value.file) == (code, f"OLD_BILLING_URL/{table}")
    assert cure in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    ["", "postgresql://me:s3cret@127.0.0.1:1/x", "postgresql://me:s3cret@[/x", "s3cret"],
)
def test_an_address_that_does_not_work_is_refused_without_its_secret(
    tmp_path, monkeypatch, caplog, url
):
    monkeypatch.setenv("OLD_BILLING_URL", url)
    with caplog.at_level(logging.DEBUG), pytest.raises(Refusal) as refused:
        fetch_source(form("bill"), tmp_path / "f.parquet")
    assert refused.value.code == "SOURCE_UNREACHABLE"
    assert "set OLD_BILLING_URL to" in str(refused.value)
    assert "s3cret" not in f"{refused.value}{caplog.text}{refused.value.__cause__}"


def test_a_database_that_goes_away_leaves_nothing_and_is_read_again(tmp_path, monkeypatch, address):
    run(
        address,
        "CREATE TABLE large AS SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n",
    )
    read, killed = postgresql._Stream.readinto, []

    def killed_in_the_middle(stream, buffer):
        if not killed:
            others = "FROM pg_stat_activity WHERE datname = current_database()"
            run(address, f"SELECT pg_terminate_backend(pid) {others} AND pid <> pg_backend_pid()")
            killed.append(True)
        return read(stream, buffer)

    monkeypatch.setattr(postgresql._Stream, "readinto", killed_in_the_middle)
    with pytest.raises(Refusal, match="run the same command again") as refused:
        fetch_source(form("large"), tmp_path / "f.parquet")
    assert (refused.value.code, refused.value.file) == ("SOURCE_LOST", "OLD_BILLING_URL/large")
    assert not list(tmp_path.iterdir())
    fetch_source(form("large"), tmp_path / "f.parquet")
    assert pq.read_metadata(tmp_path / "f.parquet").num_rows == 20_000


SPEC = """
name: an old database and an extract of it
left: {format: postgresql, url_from: OLD_BILLING_URL, table: bill}
right: {file: bills.csv}
key: [{name: id, left: id, right: id}]
fields:
  - {name: total, type: money, currency: EUR}
  - {name: note, null_values: [""]}
"""


def test_a_side_is_read_straight_from_the_database(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    rows = 'id,total,note\n1,20,"a ""b"", c"\n2,12345678901234567890.123,\n3,NaN,"x\ny"\n'
    (tmp_path / "bills.csv").write_text(rows)
    with reconciled(tmp_path / "spec.yaml", None, tmp_path) as result:
        found = document(result)
    assert (found["matched"], found["explained"]) == (3, True)
    with pytest.raises(Refusal, match="add --right FOLDER"):  # noqa: SIM117 - one is the subject
        with reconciled(tmp_path / "spec.yaml", None, None):
            pass


def test_a_migration_fetches_what_is_not_in_its_folder_yet(tmp_path, address):
    """A second attempt, after one that was cut off, goes on with what the first one fetched."""
    described = {"key": ["id"], "fields": [{"name": "id"}], "file": "bill.parquet"}
    source = SourceSpec(**form("bill").model_dump(exclude_unset=True), **described)
    sources = SimpleNamespace(sources={"bill": source, "more": source.model_copy()})
    workspace = Workspace(tmp_path / "r.yaml", tmp_path, None, sources, None, None)
    workspace.fetch_missing()
    first = (tmp_path / "bill.parquet").stat()
    workspace.fetch_missing()
    assert (tmp_path / "bill.parquet").stat().st_mtime_ns == first.st_mtime_ns
    workspace.refuse_unreadable_sources()
    assert [path.name for path in tmp_path.iterdir()] == ["bill.parquet"]
