"""An installation of its own for a test: a home with database and store, and commands in it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compiled_once import share_compiled

HERE = Path(__file__).parent
START_SECONDS = 120
FILL = f"""
import sys
from crossbill.config import ready
ready()
sys.path.insert(0, {str(HERE)!r})
import estate
estate.fill()
"""


@dataclass(frozen=True)
class Console:
    """A console that is being served."""

    url: str
    password: str
    process: "subprocess.Popen[str]"


def environment(home: Path) -> dict[str, str]:
    """The surroundings of the installation's commands: its home and nothing of the test's."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("CROSSBILL_", "DATABASE_URL"))}
    return own | {"CROSSBILL_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def run(home: Path, code: str) -> str:
    """Run Python in the installation; its output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


STOP = """
import shutil
from crossbill.config.environment import read_environment
from crossbill.config.postgres import status, stop
stop(read_environment(), force=True)
shutil.rmtree(status(read_environment()).socket_folder, ignore_errors=True)
"""


@contextmanager
def filled() -> Iterator[Path]:
    """The home of a filled installation; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="crossbill-console-") as folder:
        home = Path(folder)
        share_compiled(home)
        try:
            run(home, FILL)
            yield home
        finally:
            run(home, STOP)


@contextmanager
def console(home: Path, *options: str) -> Iterator[Console]:
    """Serve the console on a free port until the block ends."""
    command = [sys.executable, "-m", "crossbill", "console", "--port", "0", *options]
    process = subprocess.Popen(
        command,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = _until_it_serves(process)
        password = re.search(r"Password: (\S+)", said)
        url = re.search(r"http://[\d.]+:\d+", said)
        assert url, said
        yield Console(url[0], password[1] if password else "", process)
    finally:
        process.terminate()
        process.wait(60)


def _until_it_serves(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    said, deadline = "", time.monotonic() + START_SECONDS
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line and time.monotonic() < deadline, said
        said += line
    return said
