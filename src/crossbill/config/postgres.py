"""The embedded PostgreSQL: started when a command needs it, stopped when the last one ends."""

import atexit
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from crossbill.config.cluster import VERSION, Cluster
from crossbill.config.environment import Environment
from crossbill.core.refusal import Refusal

LOCK_SECONDS = 330  # longer than the longest start that another command may be waiting for

_log = logging.getLogger(__name__)
_in_use: dict[Path, IO[bytes]] = {}


class DatabaseBusy(Refusal):
    """Another command holds the embedded database. Wait until it ends, or do as the cure says."""

    code: ClassVar[str] = "DATABASE_BUSY"


@dataclass(frozen=True)
class ServerStatus:
    """What is known of the embedded server without starting it."""

    version: int
    data: Path
    log: Path
    socket_folder: Path
    pid: int | None
    made: bool


def server_url(environment: Environment) -> str:
    """The URL of the database: the server named by DATABASE_URL, else the embedded one, started.

    This process counts as a user of the embedded server until it ends.
    """
    if environment.database_url is not None:
        return environment.database_url.get_secret_value()
    cluster = Cluster(environment.folder())
    with _locked(cluster.home):
        _use(cluster, keep=environment.database_keep)
        cluster.start()
        return cluster.url()


def running_url(environment: Environment) -> str | None:
    """The URL of the database if its server runs, without starting it or counting as its user."""
    if environment.database_url is not None:
        return environment.database_url.get_secret_value()
    cluster = Cluster(environment.home)
    return cluster.url() if cluster.pid() is not None else None


def stop(environment: Environment, *, force: bool = False) -> bool:
    """Stop the embedded server; True if it ran. Refused while others use it, unless forced."""
    cluster = Cluster(environment.folder())
    with _locked(cluster.home):
        if cluster.pid() is None:
            return False
        if not force and not _nobody_else(cluster.home):
            raise DatabaseBusy(
                "Other Crossbill commands are using the embedded database",
                cure="End them first, or stop it under them with --force.",
            )
        cluster.stop()
        return True


def status(environment: Environment) -> ServerStatus:
    """The state of the embedded server."""
    cluster = Cluster(environment.home)
    return ServerStatus(
        version=VERSION,
        data=cluster.data,
        log=cluster.log,
        socket_folder=cluster.socket_folder(),
        pid=cluster.pid(),
        made=cluster.data.exists(),
    )


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold the lock under which the server starts and stops; the kernel frees it on any death."""
    with (home / "postgres.lock").open("ab") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locks(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise DatabaseBusy(
                    "Another command has been starting or stopping the embedded database too long",
                    file=file.name,
                    cure="End that command, then try again.",
                )
            time.sleep(0.02)
        yield


def _locks(file: IO[bytes], mode: int) -> bool:
    """Try a lock without waiting."""
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _use(cluster: Cluster, *, keep: bool) -> None:
    """Count this process as a user: a shared lock, which also a killed process gives back."""
    if cluster.home in _in_use:
        return
    file = (cluster.home / "postgres.users").open("ab")
    assert _locks(file, fcntl.LOCK_SH), "users are locked exclusively only under the lock we hold"
    _in_use[cluster.home] = file
    atexit.register(_release, cluster, os.getpid(), keep)


def _nobody_else(home: Path) -> bool:
    """Whether no process but this one uses the server; asked under the lock."""
    own = _in_use.get(home)
    if own is not None:
        alone = _locks(own, fcntl.LOCK_EX)
        # A failed conversion may have dropped our share, and a success must not shut others out.
        return _locks(own, fcntl.LOCK_SH) and alone
    with (home / "postgres.users").open("ab") as file:
        return _locks(file, fcntl.LOCK_EX)


def _release(cluster: Cluster, pid: int, keep: bool) -> None:
    """At the end of the process: stop the server if nobody else uses it."""
    if os.getpid() != pid or not cluster.home.exists():
        return  # a forked child is not the user; a deleted home has nothing to stop
    try:
        with _locked(cluster.home):
            if not keep and _nobody_else(cluster.home):
                cluster.stop()
            _in_use.pop(cluster.home).close()
    except (Refusal, OSError) as error:
        _log.warning("The embedded PostgreSQL was left running: %s", error)
