"""`crossbill reconcile work`, `accept`, `revoke`, `assign`, `comment`, `submit`: people decide."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from rich.console import Console, JustifyMethod
from rich.markup import escape

from crossbill.cli_input import ONE_OBJECT, USER, day_of
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.config import ready
from crossbill.core.money import MINOR_DIGITS, format_minor
from crossbill.core.refusal import Refusal

if TYPE_CHECKING:
    from crossbill.replacement.reconciliation.attachments import File
    from crossbill.replacement.reconciliation.deciding_operations import Accepted
    from crossbill.replacement.reconciliation.deciding_queries import Work, WorkFilter
    from crossbill.replacement.reconciliation.models import Finding

CARRIER = typer.Argument(help="Code of the carrier.")
WAVE = typer.Argument(help="Name or number of the wave.")
FINDING = typer.Argument(help="The finding's number in its wave, as `work` shows it.")
REASON = typer.Option(help="Why, for whoever asks later.")
LEFT_OUT_EXIT = 1
CLASS_WIDTH = 15  # of the longest: a class is searched for whole, so it is not broken


class NothingChosen(Refusal):
    """It is not said which findings are meant. Name their numbers, or their class."""

    code: ClassVar[str] = "NOTHING_CHOSEN"


def work(  # noqa: PLR0913 - what a list is asked for
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str | None, typer.Argument(help="One wave; without it, all.")] = None,
    owner: Annotated[str, typer.Option(help="Only what this person or team has to do.")] = "",
    class_code: Annotated[str, typer.Option("--class", help="Only this class.")] = "",
    status: Annotated[
        str, typer.Option(help="Only what is open, accepted, expired, or accepted 'by terms'.")
    ] = "",
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """List findings as work: whose, how old, worth what, how each stands, where it is mended."""
    ready()
    from crossbill.replacement.reconciliation.deciding_queries import WorkFilter
    from crossbill.replacement.reconciliation.queries import wave_named

    chosen = wave_named(carrier, wave).id if wave else None
    _show_work(carrier, WorkFilter(class_code, chosen, owner, status), as_json=json)


def _show_work(carrier: str, wanted: "WorkFilter", *, as_json: bool) -> None:
    from django.utils.timezone import localdate

    from crossbill.replacement.reconciliation.deciding_queries import work_list
    from crossbill.replacement.reconciliation.queries import waves_of

    found = work_list(waves_of(carrier)[0].replacement, wanted, localdate())
    if as_json:
        print_json([_plain(each) for each in found])
        return
    table = Table(title=f"Work of {carrier}")
    for name in ("wave", ">no", "class", ">accounts", ">value", "owner", ">days", "status",
                 "mended in"):  # fmt: skip
        justify: JustifyMethod = "right" if name.startswith(">") else "left"
        table.add_column(name.removeprefix(">"), justify=justify)
    for each in found:
        table.add_row(*(escape(cell) for cell in _cells(each)))
    Console().print(table)


def _cells(each: "Work") -> list[str]:
    f = each.finding
    value = _amount(each.value_minor, f.currency)
    more = textwrap.wrap(": ".join(part for part in (f.subject, f.shared) if part), CLASS_WIDTH)
    what = "\n".join([f.class_code, *more])
    counts = [str(f.number), what, f"{f.accounts:,}", value]
    standing = str(each.standing)
    if each.standing in ("accepted", "expired") and each.acceptance:
        standing += f", {each.acceptance.valid_until_date}"
    return [f.wave.name, *counts, each.owner, str(each.age_days), standing, each.place]


def _amount(minor: int, currency: str) -> str:
    digits = MINOR_DIGITS.get(currency)
    return f"{format_minor(minor, digits)} {currency}" if minor and digits is not None else ""


def _plain(each: "Work") -> dict[str, Any]:
    """A finding as work, as plain values."""
    names = ("number", "class_code", "subject", "shared", "description", "accounts", "currency",
             "over_minor", "under_minor", "largest_minor", "fix")  # fmt: skip
    acceptance = each.acceptance
    return {name: getattr(each.finding, name) for name in names} | {
        "wave": each.finding.wave.name,
        "owner": each.owner,
        "age_days": each.age_days,
        "standing": str(each.standing),
        "mended_in": each.place or None,
        "accepted_until": acceptance.valid_until_date if acceptance else None,
        "comments": each.comments,
    }


def accept(  # noqa: PLR0913 - what an acceptance is made of
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    user: Annotated[str, USER],
    reason: Annotated[str, REASON],
    limit: Annotated[
        list[str], typer.Option(help='Most that one finding may be worth, as "5.00 USD"; again.')
    ],
    until: Annotated[str, typer.Option(help="The last day on which it counts, as 2026-12-31.")],
    finding: Annotated[list[int] | None, FINDING] = None,
    class_code: Annotated[str, typer.Option("--class", help="All findings of this class.")] = "",
    account_limit: Annotated[
        list[str] | None,
        typer.Option(help="Most that it may be worth for one account; without it, as --limit."),
    ] = None,
) -> None:
    """Accept findings within limits, up to a day; 1 where some are over them and were left out."""
    ready()
    from django.utils.timezone import localdate

    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import deciding, deciding_operations

    chosen = _chosen(carrier, wave, finding or [], class_code)
    done = deciding_operations.accept(
        finding_ids=[each.id for each in chosen],
        user=find_user(user),
        reason=reason,
        limits=deciding.read_limits(limit, account_limit or []),
        valid_until=day_of(until, "--until"),
        today=localdate(),
    )
    _tell(done)


def accept_again(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    user: Annotated[str, USER],
) -> None:
    """Accept what an earlier mock accepted, within the same limits and up to the same days."""
    ready()
    from django.utils.timezone import localdate

    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import deciding_operations
    from crossbill.replacement.reconciliation.queries import wave_named

    found = wave_named(carrier, wave)
    done = deciding_operations.accept_again(
        wave_id=found.id, user=find_user(user), today=localdate()
    )
    if not done.acceptances and not done.left_out:
        typer.echo("No earlier mock has accepted what is open here.")
    _tell(done)


def _tell(done: "Accepted") -> None:
    """What was accepted until when, and what was left out why."""
    for made in done.acceptances:
        typer.echo(f"Accepted until {made.valid_until_date}: {_named(made.finding)}")
    for left, why in done.left_out:
        typer.echo(f"Left out: {_named(left)}: {why}")
    if done.left_out:
        raise typer.Exit(LEFT_OUT_EXIT)


def revoke(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    finding: Annotated[int, FINDING],
    user: Annotated[str, USER],
    reason: Annotated[str, REASON],
) -> None:
    """End what was accepted of a finding; its differences hold accounts back again."""
    ready()
    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import deciding_operations

    (found,) = _chosen(carrier, wave, [finding], "")
    deciding_operations.revoke(finding_id=found.id, user=find_user(user), reason=reason)
    typer.echo(f"Revoked: {_named(found)}")


def assign(  # noqa: PLR0913 - whose findings, whose work, by whom
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    owner: Annotated[str, typer.Argument(help="A person or a team.")],
    user: Annotated[str, USER],
    finding: Annotated[list[int] | None, FINDING] = None,
    class_code: Annotated[str, typer.Option("--class", help="All findings of this class.")] = "",
) -> None:
    """Say who has to act on findings from now on."""
    ready()
    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import deciding_operations

    ids = [each.id for each in _chosen(carrier, wave, finding or [], class_code)]
    made = deciding_operations.assign(finding_ids=ids, user=find_user(user), owner=owner)
    for each in made:
        typer.echo(f"Given to {each.owner}: {_named(each.finding)}")


def comment(  # noqa: PLR0913 - what a comment is made of
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    finding: Annotated[int, FINDING],
    user: Annotated[str, USER],
    text: Annotated[str, typer.Option(help="What there is to say.")],
    file: Annotated[
        list[Path] | None, typer.Option(help="A file that shows it; may be given again.")
    ] = None,
) -> None:
    """Say something of a finding, with files that show it."""
    ready()
    from crossbill.config.environment import read_environment
    from crossbill.console.operations import find_user
    from crossbill.engine.store import Store
    from crossbill.replacement.reconciliation import deciding_operations

    (found,) = _chosen(carrier, wave, [finding], "")
    deciding_operations.comment(
        finding_id=found.id,
        user=find_user(user),
        text=text,
        files=[_read(path) for path in file or []],
        store=Store(read_environment().store_url),
    )
    typer.echo(f"Said: {_named(found)}")


def submit(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    user: Annotated[str, USER],
) -> None:
    """Say that a wave's findings are worked off; the run that waits then goes on to its gate."""
    ready()
    from django.utils.timezone import localdate

    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import deciding_operations
    from crossbill.replacement.reconciliation.queries import wave_named

    found = wave_named(carrier, wave)
    deciding_operations.submit(wave_id=found.id, user=find_user(user), today=localdate())
    typer.echo(f"{found.name} goes to its gate: run the same `crossbill replace` again.")


def _chosen(carrier: str, wave: str, numbers: list[int], class_code: str) -> "list[Finding]":
    """The findings of a wave that numbers or a class name; not both, for both name some twice."""
    from crossbill.replacement.reconciliation.deciding_queries import finding_numbered
    from crossbill.replacement.reconciliation.queries import FindingFilter, findings, wave_named

    found = wave_named(carrier, wave)
    if bool(numbers) == bool(class_code):
        cure = "give numbers as `crossbill reconcile work` shows them, or --class, and not both"
        raise NothingChosen("Which findings?", cure=cure)
    if numbers:
        return [finding_numbered(found, number) for number in dict.fromkeys(numbers)]
    wanted = FindingFilter(class_code=class_code, wave_id=found.id)
    return list(findings(found.replacement_id, wanted))


def _read(path: Path) -> "File":
    from crossbill.replacement.reconciliation.attachments import MOST_BYTES, BadAttachment, File

    if not path.is_file():
        raise BadAttachment("There is no such file", file=str(path), cure="check the path")
    with path.open("rb") as file:
        return File(path.name, file.read(MOST_BYTES + 1))


def _named(finding: "Finding") -> str:
    return f"finding {finding.number} of {finding.wave.name}, {finding.class_code}"
