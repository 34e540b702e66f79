"""The database goes away, or a command dies while it makes tables or a backup: nothing is half."""

import random
import signal
import time

import psycopg
from killable import Home, gave_up
from outcome import assert_same, outcome

from crossbill.config import MIGRATION_LOCK
from crossbill.config.backup import verify_backup

TABLES = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY 1, 2
"""
PERMISSIONS = """
    SELECT app_label, model, codename FROM auth_permission p
    JOIN django_content_type c ON c.id = p.content_type_id ORDER BY 1, 2, 3
"""
MIGRATING = """
    SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND granted AND datname = %s
      AND (classid::bigint << 32) | objid::bigint = %s
"""


def test_a_server_that_goes_away_is_told_and_the_work_goes_on(home, reference):
    for stage in ("Plan the move of every account", "Wave 2: take the snapshot"):
        attempt = home.replace("lost")
        assert attempt.wait_for(stage), attempt.said
        home.kill_server()
        assert gave_up(attempt), attempt.said
        assert "[DATABASE_LOST]" in attempt.said
    resumed = home.replace("lost")
    assert resumed.wait() == 0, resumed.said
    assert_same(outcome(home, "lost"), reference.outcome)


def address(home: Home, database: str) -> str:
    """The URL of one database of the home's server."""
    return f"{home.cluster.url().rpartition('/')[0]}/{database}"


def asked(home: Home, database: str, question: str, *values: object) -> list[tuple]:
    """What a database of the home answers."""
    with psycopg.connect(address(home, database), autocommit=True) as connection:
        cursor = connection.execute(question, values or None)
        return cursor.fetchall() if cursor.description else []


def test_kills_while_the_tables_are_made_leave_a_database_that_can_be_finished(home, reference):
    asked(home, "crossbill", "CREATE DATABASE empty")
    url = address(home, "empty")
    random_ = random.Random(8)

    def migrating() -> bool:
        return asked(home, "crossbill", MIGRATING, "empty", MIGRATION_LOCK)[0][0] > 0

    for _ in range(4):
        attempt = home.start("user", "list", DATABASE_URL=url)
        attempt.wait_until(migrating)
        time.sleep(random_.uniform(0, 1.5))
        attempt.kill()
    last = home.start("user", "list", DATABASE_URL=url)
    assert last.wait() == 0, last.said
    for question in (TABLES, PERMISSIONS):
        assert asked(home, "empty", question) == asked(home, "crossbill", question)


def test_permissions_that_a_kill_left_out_are_made_by_the_next_command(home, reference):
    before = asked(home, "crossbill", PERMISSIONS)
    asked(home, "crossbill", "DELETE FROM auth_permission WHERE codename = 'resume_run'")
    command = home.start("user", "list")
    assert command.wait() == 0, command.said
    assert asked(home, "crossbill", PERMISSIONS) == before


def test_a_killed_backup_leaves_no_half_file_and_the_next_one_succeeds(home, reference, tmp_path):
    file = tmp_path / "crossbill.backup"
    random_ = random.Random(5)
    for _ in range(3):
        attempt = home.start("db", "backup", str(file))
        attempt.wait_until(lambda: [*tmp_path.iterdir()])
        time.sleep(random_.uniform(0, 0.3))
        attempt.kill()
        if file.exists():
            verify_backup(file)
            file.unlink()
    last = home.start("db", "backup", str(file))
    assert last.wait() == 0, last.said
    assert verify_backup(file).store_files > 0


def test_an_interrupt_from_the_keyboard_is_told_in_a_sentence(home, reference):
    attempt = home.replace("interrupted")
    assert attempt.wait_for("Type the records"), attempt.said
    attempt.process.send_signal(signal.SIGINT)
    assert attempt.wait() == 130
    assert "again to go on" in attempt.said
    assert "Traceback" not in attempt.said
