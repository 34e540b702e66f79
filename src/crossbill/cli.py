"""The command line: every command, and the one place where an error becomes a message."""

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

import typer

from crossbill.cli_accept_control import accept_control, revoke_control
from crossbill.cli_account import account_app
from crossbill.cli_bill import bill_app
from crossbill.cli_catalogue import catalogue_app
from crossbill.cli_catch_up import catch_up
from crossbill.cli_console import console, user_app, worker
from crossbill.cli_controls import list_controls, run_controls, show_control
from crossbill.cli_db import db_app
from crossbill.cli_decide import explain, preview, sign
from crossbill.cli_evidence import key, pack, verify
from crossbill.cli_product import product_app
from crossbill.cli_rate import rate_app
from crossbill.cli_reconcile import reconcile_app
from crossbill.cli_replace import replace, run_demo
from crossbill.cli_report import report_app
from crossbill.cli_trend import trend
from crossbill.cli_work import accept, accept_again, assign, comment, revoke, submit, work
from crossbill.core.refusal import Refusal

INTERNAL_ERROR = 3
INTERRUPTED = 130
STOPPED = "Stopped. Run the same command again to go on."

app = typer.Typer(
    help="A telecom billing platform that a carrier can switch to without losing a cent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(run_demo)
app.command()(replace)
for name, command in {
    "list": list_controls,
    "run": run_controls,
    "show": show_control,
    "catch-up": catch_up,
    "trend": trend,
    "explain": explain,
    "work": work,
    "accept": accept,
    "accept-again": accept_again,
    "accept-control": accept_control,
    "revoke": revoke,
    "revoke-control": revoke_control,
    "assign": assign,
    "comment": comment,
    "preview": preview,
    "submit": submit,
    "sign": sign,
    "pack": pack,
    "verify": verify,
    "key": key,
}.items():
    reconcile_app.command(name)(command)
app.add_typer(reconcile_app, name="reconcile")
app.add_typer(rate_app, name="rate")
app.add_typer(bill_app, name="bill")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(product_app, name="product")
app.add_typer(account_app, name="account")
app.add_typer(report_app, name="report")
app.command()(console)
app.command()(worker)
app.add_typer(user_app, name="user")
app.add_typer(db_app, name="db")


def main() -> None:
    """Run a command; a refusal is a message, anything unforeseen is a short note and a file."""
    try:
        app()
    except Refusal as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        sys.exit(refusal.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # Typer has turned Ctrl-C into it, without a word
            print(STOPPED, file=sys.stderr)
        raise
    except Exception as error:  # noqa: BLE001 - the outermost edge: no traceback reaches a user
        if _was_interrupted(error):
            print(STOPPED, file=sys.stderr)
            sys.exit(INTERRUPTED)
        print(_note(error), file=sys.stderr)
        sys.exit(INTERNAL_ERROR)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C came first; a statement that it broke off may complain while it is undone."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _note(error: Exception) -> str:
    """Keep the traceback in a file for those who mend it; say where, and what to do."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    path = Path(gettempdir()) / f"crossbill-error-{stamp}.txt"
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    path.chmod(0o600)
    return (
        f"Internal error: {type(error).__name__}. Nothing is half done: "
        f"run the same command again to go on.\n  If it comes back, report it with {path}"
    )
