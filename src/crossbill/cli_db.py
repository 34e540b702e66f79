"""The `crossbill db` commands: where the database is, a prompt in it, backup, restore, stop."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console

from crossbill.cli_table import Table
from crossbill.config import setup
from crossbill.config.backup import Manifest, restore_backup, write_backup
from crossbill.config.client import command, connect
from crossbill.config.environment import Environment, read_environment
from crossbill.config.postgres import running_url, server_url, status, stop
from crossbill.core.refusal import Refusal

db_app = typer.Typer(help="The database: status, prompt, backup and restore.", no_args_is_help=True)

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


class NotOurServer(Refusal):
    """The command is for the embedded database only. Use the means of the server you named."""

    code: ClassVar[str] = "NOT_OUR_SERVER"


@dataclass(frozen=True)
class Facts:
    """What a running database says of itself."""

    version: str
    size: str
    connections: int


@db_app.command("status")
def show_status() -> None:
    """Show where the database is and how it is, without starting it."""
    environment = read_environment()
    table = Table(show_header=False, box=None)
    for name, value in _status_rows(environment):
        table.add_row(f"[bold]{name}[/bold]", value)
    Console(soft_wrap=True).print(table)


@db_app.command("psql", context_settings=PASS_ON)
def open_prompt(context: typer.Context) -> None:
    """Open psql on the database. What follows `--` goes to psql."""
    words, variables = command("psql", server_url(read_environment()), *context.args)
    # Ctrl-C is for the statement in psql; we wait, so that the server stays up while it is used.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise typer.Exit(subprocess.run(words, env=variables, check=False).returncode)  # noqa: S603 - our own wheel


@db_app.command("backup")
def back_up(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    database_only: Annotated[
        bool, typer.Option("--database-only", help="Leave out the store's files.")
    ] = False,
) -> None:
    """Write the database and the store's files to one file, readable by you alone."""
    environment = read_environment()
    store = None if database_only else environment.store_url
    manifest = write_backup(url=server_url(environment), store_url=store, file=file.absolute())
    Console(soft_wrap=True).print(f"Backed up to {file}: {_contents(manifest)}.", highlight=False)


@db_app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `crossbill db backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Discard what the database and the store hold.")
    ] = False,
) -> None:
    """Put a backup back into an empty database, all of it or nothing."""
    environment = read_environment()
    manifest = restore_backup(
        url=server_url(environment),
        store_url=environment.store_url,
        file=file.absolute(),
        replace=replace,
    )
    Console(soft_wrap=True).print(f"Restored {file}: {_contents(manifest)}.", highlight=False)


@db_app.command("stop")
def stop_server(
    force: Annotated[
        bool, typer.Option("--force", help="Stop it even while other commands use it.")
    ] = False,
) -> None:
    """Stop the embedded database."""
    environment = read_environment()
    if environment.database_url is not None:
        raise NotOurServer(
            "DATABASE_URL names a server that Crossbill did not start",
            field="DATABASE_URL",
            cure="Stop that server by its own means, or unset DATABASE_URL.",
        )
    stopped = stop(environment, force=force)
    Console().print("Stopped." if stopped else "It was not running.")


def _status_rows(environment: Environment) -> list[tuple[str, str]]:
    """The lines of the status."""
    place = _embedded_rows(environment) if environment.database_url is None else []
    url = running_url(environment)
    rows = _server_rows(url) if url else [("state", "stopped; the next command starts it")]
    return [*place, *rows, ("store", environment.store_url)]


def _embedded_rows(environment: Environment) -> list[tuple[str, str]]:
    found = status(environment)
    rows = [("database", f"embedded PostgreSQL {found.version}"), ("data", str(found.data))]
    return rows + ([("process", str(found.pid)), ("log", str(found.log))] if found.pid else [])


def _server_rows(url: str) -> list[tuple[str, str]]:
    facts, pending = _facts(url), _pending(url)
    changes = f"{len(pending)} pending, from {pending[0]}" if pending else "up to date"
    return [
        ("state", "running"),
        ("address", _address(url)),
        ("version", facts.version),
        ("size", facts.size),
        ("connections", str(facts.connections)),
        ("tables", changes),
    ]


def _address(url: str) -> str:
    parts = conninfo_to_dict(url)
    return f"{parts.get('dbname')} at {parts.get('host')}, user {parts.get('user')}"


def _facts(url: str) -> Facts:
    question = """
        SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(d.oid)),
               (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid) - 1
        FROM pg_database d WHERE d.datname = current_database()
    """
    with connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return Facts(row[0], row[1], row[2])


def _pending(url: str) -> list[str]:
    """Pending migrations, asked as of a named server: to look must not start or stop one."""
    os.environ["DATABASE_URL"] = url
    setup()
    from crossbill.config.tables import pending_changes

    return pending_changes()


def _contents(manifest: Manifest) -> str:
    return (
        f"database {manifest.database_bytes:,} bytes (PostgreSQL {manifest.postgresql}), "
        f"{manifest.store_files:,} files of the store, Crossbill {manifest.crossbill}"
    )
