"""``crossbill bill``: bills of a snapshot's folder, one account's preview, and why."""

from pathlib import Path
from typing import Annotated, Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_input import ACCOUNT, ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.config import ready
from crossbill.core.policy import Policy
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.compute import computed, periods, read_policy
from crossbill.platform.billing.compute_parts import compute as compute_parts
from crossbill.platform.billing.explain_bill import BillExplained, disagreements, explained
from crossbill.platform.billing.read_snapshot import read_snapshot
from crossbill.platform.billing.rule_changes import Rule, as_one, stepped
from crossbill.platform.billing.what_if import Effect, changed

OPEN_EXIT = 1
SNAPSHOT = typer.Option(help="The folder of tables: CSV or Parquet, and perhaps catalogue.yaml.")
PERIOD = typer.Option(help="A month such as 2026-03, or the first day of one bill cycle.")
POLICY = typer.Option(help="A policy's YAML file, or a policy_code of the snapshot, for everyone.")

bill_app = typer.Typer(help="Compute bills, and explain them.", no_args_is_help=True)


@bill_app.command()
def compute(
    snapshot: Annotated[Path, SNAPSHOT],
    period: Annotated[str, PERIOD],
    out: Annotated[Path, typer.Option(help="The folder that the bills are written to.")],
    policy: Annotated[str | None, POLICY] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Bill all accounts of a snapshot; 1 where something could not be charged."""
    document = compute_parts(snapshot, period=period, policy=policy, out=out, told=_told)
    if json:
        print_json(document)
    else:
        _show_summary(document, out)
    if document["unresolved"]:
        raise typer.Exit(OPEN_EXIT)


@bill_app.command()
def preview(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    period: Annotated[str, PERIOD],
    snapshot: Annotated[Path | None, SNAPSHOT] = None,
    carrier: Annotated[
        str | None, typer.Option(help="Code of the carrier: bill from its books instead.")
    ] = None,
    policy: Annotated[str | None, POLICY] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say what one account would be billed; the same calculation on a population of one.

    From the books it is billed by the old system's rules where no policy is given, with the usage
    of the months that its change-over compared.
    """
    if (snapshot is None) == (carrier is None):
        raise typer.BadParameter("give --snapshot FOLDER, or --carrier CODE to bill from its books")
    if carrier is not None:
        bills, unresolved = _from_books(carrier, account, period, policy)
    else:
        assert snapshot is not None
        with computed(snapshot, period=period, policy=policy, account=account) as found:
            bills, unresolved = explained(found), found.fetch("unresolved").to_pylist()
    if json:
        print_json({"bills": [_bill(bill) for bill in bills], "unresolved": unresolved})
    else:
        _show_bills(account, bills, steps=False)
        _show_unresolved(unresolved)
    if unresolved:
        raise typer.Exit(OPEN_EXIT)


def _from_books(
    carrier: str, account: str, period: str, policy: str | None
) -> tuple[list[BillExplained], list[dict[str, Any]]]:
    """An account's bills and what cannot be charged, as the books stand now."""
    ready()
    from crossbill.config.environment import read_environment
    from crossbill.engine.store import Store
    from crossbill.platform.billing.preview import preview as previewed
    from crossbill.platform.customer.queries import carrier_id
    from crossbill.replacement.migration.queries import carriers_old_policy
    from crossbill.replacement.reconciliation.stored_usage import usage_totals_of

    known = carrier_id(carrier)
    store = Store(read_environment().store_url)
    used = usage_totals_of(carrier_id=known, account_key=account, store=store)
    chosen = read_policy(Path(policy)) if policy else carriers_old_policy(known)
    found = previewed(
        carrier_id=known, account_key=account, period=period, policies={"asked": chosen}, used=used
    )["asked"]
    return found.bills, found.unresolved


@bill_app.command("what-if")
def what_if_command(  # noqa: PLR0913 - the options of the command
    snapshot: Annotated[Path, SNAPSHOT],
    period: Annotated[str, PERIOD],
    policy: Annotated[str | None, POLICY] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Another catalogue of products, a YAML file.")
    ] = None,
    other_policy: Annotated[str | None, typer.Option(help="Another policy.")] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Bill everybody before and after a change of catalogue or policy, and compare."""
    effect = changed(
        snapshot, period=period, policy=policy, catalogue=catalogue, other_policy=other_policy
    )
    if json:
        print_json(effect.document())
    else:
        show_effect(effect)


@bill_app.command("rules")
def rules_command(  # noqa: PLR0913 - the options of the command
    old: Annotated[Path, typer.Argument(help="The policy that holds, a YAML file.")],
    new: Annotated[Path, typer.Argument(help="The policy that is to hold, a YAML file.")],
    period: Annotated[str, PERIOD],
    snapshot: Annotated[Path | None, SNAPSHOT] = None,
    carrier: Annotated[str | None, typer.Option(help="Bill this carrier's books instead.")] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say what each rule that differs between two policies does to everybody's bills."""
    if (snapshot is None) == (carrier is None):
        raise typer.BadParameter("give --snapshot, or --carrier for its books")
    before, after = read_policy(old), read_policy(new)
    with connect() as backend, refusing_overflow():
        asked = periods(period)
        if snapshot:
            held = [read_snapshot(backend, snapshot) | {"periods": ibis.memtable(asked)}]
        else:
            held = _books(carrier or "", before, asked)
        parts = [stepped(backend, tables, before, after) for tables in held]
        found = list(as_one(parts).effects(backend))
    if json:
        rows = [
            {"rule": rule.name, "before": rule.was, "after": rule.becomes, **effect.document()}
            for rule, effect in found
        ]
        print_json(rows)
    else:
        _show_rules(found)


def _books(carrier: str, policy: Policy, asked: pa.Table) -> list[dict[str, ir.Table]]:
    """The tables of a carrier's books for these periods."""
    ready()
    from crossbill.platform.billing.books import book_rows, populations
    from crossbill.platform.customer.queries import carrier_id

    known = carrier_id(carrier)
    return populations(known, book_rows(known), policy, asked)


def _show_rules(found: list[tuple[Rule, Effect]]) -> None:
    table = Table("rule", "from", "to", "currency", "bills", "difference")
    for rule, effect in found:
        for row in effect.totals:
            moved = f"{row['dearer'] + row['cheaper']:,}"
            table.add_row(*rule, row["currency"], moved, row["difference"])
    Console().print(table)


@bill_app.command()
def explain(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    snapshot: Annotated[Path, SNAPSHOT],
    period: Annotated[str, PERIOD],
    policy: Annotated[str | None, POLICY] = None,
    stored: Annotated[
        Path | None, typer.Option(help="What `bill compute` wrote: say whether it still agrees.")
    ] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Derive one account's bill step by step; 1 where the stored one no longer agrees."""
    with computed(snapshot, period=period, policy=policy, account=account) as found:
        bills = explained(found)
        differing = disagreements(found, stored) if stored else []
    if json:
        document = {"bills": [_bill(bill) for bill in bills], "disagreements": differing}
        print_json(document)
    else:
        _show_bills(account, bills, steps=True)
        if stored:
            _show_agreement(differing)
    if differing:
        raise typer.Exit(OPEN_EXIT)


def _told(number: int, parts: int) -> None:
    """Say how far a large population is; on the other stream, so that JSON stays alone."""
    if parts > 1:
        typer.echo(f"Part {number} of {parts} is billed.", err=True)


def _bill(found: BillExplained) -> dict[str, Any]:
    """A bill as JSON."""
    bill = found.bill
    return {
        "account_key": bill["account_key"],
        "period_from": bill["period_from"],
        "period_to": bill["period_to"],
        "currency": bill["currency"],
        **found.totals,
        "taxes": list(found.taxes),
        "lines": [
            {
                "product_key": line.line["product_key"],
                "category": line.line["category"],
                "price_code": line.line["price_code"],
                "charge_from": line.line["charge_from"],
                "charge_to": line.line["charge_to"],
                "net": line.net,
                "tax": line.tax,
                "steps": list(line.steps),
            }
            for line in found.lines
        ],
    }


def _show_summary(document: dict[str, Any], out: Path) -> None:
    console = Console()
    table = Table("currency", "bills", "net", "tax", "total", "credits", "to pay")
    for row in document["totals"]:
        figures = (row[name] for name in ("net", "tax", "total", "credit", "due"))
        table.add_row(row["currency"], f"{row['bills']:,}", *figures)
    console.print(table)
    lines = Table("category", "currency", "lines", "net")
    for row in document["categories"]:
        lines.add_row(row["category"], row["currency"], f"{row['lines']:,}", row["net"])
    console.print(lines)
    for code, products in document["unresolved"].items():
        typer.echo(f"Not charged: {products:,} with {code}, see {out / 'unresolved.parquet'}")
    typer.echo(f"Bills: {out}")


def show_effect(effect: Effect) -> None:
    """Print what a change does to a population."""
    console = Console()
    sums = Table("currency", "bills", "unchanged", "dearer", "cheaper", "before", "after", "more")
    for row in effect.totals:
        counts = (f"{row[name]:,}" for name in ("bills", "unchanged", "dearer", "cheaper"))
        sums.add_row(row["currency"], *counts, row["before"], row["after"], row["difference"])
    console.print(sums)
    if effect.largest:
        largest = Table("account", "period", "before", "after", "more")
        for row in effect.largest:
            days = str(row["period_from"])
            largest.add_row(
                escape(row["account_key"]), days, row["before"], row["after"], row["difference"]
            )
        console.print(largest)
    before, after = effect.unresolved
    if before or after:
        typer.echo(f"Products that cannot be charged: {before:,} before, {after:,} after")


def _show_bills(account: str, bills: list[BillExplained], *, steps: bool) -> None:
    if not bills:
        typer.echo(f"Nothing is billed to {account} in this period.")
    for found in bills:
        bill = found.bill
        typer.echo(f"Account {account}, {bill['period_from']} to {bill['period_to']}")
        _show_lines(found, steps=steps)
        for tax in found.taxes:
            typer.echo(f"  {tax}")
        totals = ", ".join(f"{name} {amount}" for name, amount in found.totals.items())
        typer.echo(f"  {bill['currency']}: {totals}")


def _show_lines(found: BillExplained, *, steps: bool) -> None:
    table = Table("product", "category", "price", "from", "to", "net", "tax")
    for column in table.columns[-2:]:
        column.justify = "right"
    for line in found.lines:
        row = line.line
        names = (row["product_key"] or "", row["category"], row["price_code"])
        days = (str(row["charge_from"]), str(row["charge_to"]))
        table.add_row(*(escape(name) for name in names), *days, line.net, line.tax)
    if not steps:
        Console().print(table)
        return
    for line in found.lines:
        row = line.line
        typer.echo(f"  {row['product_key'] or ''} {row['category']}: {line.net}")
        for step in line.steps:
            typer.echo(f"    {step}")


def _show_unresolved(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        typer.echo(
            f"Not charged: {row['product_key']}, {row['code']} ({row['field']} {row['value']!r})"
        )


def _show_agreement(differing: list[str]) -> None:
    if not differing:
        typer.echo("The stored bill agrees.")
    for words in differing:
        typer.echo(f"No longer agrees: {words}")
