"""The sample carrier's extract is the same after kills, and however many ask for it at once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killable import PATIENCE
from waiting import until

ACCOUNTS, SEED = 2_000, 5
GENERATE = """
import sys
from pathlib import Path
from crossbill.sample.operations import generate
base = Path(sys.argv[1])
generate(accounts=%d, seed=%d, extract_dir=base / "extract", truth_dir=base / "truth")
""" % (ACCOUNTS, SEED)  # noqa: UP031 - the script holds no braces to mistake


def start(base: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", GENERATE, str(base)], start_new_session=True)


def draft_or_end(process: subprocess.Popen[bytes], base: Path) -> None:
    """Wait until it has begun to write, or is done."""
    until(lambda: [*base.glob(".extract.*")] or process.poll() is not None, PATIENCE)


def files(base: Path) -> dict[str, bytes]:
    """Everything that was made, by its path."""
    found = (path for path in base.rglob("*") if path.is_file())
    return {str(path.relative_to(base)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    base = tmp_path_factory.mktemp("undisturbed")
    assert start(base).wait() == 0
    return files(base)


def test_kills_of_the_generator_change_nothing_and_leave_nothing(undisturbed, tmp_path):
    random_ = random.Random(SEED)
    for _ in range(4):
        process = start(tmp_path)
        draft_or_end(process, tmp_path)
        time.sleep(random_.uniform(0, 0.4))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert start(tmp_path).wait() == 0
    assert files(tmp_path) == undisturbed


def test_three_who_ask_at_once_get_one_extract(undisturbed, tmp_path):
    three = [start(tmp_path) for _ in range(3)]
    assert [process.wait() for process in three] == [0, 0, 0]
    assert files(tmp_path) == undisturbed
