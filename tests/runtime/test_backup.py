"""A backup comes back whole, into an empty database only, and a damaged one not at all."""

import pytest

FILL = ("--", "-qc", "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
COUNT = ("--", "-Atc", "SELECT count(*), sum(number) FROM kept")


@pytest.fixture
def backup(home, db):
    """A backup of a database with one table and a store with one file."""
    done = db("psql", *FILL)
    assert done.returncode == 0, done.stderr
    stored = home / "store" / "run" / "bills.parquet"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"bills")
    file = home.parent / "crossbill.backup"
    done = db("backup", str(file))
    assert done.returncode == 0, done.stderr
    return file


def refused(done, code):
    """Whether a command ended as a refusal does: one message with its code, and no traceback."""
    return done.returncode == 2 and f"[{code}]" in done.stderr and "Traceback" not in done.stderr


def test_a_backup_comes_back_in_another_home(backup, db, home):
    other = {"CROSSBILL_HOME": str(home.parent / "other")}
    done = db("restore", str(backup), **other)
    assert done.returncode == 0, done.stderr
    assert "1 files of the store" in done.stdout
    assert db("psql", *COUNT, **other).stdout == "1000|500500\n"
    assert (home.parent / "other" / "store" / "run" / "bills.parquet").read_bytes() == b"bills"


def test_it_is_private_and_never_overwrites(backup, db):
    assert backup.stat().st_mode & 0o777 == 0o600
    before = backup.read_bytes()
    assert refused(db("backup", str(backup)), "BACKUP_FAILED")
    assert backup.read_bytes() == before
    assert [path.name for path in backup.parent.iterdir() if "backup" in path.name] == [backup.name]


def test_a_database_in_use_is_replaced_only_on_request(backup, db):
    assert db("psql", "--", "-qc", "INSERT INTO kept VALUES (-1)").returncode == 0
    assert refused(db("restore", str(backup)), "RESTORE_REFUSED")
    assert db("psql", *COUNT).stdout == "1001|500499\n"
    assert db("restore", str(backup), "--replace").returncode == 0
    assert db("psql", *COUNT).stdout == "1000|500500\n"


def flip(data: bytes) -> bytes:
    """One bit changed in the middle of the dump."""
    place = data.index(b"PGDMP") + 600
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage", [flip, lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"text"]
)
def test_a_damaged_backup_is_refused_and_nothing_is_touched(backup, db, damage):
    backup.write_bytes(damage(backup.read_bytes()))
    assert refused(db("restore", str(backup), "--replace"), "BAD_BACKUP")
    assert db("psql", *COUNT).stdout == "1000|500500\n"


def test_status_neither_starts_nor_stops_the_server(db, cluster):
    assert "stopped" in db("status").stdout
    assert cluster.pid() is None
    db("psql", *FILL, CROSSBILL_DATABASE_KEEP="1")
    assert "running" in db("status").stdout
    assert cluster.pid() is not None
    assert db("stop").stdout == "Stopped.\n"
    assert db("stop").stdout == "It was not running.\n"


@pytest.mark.parametrize("words", [("status",), ("backup", "{file}"), ("restore", "{file}")])
def test_a_server_that_does_not_answer_is_named_without_its_password(backup, db, words):
    file = str(backup) if "restore" in words else str(backup) + "-2"
    gone = {"DATABASE_URL": "postgresql://user:hidden@127.0.0.1:1/name"}
    done = db(*(word.format(file=file) for word in words), **gone)
    assert refused(done, "BACKUP_FAILED" if "backup" in words else "DATABASE_UNREACHABLE")
    assert "Connection refused" in done.stderr
    assert "hidden" not in done.stderr


def test_stop_is_for_our_own_server_only(db):
    done = db("stop", DATABASE_URL="postgresql://user:hidden@host/name")
    assert refused(done, "NOT_OUR_SERVER")
