"""What several commands read from their options."""

from datetime import date
from typing import ClassVar

import typer

from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day

ACCOUNT = typer.Argument(help="The key of the account.")
CARRIER = typer.Option(help="Code of the carrier.")
USER = typer.Option(help="Who does it: a user's name.")
ONE_OBJECT = typer.Option("--json", help="Print one JSON object only.")


class NotADate(Refusal):
    """The text is not a date. Write year, month and day, as in 2026-03-31."""

    code: ClassVar[str] = "NOT_A_DATE"


def day_of(written: str, option: str) -> date:
    """The day that an option names."""
    try:
        return read_day(written)
    except ValueError as error:
        cure = "write it as 2026-03-31"
        raise NotADate("not a date", field=option, value=written, cure=cure) from error
