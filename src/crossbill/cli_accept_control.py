"""`crossbill reconcile accept-control` and `revoke-control`: people accept what a control found."""

from typing import Annotated

import typer

from crossbill.cli_controls import CARRIER, CONTROL, WAVE
from crossbill.cli_input import USER, day_of
from crossbill.config import ready

REASON = typer.Option(help="Why, for whoever asks later.")


def accept_control(  # noqa: PLR0913 - what an acceptance is made of
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    control: Annotated[str, CONTROL],
    user: Annotated[str, USER],
    reason: Annotated[str, REASON],
    figures: Annotated[int, typer.Option(min=0, help="Most figures that may differ in a unit.")],
    until: Annotated[str, typer.Option(help="The last day on which it counts, as 2026-12-31.")],
    limit: Annotated[
        list[str] | None,
        typer.Option(help='Most by which amounts may differ, as "5.00 USD"; again.'),
    ] = None,
) -> None:
    """Accept what a control found last on a wave, within limits and up to a day; nothing worse."""
    ready()
    from django.utils.timezone import localdate

    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import control_deciding_operations, deciding
    from crossbill.replacement.reconciliation.control import figure_words, unit_words
    from crossbill.replacement.reconciliation.queries import wave_named

    made = control_deciding_operations.accept_control(
        wave_id=wave_named(carrier, wave).id,
        control=control,
        user=find_user(user),
        reason=reason,
        figures=figures,
        limits=deciding.read_limits(limit or [], []),
        valid_until=day_of(until, "--until"),
        today=localdate(),
    )
    for each in made:
        named = f"{control} on {each.run.wave.name}, {unit_words(each.unit)}"
        found = f"{each.figures:,} figure{'s' * (each.figures != 1)}"
        apart = figure_words(each.value, each.unit)
        typer.echo(f"Accepted until {each.valid_until_date}: {named}: {found}, {apart} in all")


def revoke_control(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    control: Annotated[str, CONTROL],
    user: Annotated[str, USER],
    reason: Annotated[str, REASON],
) -> None:
    """End what was accepted of a control on a wave."""
    ready()
    from crossbill.console.operations import find_user
    from crossbill.replacement.reconciliation import control_deciding_operations
    from crossbill.replacement.reconciliation.queries import wave_named

    found = wave_named(carrier, wave)
    control_deciding_operations.revoke_control(
        wave_id=found.id, control=control, user=find_user(user), reason=reason
    )
    typer.echo(f"Revoked: {control} on {found.name}")
