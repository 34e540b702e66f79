"""Each variable of the surroundings is checked, and a bad one is named with its cure."""

import subprocess
import sys
import threading

import pytest
from own_home import variables

from crossbill.config.environment import BadEnvironment, read_environment


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DATABASE_URL", "mysql://user:hidden@host/name", "must begin with postgresql://"),
        ("DATABASE_URL", "postgresql://user:hidden@host", "names no database"),
        ("DATABASE_URL", "postgresql://user:hidden@host:port/name", "Port could not be cast"),
        ("CROSSBILL_ENGINE_MEMORY", "plenty", "CROSSBILL_ENGINE_MEMORY"),
        ("CROSSBILL_ENGINE_MEMORY", "0GB", "CROSSBILL_ENGINE_MEMORY"),
        ("CROSSBILL_ENGINE_THREADS", "0", "greater than or equal to 1"),
        ("CROSSBILL_ENGINE_THREADS", "two", "valid integer"),
        ("CROSSBILL_DEBUG", "perhaps", "valid boolean"),
        ("CROSSBILL_HOME", "~nobody-of-that-name/x", "home folder that does not exist"),
    ],
)
def test_a_bad_value_is_refused_by_name(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadEnvironment) as refusal:
        read_environment()
    message = str(refusal.value)
    assert variable in message
    assert said in message
    assert "What to do:" in message
    assert "hidden" not in message


def test_a_home_that_cannot_be_made_is_refused(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CROSSBILL_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(BadEnvironment, match="CROSSBILL_HOME"):
        read_environment().folder()


def test_a_server_that_does_not_answer_is_refused_without_its_password(tmp_path):
    url = "postgresql://user:hidden@127.0.0.1:1/name"
    script = "from crossbill.config import setup; setup(); import crossbill.config.tables as t\n"
    script += "from crossbill.config.client import DatabaseUnreachable\n"
    script += "try: t.bring_up_to_date()\nexcept DatabaseUnreachable as refusal: print(refusal)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=variables(tmp_path / "home", DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Connection refused" in done.stdout
    assert "What to do:" in done.stdout
    assert "hidden" not in done.stdout + done.stderr


def test_the_signing_key_is_made_once_and_private(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSBILL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CROSSBILL_SECRET_KEY", raising=False)
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda: keys.append(read_environment().signing_key()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
        thread.join()
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert (tmp_path / "home" / "secret-key").stat().st_mode & 0o777 == 0o600


def test_cookies_need_https_unless_all_is_on_this_machine(monkeypatch):
    monkeypatch.delenv("CROSSBILL_TLS", raising=False)
    assert read_environment().on_loopback_only
    monkeypatch.setenv("CROSSBILL_ALLOWED_HOSTS", "localhost, billing.example.com")
    assert not read_environment().on_loopback_only
