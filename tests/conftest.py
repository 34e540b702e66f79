"""One PostgreSQL for the whole test session, shared by its workers; nothing is left of it."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
OWN_HOME = pytest.StashKey[Path]()

# A property that fails in one run must fail in the next, on any machine, however busy it is.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before Django's settings are read, for importing them starts the server.

    That is why the settings are named here and not in pyproject.toml, where pytest-django would
    read them before this file. Workers inherit what their parent has set.
    """
    config.addinivalue_line("markers", "shared_data: needs ../shared/data; skipped where absent")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        home = Path(tempfile.mkdtemp(prefix="crossbill-test-"))
        config.stash[OWN_HOME] = home
        os.environ["CROSSBILL_HOME"] = str(home)
    from crossbill.config import setup

    setup()
    # A worker keeps many expressions: looking through them for garbage took a fifth of its time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's server and take its files away, when the workers have ended."""
    home = config.stash.get(OWN_HOME, None)
    if home is None:
        return
    from crossbill.config.environment import read_environment
    from crossbill.config.postgres import status, stop

    sockets = status(read_environment()).socket_folder
    stop(read_environment(), force=True)
    shutil.rmtree(sockets, ignore_errors=True)
    shutil.rmtree(home)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give each worker whole files, and all that share a home: what is prepared is made once.

    In the order of their names: the long ones come early, so the workers end together.
    """
    config.option.loadscopereorder = False
    return WholeFiles(config, log)


SHARED_HOMES = ("/faults/", "_in_browser.py")


class WholeFiles(LoadScopeScheduling):
    """Tests of a file stay together, and those of all files that share a home of their own."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return next((shared for shared in SHARED_HOMES if shared in file), file)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the shared data where it is absent."""
    if item.get_closest_marker("shared_data") and not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data, which is not beside this clone")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with other people's data, beside the clone."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data, which is not beside this clone")
    return SHARED_DATA


@pytest.fixture
def engine():
    """An engine of the test's own."""
    from crossbill.engine.duckdb import connect

    with connect(memory="1GB", threads=2) as backend:
        yield backend


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The test database, which tests with real transactions may empty in spite of immutability.

    Between such tests Django truncates every table. Only here, and only for that statement, the
    triggers sleep.
    """
    from django.db.backends.postgresql.operations import DatabaseOperations

    with pytest.MonkeyPatch.context() as patch:
        truncate = DatabaseOperations.sql_flush

        def sql_flush(self, *args, **options):
            asleep, awake = (f"SET session_replication_role = {r}" for r in ("replica", "DEFAULT"))
            return [asleep, *truncate(self, *args, **options), awake]

        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield
