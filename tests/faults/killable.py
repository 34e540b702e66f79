"""Crossbill's commands as real processes that can be killed, in a home that a test owns."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from waiting import until

from crossbill.config.cluster import Cluster

CROSSBILL = (sys.executable, "-m", "crossbill")
PATIENCE = 300  # seconds: for a busy machine, never the usual
DONE_MARK = "✓ "


def _hear_the_keyboard() -> None:
    """A test run that a shell put into the background would pass on that it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Attempt:
    """One command that is running, in a process group of its own."""

    def __init__(self, words: tuple[str, ...], environment: dict[str, str]) -> None:
        self._changed = threading.Condition()
        self.begun = time.monotonic()
        self.ended: dict[str, float] = {}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*CROSSBILL, *words],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_hear_the_keyboard,  # noqa: PLW1509 - before any thread, and only this
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line)
                if line.startswith(DONE_MARK):
                    title = line.removeprefix(DONE_MARK).rpartition(": ")[0]
                    self.ended[title] = time.monotonic() - self.begun
                self._changed.notify_all()

    @property
    def said(self) -> str:
        """What it wrote to standard error."""
        return "".join(self.lines)

    def wait_for(self, title: str) -> bool:
        """Wait until it says that a stage has ended; False where it ends without."""
        with self._changed:
            while title not in self.ended and self._reader.is_alive():
                self._changed.wait(0.05)
        return title in self.ended

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, or the command has ended."""
        until(lambda: condition() or self.process.poll() is not None, PATIENCE)

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def kill(self) -> bool:
        """SIGKILL to it and everything that it started in its group; False if it had ended."""
        alive = self.process.poll() is None
        if alive:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        return alive


@dataclass(frozen=True)
class Home:
    """A data folder with its own embedded server, and an extract to replace."""

    path: Path
    extract: Path
    spec: Path

    @property
    def cluster(self) -> Cluster:
        """The embedded server."""
        return Cluster(self.path)

    @property
    def store(self) -> Path:
        """The object store."""
        return self.path / "store"

    def start(self, *words: str, **more: str) -> Attempt:
        """Start a command; the server stays up after it, which spares each test its start."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("CROSSBILL", "DATABASE"))}
        own = {"CROSSBILL_HOME": str(self.path), "CROSSBILL_DATABASE_KEEP": "1"}
        return Attempt(words, ours | own | {"PYTHONUNBUFFERED": "1"} | more)

    def replace(self, carrier: str, **more: str) -> Attempt:
        """Start the change-over under a carrier's code, or go on with it."""
        words = (str(self.spec), "--data", str(self.extract), "--carrier", carrier, "--json")
        return self.start("replace", *words, **more)

    def kill_server(self) -> bool:
        """SIGKILL to the postmaster; False where none runs."""
        pid = self.cluster.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return pid is not None


def refused(attempt: Attempt, code: str) -> bool:
    """Whether it ended as a refusal does: exit 2, one message with its code, no traceback."""
    ended = attempt.wait() == 2
    return ended and f"[{code}]" in attempt.said and "Traceback" not in attempt.said


def gave_up(attempt: Attempt) -> bool:
    """Whether it ended as surroundings that fail end it: exit 3, a message, no traceback.

    Before it began its run it is refused: the server was gone, or was shot while it started.
    """
    early = ("[DATABASE_UNREACHABLE]", "[DATABASE_DID_NOT_START]")
    ended = attempt.wait() == 3 or any(code in attempt.said for code in early)
    return ended and "again" in attempt.said and "Traceback" not in attempt.said
