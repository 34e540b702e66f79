"""The console's command: it serves, works beside, and leaves nothing behind, however it ends."""

import json
import time
import urllib.request
from pathlib import Path

import installation
import pytest
from typer.testing import CliRunner

from crossbill import cli_console
from crossbill.console import serve

# Does what waits in the queue with the change-over's own resume replaced by a record of the call.
WORK_ONCE = """
from crossbill.config import ready
ready()
from unittest import mock
from crossbill.replacement import operations, tasks
from crossbill.replacement.migration.models import Replacement
from crossbill.console.worker import work
from procrastinate.contrib.django.models import ProcrastinateJob
replacement = Replacement.objects.get()
tasks.resume_replacement.defer(replacement_id=replacement.id)
with mock.patch.object(operations, "resume") as resume:
    work(wait=False)
assert resume.call_args == mock.call(run_id=replacement.run_id), resume.call_args
print(ProcrastinateJob.objects.get().status)
"""


@pytest.fixture(scope="module")
def home():
    """A filled installation."""
    with installation.filled() as filled:
        yield filled


def health(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/health/", timeout=20) as answer:
        return json.load(answer)


def children(pid: int) -> list[int]:
    """The processes that one of the process's threads started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for found in lists for child in found.read_text().split()]


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_worker_does_what_a_page_handed_over(home):
    assert installation.run(home, WORK_ONCE).strip() == "succeeded"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_the_worker_ends_with_the_console(end, home):
    with installation.console(home) as console:
        assert health(console.url) == {"status": "ok", "database": "ok"}
        workers = children(console.process.pid)
        assert workers
        time.sleep(3)  # the worker has to have begun before it can be told to stop
        getattr(console.process, end)()
        console.process.wait(60)
        deadline = time.monotonic() + 60
        while not all(map(gone, workers)):
            assert time.monotonic() < deadline, "a worker outlived its console"
            time.sleep(0.2)


def test_a_port_in_use_is_refused():
    first = serve.bind(host="127.0.0.1", port=0, behind_proxy=False)
    port = int(serve.address(first).rstrip("/").rpartition(":")[2])
    with pytest.raises(serve.CannotListen, match="choose another port"):
        serve.bind(host="127.0.0.1", port=port, behind_proxy=False)
    first.close()


def test_a_demo_login_stays_on_this_machine():
    command = ["--demo-login", "--host", "0.0.0.0"]
    answer = CliRunner().invoke(_app(cli_console.console), command)
    assert isinstance(answer.exception, cli_console.DemoLoginElsewhere)


@pytest.mark.django_db
def test_users_are_added_listed_and_disabled(monkeypatch):
    monkeypatch.setattr(cli_console, "ready", lambda: None)
    runner, users = CliRunner(), cli_console.user_app
    secret = "seven-green-crossbills\n"
    words = ["add", "ann", "--role", "viewer", "--role", "approver", "--password-stdin"]
    assert runner.invoke(users, words, input=secret).exit_code == 0
    assert (
        runner.invoke(users, ["password", "ann", "--password-stdin"], input=secret).exit_code == 0
    )
    assert "approver, viewer" in runner.invoke(users, ["list"]).output
    assert runner.invoke(users, ["disable", "ann"]).exit_code == 0
    assert "no" in runner.invoke(users, ["list"]).output


def test_without_a_terminal_the_password_must_be_piped(monkeypatch):
    monkeypatch.setattr(cli_console, "ready", lambda: None)
    answer = CliRunner().invoke(cli_console.user_app, ["add", "ann", "--role", "viewer"])
    assert isinstance(answer.exception, cli_console.NoPassword)


def _app(command):
    import typer

    app = typer.Typer()
    app.command()(command)
    return app
