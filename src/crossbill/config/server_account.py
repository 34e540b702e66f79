"""Which system account PostgreSQL runs as: ours, or, since it refuses root, one made for it."""

import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from crossbill.core.refusal import Refusal

NAME = "pgserver"
ATTEMPTS = 20


class NoServerAccount(Refusal):
    """PostgreSQL does not run as root and no other account could be made. See the cure."""

    code: ClassVar[str] = "NO_SERVER_ACCOUNT"


@dataclass(frozen=True)
class ServerAccount:
    """The account that owns the data folder and runs the server."""

    name: str
    user_id: int
    group_id: int

    @property
    def is_other(self) -> bool:
        """Whether the server runs as somebody else than this process."""
        return self.user_id != os.geteuid()

    def subprocess_options(self) -> dict[str, Any]:
        """What makes `subprocess` run a program as this account."""
        if not self.is_other:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a path to the account."""
        if self.is_other:
            os.chown(path, self.user_id, self.group_id, follow_symlinks=False)

    def let_through(self, path: Path) -> None:
        """Let the account reach a path: the right to pass (not to list) each folder above it."""
        if not self.is_other:
            return
        for folder in path.resolve().parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def server_account() -> ServerAccount:
    """The account to run as: the caller's own, or for root the system account ``pgserver``."""
    if os.geteuid() == 0:
        entry = _entry(NAME) or _made(NAME)
        return ServerAccount(entry.pw_name, entry.pw_uid, entry.pw_gid)
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise NoServerAccount(
            "The embedded PostgreSQL needs a user with a name",
            value=str(os.geteuid()),
            cure="Add this user id to /etc/passwd, or set DATABASE_URL to a PostgreSQL server.",
        ) from None
    return ServerAccount(name, os.geteuid(), os.getegid())


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd:
    """Make the account; several commands may try at once, so look again after each attempt."""
    command = _adding_command(name)
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        entry = _entry(name)
        if entry is not None:
            return entry
        time.sleep(0.1)
    raise _no_account(done.stderr.strip())


def _adding_command(name: str) -> list[str]:
    """How this system adds an account that nobody can sign in to."""
    if useradd := shutil.which("useradd"):
        return [useradd, "--system", "--no-create-home", "--shell", "/bin/false", name]
    if adduser := shutil.which("adduser"):
        return [adduser, "-S", "-D", "-H", "-s", "/bin/false", name]
    raise _no_account("neither useradd nor adduser is installed")


def _no_account(reason: str) -> NoServerAccount:
    return NoServerAccount(
        f"The system account {NAME!r} for PostgreSQL could not be made: {reason}",
        cure=f"Make it yourself (useradd --system {NAME}), run Crossbill as an ordinary user, "
        "or set DATABASE_URL to a PostgreSQL server.",
    )
