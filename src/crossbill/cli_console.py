"""The commands around the console: serve it, work for it, and say who may use it."""

import sys
from typing import Annotated, ClassVar

import typer
from rich.console import Console

from crossbill.cli_table import Table
from crossbill.config import ready
from crossbill.config.environment import LOOPBACK_HOSTS, read_environment
from crossbill.core.refusal import Refusal

user_app = typer.Typer(help="The people who may use the console.", no_args_is_help=True)
_out = Console(soft_wrap=True, highlight=False)


class DemoLoginElsewhere(Refusal):
    """A demo login is for this machine only. Leave out --host, or make users instead."""

    code: ClassVar[str] = "DEMO_LOGIN_ELSEWHERE"


class NoPassword(Refusal):
    """There is no terminal to ask for a password. Pipe it in and add --password-stdin."""

    code: ClassVar[str] = "NO_PASSWORD"


def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    demo_login: Annotated[
        bool, typer.Option("--demo-login", help="Make a login with a new random password.")
    ] = False,
) -> None:
    """Serve the console, with a worker beside it. Ctrl-C stops both."""
    if demo_login and host not in LOOPBACK_HOSTS:
        raise DemoLoginElsewhere(
            "A demo login is for this machine only",
            field="--host",
            value=host,
            cure="leave out --host, or make users with `crossbill user add`",
        )
    ready()
    from crossbill.console import serve
    from crossbill.console.operations import define_roles

    define_roles()  # this release may know more permissions than the one before
    server = serve.bind(host=host, port=port, behind_proxy=read_environment().tls)
    _out.print(f"Crossbill console: [bold]{serve.address(server)}[/bold]")
    _print_login(demo_login)
    _out.print("Ctrl-C stops it.")
    sys.stdout.flush()
    serve.serve(server)


def _print_login(demo_login: bool) -> None:
    from crossbill.console.operations import open_demo_login

    if demo_login:
        password, names = open_demo_login()
        _out.print(f"User:     [bold]{' or '.join(names)}[/bold]")
        _out.print(f"Password: [bold]{password}[/bold] (until the next start)", markup=True)
    else:
        _out.print("Sign in as a user made with: crossbill user add NAME --role viewer")


def worker() -> None:
    """Do the jobs that the console handed over. Ctrl-C stops it after the present job."""
    ready()
    from crossbill.console.worker import work

    work()


@user_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    role: Annotated[
        list[str], typer.Option(help="viewer, operator or approver; may be given several times.")
    ],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Add a person: a viewer reads, an operator also resumes runs, changes products and accounts,
    and loads drafts of catalogues; an approver also signs gates and publishes catalogues.
    """
    ready()
    from crossbill.console.operations import add_user

    add_user(name=name, password=_password(password_stdin), roles=role)
    _out.print(f"Added {name}: {', '.join(role)}.", markup=False)


@user_app.command("password")
def password(
    name: Annotated[str, typer.Argument(help="Whose password.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Give a person another password."""
    ready()
    from crossbill.console.operations import change_password

    change_password(name=name, password=_password(password_stdin))
    _out.print(f"Changed the password of {name}.", markup=False)


@user_app.command("disable")
def disable(name: Annotated[str, typer.Argument(help="Who is to be kept out.")]) -> None:
    """Keep a person out from now on; what the person signed stays."""
    ready()
    from crossbill.console.operations import disable_user

    disable_user(name=name)
    _out.print(f"{name} can no longer sign in.", markup=False)


@user_app.command("list")
def list_users() -> None:
    """List who may use the console and how."""
    ready()
    from crossbill.console.queries import people

    table = Table("Name", "Roles", "May sign in", box=None)
    for person in people():
        table.add_row(person.name, ", ".join(person.roles), "yes" if person.active else "no")
    _out.print(table)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise NoPassword(
            "There is no terminal to ask for a password",
            cure="pipe the password in and add --password-stdin",
        )
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
