"""PostgreSQL's own client programs, given the address but never a password on the command line."""

import os
import subprocess
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from crossbill.config.cluster import binary
from crossbill.config.environment import read_environment
from crossbill.core.refusal import Refusal

CONNECT_SECONDS = 10


class BadAddress(Refusal):
    """DATABASE_URL is not an address that PostgreSQL understands. Write it as the cure shows."""

    code: ClassVar[str] = "BAD_DATABASE_ADDRESS"


class DatabaseUnreachable(Refusal):
    """PostgreSQL does not answer or turned us away. Check the address and the account."""

    code: ClassVar[str] = "DATABASE_UNREACHABLE"


def address(url: str) -> tuple[str, dict[str, str]]:
    """The address without its password, and the environment that holds the password.

    Other users of the machine see the command line of a process, not its environment.
    """
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError as error:
        raise BadAddress(
            f"DATABASE_URL cannot be read: {str(error).strip()}",
            field="DATABASE_URL",
            cure="Set it to postgresql://user:password@host:5432/database.",
        ) from None
    password = parts.pop("password", None)
    # Variables of the caller's shell (PGHOST, PGOPTIONS) must not lead us to another database.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    secret = {"PGPASSWORD": password} if password else {}
    return make_conninfo(**parts), environment | secret


def command(program: str, url: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command line and environment that run a client program on a database."""
    place, environment = address(url)
    return [str(binary(program)), f"--dbname={place}", *arguments], environment


def run_client(
    program: str, url: str, *arguments: str, stdin: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a client program to its end; the caller judges its result."""
    words, environment = command(program, url, *arguments)
    return subprocess.run(  # noqa: S603 - a program of our own wheel
        words,
        env=environment,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def connect(url: str) -> psycopg.Connection:
    """A connection, or a refusal that says where none could be had."""
    try:
        return psycopg.connect(url, connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as error:
        raise unreachable(error) from None


def unreachable(error: Exception) -> DatabaseUnreachable:
    """The refusal for a server that cannot be reached, without the password."""
    url = read_environment().database_url
    parts = urlsplit(url.get_secret_value()) if url else None
    reason = str(error).strip().splitlines()[0]
    return DatabaseUnreachable(
        f"The database cannot be reached: {reason}",
        field="DATABASE_URL" if parts else None,
        value=f"{parts.scheme}://{parts.hostname}{parts.path}" if parts else None,
        cure="Check that the server runs and that DATABASE_URL has the right host, port, database, "
        "user and password; unset it for the embedded PostgreSQL."
        if parts
        else "Run `crossbill db status`, then the command again.",
    )


def show(words: Sequence[str]) -> str:
    """What a failed program said, in one line."""
    lines = [line.strip() for line in words if line.strip()]
    return lines[0] if lines else "no reason given"
