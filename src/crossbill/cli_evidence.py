"""`crossbill reconcile pack`, `verify` and `key`: the evidence of a wave as one signed file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.config import ready
from crossbill.config.environment import read_environment
from crossbill.replacement.reconciliation.evidence import keys
from crossbill.replacement.reconciliation.evidence.verify import Verified, verify_pack

CARRIER = typer.Argument(help="Code of the carrier.")
WAVE = typer.Argument(help="Name or number of the wave.")


def pack(
    carrier: Annotated[str, CARRIER],
    wave: Annotated[str, WAVE],
    out: Annotated[Path, typer.Option(help="The file to write, as wave-1.zip.")],
) -> None:
    """Put the evidence of a wave into one file and sign it with this installation's key."""
    ready()
    from crossbill.engine.store import Store
    from crossbill.replacement.reconciliation.evidence.operations import pack_wave
    from crossbill.replacement.reconciliation.queries import wave_named

    environment = read_environment()
    key = keys.signing_key(environment)
    found = wave_named(carrier, wave)
    store = Store(environment.store_url)
    show(pack_wave(wave_id=found.id, store=store, key=key, out=out))
    typer.echo(f"Written: {out}")


def verify(
    pack: Annotated[Path, typer.Argument(help="The file that `crossbill reconcile pack` wrote.")],
    key: Annotated[
        Path | None, typer.Option(help="The public key to trust, as a PEM file.")
    ] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say whether a pack is what was packed and signed; needs no database. 1 where it is not."""
    found = verify_pack(pack, trusted=keys.read_public(key) if key else None)
    if json:
        print_json(as_plain(found))
    else:
        show(found)


def key() -> None:
    """Print the public key by which the packs of this installation are checked."""
    public = keys.signing_key(read_environment()).public_key()
    typer.echo(keys.public_pem(public).decode(), nl=False)
    typer.echo(f"SHA-256 of the key: {keys.fingerprint(public)}", err=True)


def as_plain(found: Verified) -> dict[str, Any]:
    """The result as plain values."""
    return {
        "whole": True,
        "pack": found.pack,
        "approvals": found.approvals,
        "rows": found.rows,
        "parts": [{"name": p.name, "bytes": p.size, "sha256": p.sha256} for p in found.parts],
        "head_sha256": found.head_sha256,
        "key_sha256": found.key_sha256,
        "key_trusted": found.pinned,
    }


def show(found: Verified) -> None:
    """The result in sentences."""
    gate, rows = found.pack["gate"], found.rows
    live = f"live since {found.pack['live_at']}" if found.pack["live_at"] else "not live"
    typer.echo(f"{found.pack['carrier']['code']}, {found.pack['wave']}: {live}")
    typer.echo(f"Gate: {gate['result']} at {gate['decided_at']}")
    typer.echo(f"  evidence {gate['evidence_sha256']}")
    for row in found.approvals:
        typer.echo(f"  signed by {row['user']} at {row['signed_at']}")
    typer.echo(
        f"{rows['accounts.csv']:,} accounts, {rows['differences.csv']:,} differences, "
        f"{rows['suspended.csv']:,} suspended records, {rows['controls.csv']:,} runs of controls, "
        f"{rows['decisions.csv']:,} decisions"
    )
    typer.echo(f"The pack is whole: {len(found.parts)} parts, head {found.head_sha256}")
    typer.echo(f"  signed by the key {found.key_sha256}")
    if not found.pinned:
        typer.echo("  Whose key that is, nobody has checked: name the one you trust with --key.")
