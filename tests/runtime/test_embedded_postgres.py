"""The embedded PostgreSQL: there when needed, one for all, and none the worse for a kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from own_home import CONNECT, variables
from waiting import until

KEEP = {"CROSSBILL_DATABASE_KEEP": "1"}
COUNT = "print(psycopg.connect(url).execute('SELECT count(*) FROM kept').fetchone()[0])"
FILL = """
with psycopg.connect(url) as connection:
    connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
"""


def holding(home: Path, script: str = "") -> subprocess.Popen[str]:
    """A process that uses the database until its input closes."""
    words = [sys.executable, "-c", CONNECT + script + "\nprint('up', flush=True)\nsys.stdin.read()"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, env=variables(home), stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_it_starts_on_demand_and_is_reused(home, cluster):
    with holding(home) as first:
        pid = cluster.pid()
        with holding(home) as second:
            assert cluster.pid() == pid is not None
            second.communicate()
        assert cluster.pid() == pid, "it stopped although somebody still used it"
        first.communicate()


def test_the_last_one_out_stops_it_cleanly(python, cluster):
    assert python(FILL).returncode == 0
    assert cluster.pid() is None
    assert not (cluster.data / "postmaster.pid").exists()
    assert not cluster.socket_folder().exists()
    assert "database system is shut down" in cluster.log.read_text()
    assert python(COUNT).stdout == "1000\n"


def test_it_can_be_kept_running(python, cluster):
    assert python("", **KEEP).returncode == 0
    assert cluster.pid() is not None


def test_six_commands_at_once_share_one_new_server(home, cluster):
    words = [sys.executable, "-c", CONNECT + "print(url)"]
    pipe = subprocess.PIPE
    environment = variables(home, **KEEP)
    six = [
        subprocess.Popen(words, env=environment, stdout=pipe, stderr=pipe, text=True)
        for _ in range(6)
    ]
    said = [process.communicate(timeout=120) for process in six]
    assert [process.returncode for process in six] == [0] * 6, said
    assert len({out for out, _ in said}) == 1
    assert cluster.log.read_text().count("ready to accept connections") == 1


def test_kill_of_the_starter_leaves_it_usable_and_the_next_one_stops_it(home, cluster, python):
    starter = holding(home, FILL)
    starter.kill()
    starter.wait()
    pid = cluster.pid()
    assert pid is not None
    assert python(COUNT + f"\nimport os; os.kill({pid}, 0)").stdout == "1000\n"
    assert cluster.pid() is None


def test_kill_of_the_server_loses_nothing(home, cluster, python):
    busy = "connection = psycopg.connect(url); connection.execute('SELECT count(*) FROM kept')"
    with holding(home, FILL + busy) as user:
        os.kill(cluster.pid(), signal.SIGKILL)
        until(lambda: cluster.pid() is None)
        assert python(COUNT).stdout == "1000\n"
        user.communicate()


def test_kill_of_the_server_during_a_long_statement(home, cluster, python):
    long = """
import threading
busy, watch = psycopg.connect(url), psycopg.connect(url, autocommit=True)
endless = "SELECT count(*) FROM generate_series(1, 1000000000)"
threading.Thread(target=busy.execute, args=[endless], daemon=True).start()
active = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count%'"
while not watch.execute(active).fetchone():
    pass
"""
    with holding(home, FILL + long) as user:
        os.kill(cluster.pid(), signal.SIGKILL)
        done = python(COUNT)
        assert (done.stdout, done.stderr) == ("1000\n", "")
        user.kill()


def test_a_process_number_that_was_used_again_is_not_taken_for_the_server(cluster, python):
    assert python(FILL, **KEEP).returncode == 0
    os.kill(cluster.pid(), signal.SIGKILL)
    until(lambda: cluster.pid() is None)
    pid_file = cluster.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    # Under the server's own account, so that PostgreSQL too would take it for a living server.
    options = cluster.account.subprocess_options()
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **options)
    pid_file.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
    try:
        assert cluster.pid() is None
        assert python(COUNT).stdout == "1000\n"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_data_folder_is_made_anew(home, cluster, python):
    (home / ".postgres-new-killed").mkdir(parents=True)
    assert python(FILL).returncode == 0
    assert not list(home.glob(".postgres-new-*"))


def test_a_home_with_a_very_long_path_works(home):
    home = home.joinpath(*["a folder with 'quotes' and $signs " + "x" * 60] * 3)
    words = [sys.executable, "-c", CONNECT + FILL + COUNT]
    done = subprocess.run(words, env=variables(home), capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1000\n", "")


def test_it_listens_on_no_network_and_admits_nobody_else(home, cluster, python):
    ask = "print(psycopg.connect(url).execute('SHOW listen_addresses').fetchone()[0] == '')"
    assert python(ask, **KEEP).stdout == "True\n"
    assert cluster.socket_folder().stat().st_mode & 0o077 == 0
    assert cluster.data.stat().st_mode & 0o077 == 0
    rules = (cluster.data / "pg_hba.conf").read_text().splitlines()
    assert [rule for rule in rules if not rule.startswith("#")] == [
        "local all crossbill peer map=crossbill"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the home of somebody else")
def test_a_home_of_another_user_is_refused(home, cluster, python):
    assert python("").returncode == 0
    os.chown(cluster.data, 12345, 12345)
    done = python("")
    assert "belongs to another user" in done.stderr
