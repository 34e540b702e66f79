"""One home with its own server for the tests of faults, and what an undisturbed run gives in it."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from compiled_once import share_compiled
from killable import Home
from outcome import outcome

import crossbill.sample
from crossbill.config.environment import Environment
from crossbill.config.postgres import stop
from crossbill.sample.operations import generate

ACCOUNTS, SEED = 120, 3
SPEC = Path(crossbill.sample.__file__).parent / "carrier" / "replacement.yaml"


@dataclass(frozen=True)
class Reference:
    """An undisturbed run: what it left, and how long its start and each stage took, in seconds."""

    outcome: dict[str, Any]
    start: float
    stages: dict[str, float]


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """A home with an extract; not in ``tmp_path``, which is closed to the server's account."""
    with tempfile.TemporaryDirectory(prefix="crossbill-faults-") as folder:
        base = Path(folder)
        extract = base / "extract"
        generate(accounts=ACCOUNTS, seed=SEED, extract_dir=extract, truth_dir=base / "truth")
        home = Home(base / "home", extract, SPEC)
        share_compiled(home.path)
        yield home
        stop(Environment(home=home.path), force=True)
        shutil.rmtree(home.cluster.socket_folder(), ignore_errors=True)


@pytest.fixture(scope="session")
def reference(home: Home) -> Reference:
    """The undisturbed run, and the time that a start takes when nothing is left to do."""
    first = home.replace("undisturbed")
    assert first.wait() == 0, first.said
    again = home.replace("undisturbed")
    assert again.wait() == 0, again.said
    start = time.monotonic() - again.begun
    ends = list(first.ended.values())
    lengths = [0.1] + [end - begin for begin, end in pairwise(ends)]
    stages = dict(zip(first.ended, lengths, strict=True))
    return Reference(outcome(home, "undisturbed"), start, stages)
