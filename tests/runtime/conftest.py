"""Homes of their own for the runtime's tests, and commands run in them as real processes."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from own_home import CONNECT, DB, variables

from crossbill.config.cluster import Cluster
from crossbill.config.environment import Environment
from crossbill.config.postgres import stop

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that does not exist yet; if the test leaves its server running, it is stopped.

    It is not in ``tmp_path``, whose parent each pytest that starts closes to other accounts.
    """
    with tempfile.TemporaryDirectory(prefix="crossbill-home-") as folder:
        home = Path(folder) / "home"
        yield home
        stop(Environment(home=home), force=True)
        shutil.rmtree(Cluster(home).socket_folder(), ignore_errors=True)


@pytest.fixture
def cluster(home: Path) -> Cluster:
    """The embedded server of the home, to look at."""
    return Cluster(home)


@pytest.fixture
def python(home: Path) -> Command:
    """Run a script with ``url`` set to the embedded database, in a process of its own."""

    def run(script: str, **more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", CONNECT + script]
        return subprocess.run(
            words, env=variables(home, **more), capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def db(home: Path) -> Command:
    """Run a `crossbill db` command in a process of its own."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", DB, *words]
        return subprocess.run(
            command, env=variables(home, **more), capture_output=True, text=True, check=False
        )

    return run
