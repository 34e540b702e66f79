"""How commands say what a change costs, and by whose rules it is computed."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossbill.cli_bill import show_effect

if TYPE_CHECKING:
    from crossbill.core.policy import Policy
    from crossbill.platform.billing.change_cost import ChangeCost

POLICY = typer.Option(help="A policy's YAML file, to compute what it costs.")
DRY_RUN = typer.Option("--dry-run", help="Only say what it costs.")


def policy_of(path: Path | None, carrier_id: int) -> "Policy":
    """The rules of a file, else the carrier's own new ones."""
    from crossbill.platform.billing.compute import read_policy
    from crossbill.replacement.migration.queries import carriers_new_policy

    return read_policy(path) if path else carriers_new_policy(carrier_id)


def show_cost(cost: "ChangeCost") -> None:
    """Print what a change does to the bills that it reaches."""
    spans = " and ".join(f"{each.from_date} to {each.to_date}" for each in cost.periods)
    typer.echo(f"The bill of {spans} by policy {cost.policy_code}, before and after the change:")
    if cost.effect.totals:
        show_effect(cost.effect)
    else:
        typer.echo("Nothing is billed, before or after.")
