"""`crossbill reconcile explain`, `preview` and `sign`: why, what the gate would say, and a yes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_input import ACCOUNT, ONE_OBJECT, USER
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.config import ready

if TYPE_CHECKING:
    from crossbill.replacement.migration.models import AccountMove
    from crossbill.replacement.reconciliation.gate_decision import Decision
    from crossbill.replacement.reconciliation.models import Difference

CARRIER = typer.Argument(help="Code of the carrier.")
WAVE = typer.Argument(help="Name or number of the wave.")
REFUSED_EXIT = 1
SHOWN = ("entity", "record_key", "field", "kind", "left_value", "right_value", "amount_minor",
         "currency", "class_code", "evidence", "decision", "owner")  # fmt: skip


def explain(
    carrier: Annotated[str, CARRIER],
    account: Annotated[str, ACCOUNT],
    pdf: Annotated[
        Path | None, typer.Option(help="Write its bills, old beside new, into this PDF as well.")
    ] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say where an account stands, how old and new differ for it, and why."""
    ready()
    from crossbill.replacement.reconciliation.queries import account_standing

    found = account_standing(carrier, account)
    if pdf is not None:
        _write_comparison(found.move, pdf)
    if json:
        print_json(
            {
                "account_key": found.move.account_key,
                "wave": found.move.wave.name if found.move.wave else None,
                "state": found.move.state,
                "reason": found.move.reason,
                "differences": [{n: getattr(d, n) for n in SHOWN} for d in found.differences],
                "suspended": [
                    {n: getattr(s, n) for n in ("file", "line", "code", "message", "owner")}
                    for s in found.suspended
                ],
            }
        )
        return
    wave = found.move.wave.name if found.move.wave else "no wave"
    typer.echo(f"{found.move.account_key}, {wave}: {found.move.state}")
    if found.move.reason:
        typer.echo(f"  {found.move.class_code}: {found.move.reason}")
    for each in found.differences:
        typer.echo(_told(each))
    for record in found.suspended:
        place = f"{record.file}:{record.line} {record.code}"
        typer.echo(f"suspended {place}: {record.message} (owner: {record.owner})")
    if not found.differences and not found.suspended:
        typer.echo("Nothing differs, and nothing was suspended.")


def _write_comparison(move: "AccountMove", path: Path) -> None:
    from crossbill.config.environment import read_environment
    from crossbill.engine.store import Store
    from crossbill.platform.product.queries import offering_names
    from crossbill.replacement.document.pdf import write_pdf
    from crossbill.replacement.reconciliation.compared_account import compared_account
    from crossbill.replacement.reconciliation.comparison_document import comparison

    compared = compared_account(Store(read_environment().store_url), move.replacement, move)
    write_pdf(comparison(compared, offering_names(move.replacement.carrier_id)), path)


def preview(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say what the gate would say today, and what would hold the wave; 1 where it is refused."""
    ready()
    from django.utils.timezone import localdate

    from crossbill.config.environment import read_environment
    from crossbill.engine.store import Store
    from crossbill.replacement.reconciliation import gate_decision
    from crossbill.replacement.reconciliation.queries import wave_named

    shown = wave_named(carrier, wave)
    store = Store(read_environment().store_url)
    found = gate_decision.preview(wave=shown, store=store, today=localdate())
    if json:
        print_json(
            {"passes": found.passes, "rules": found.rules, "staying": found.staying_by_class}
        )
    else:
        _show_preview(shown.name, found)
    if not found.passes:
        raise typer.Exit(REFUSED_EXIT)


def _show_preview(wave: str, found: "Decision") -> None:
    """Each rule with its limit, whom the comparison holds back, and the result."""
    table = Table(title="The gate, were it decided today", title_justify="left")
    table.add_column("Rule")
    for name in ("Found", "Limit"):
        table.add_column(name, justify="right")
    table.add_column("")
    for rule in found.rules:
        holds = "holds" if rule["holds"] else "broken"
        table.add_row(escape(rule["rule"]), f"{rule['found']:,}", f"{rule['limit']:,}", holds)
    Console().print(table)
    for code, accounts in found.staying_by_class.items():
        why = code or "with an account of their hierarchy"
        typer.echo(f"{accounts:,} would stay on the old system: {why}")
    typer.echo(f"{wave} would {'pass its gate' if found.passes else 'be refused'}.")


def sign(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    user: Annotated[str, USER],
    evidence: Annotated[
        str, typer.Option(help="The hash of the evidence that you have read, as a pack shows it.")
    ],
) -> None:
    """Put a person's name under the gate of a wave; with the last one needed it goes live."""
    ready()
    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation.operations import approvers_needed, sign_gate
    from crossbill.replacement.reconciliation.queries import decided_gate, wave_named

    gate = decided_gate(wave_named(carrier, wave), seen_sha256=evidence)
    gate = sign_gate(gate_id=gate.id, user=find_user(user))
    given, needed = gate.signatures.count(), approvers_needed(gate)
    live = ", and the wave is live" if gate.wave.live_at else ""
    typer.echo(f"{user} has signed {gate.wave.name}: {given} of {needed} names{live}.")


def _told(each: "Difference") -> str:
    """A difference as sentences: what, why, and who decides."""
    from crossbill.replacement.reconciliation.gate import sentence_of

    decision = "accepted by people" if each.standing == "accepted" else each.standing
    return f"{each.class_code} {decision} ({each.owner}) {each.record_key}\n  {sentence_of(each)}"
