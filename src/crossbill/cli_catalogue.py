"""The `crossbill catalogue` commands: check, compare, load and publish a catalogue of products."""

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_bill import show_effect
from crossbill.cli_input import CARRIER, USER, day_of
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.config import ready
from crossbill.core.refusal import Refusal
from crossbill.platform.product.catalogue_diff import Difference, differences
from crossbill.platform.product.catalogue_file import ProductCatalogue, read_product_catalogue

if TYPE_CHECKING:
    from crossbill.platform.billing.catalogue_effect import CatalogueEffect
    from crossbill.platform.product.models import CatalogueVersion

DIFFERENT_EXIT = 1
CATALOGUE = typer.Argument(help="A catalogue of products, a YAML file.")
NAME = typer.Argument(help="What the catalogue calls itself.")
NUMBER = typer.Argument(help="The number of the version.")
ONE_OBJECT = typer.Option("--json", help="Print one JSON document only.")

catalogue_app = typer.Typer(
    help="Catalogues of products: check, compare, load, publish.", no_args_is_help=True
)


class NoEffectAsked(Refusal):
    """An effect needs a policy and a period. Give both, or neither."""

    code: ClassVar[str] = "NO_EFFECT_ASKED"


@catalogue_app.command()
def check(file: Annotated[Path, CATALOGUE], json: Annotated[bool, ONE_OBJECT] = False) -> None:
    """Read a catalogue and say what it holds; refuse it where it is not sound."""
    catalogue = read_product_catalogue(file)
    held = _counts(catalogue)
    if json:
        head = {"name": catalogue.spec.name, "currency": catalogue.spec.currency}
        print_json({**head, **held, "warnings": catalogue.warnings()})
        return
    words = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in held.items())
    typer.echo(f"{catalogue.spec.name}, {catalogue.spec.currency}: {words}. It is sound.")
    _warn(catalogue)


@catalogue_app.command()
def diff(
    old: Annotated[Path, CATALOGUE],
    new: Annotated[Path, CATALOGUE],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say what differs between two catalogues; 1 where something does."""
    rows = differences(read_product_catalogue(old), read_product_catalogue(new))
    if json:
        print_json([row.document() for row in rows])
    else:
        _show_differences(rows)
    if rows:
        raise typer.Exit(DIFFERENT_EXIT)


@catalogue_app.command()
def load(  # noqa: PLR0913 - the options of the command
    file: Annotated[Path, CATALOGUE],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    valid_from: Annotated[str, typer.Option("--from", help="First day that is billed by it.")],
    policy: Annotated[
        Path | None, typer.Option(help="A policy's YAML file: bill everybody with the draft too.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="The period of those bills, a month such as 2026-03.")
    ] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Store a catalogue as a draft; with a policy, say what it does to everybody's bills."""
    if (policy is None) != (period is None):
        raise NoEffectAsked("An effect needs a policy and a period", cure="give both or neither")
    day, draft = day_of(valid_from, "--from"), read_product_catalogue(file)
    ready()
    from crossbill.platform.product.catalogue_operations import load_draft

    found = _Found.of(carrier, user)
    effect = _effect(found.carrier_id, draft, day, policy, period) if policy and period else None
    version = load_draft(
        carrier_id=found.carrier_id,
        text=file.read_text(encoding="utf-8"),
        user=found.user,
        valid_from=day,
        effect=effect.document() if effect else None,
        file=file.name,
    )
    if json:
        print_json(_version(version) | {"effect": version.effect})
        return
    typer.echo(f"Loaded {version.name} {version.number}, a draft to bill by from {day}.")
    _warn(draft)
    if effect:
        show_effect(effect.effect)
        typer.echo(_compared_with(effect))


@catalogue_app.command()
def versions(carrier: Annotated[str, CARRIER], json: Annotated[bool, ONE_OBJECT] = False) -> None:
    """List the versions of a carrier's catalogues."""
    ready()
    from crossbill.platform.product import catalogue_queries

    found = [_version(each) for each in catalogue_queries.versions(_Found.of(carrier).carrier_id)]
    if json:
        print_json(found)
        return
    if not found:
        typer.echo("No version yet: load one with `crossbill catalogue load`.")
        return
    table = Table("catalogue", "version", "state", "from", "loaded by", "published by")
    for row in found:
        names = ("name", "number", "status", "valid_from", "drafted_by", "published_by")
        table.add_row(*(escape(str(row[name] or "")) for name in names))
    Console().print(table)


@catalogue_app.command()
def text(
    name: Annotated[str, NAME],
    number: Annotated[int, NUMBER],
    carrier: Annotated[str, CARRIER],
) -> None:
    """Print a version as the YAML file that it is, for example to keep it in git."""
    ready()
    sys.stdout.write(_named(_Found.of(carrier).carrier_id, name, number).content)


@catalogue_app.command()
def publish(
    name: Annotated[str, NAME],
    number: Annotated[int, NUMBER],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Let a draft be billed by; somebody else than who loaded it has to say so."""
    ready()
    from crossbill.platform.product import catalogue_operations

    found = _Found.of(carrier, user)
    version = catalogue_operations.publish(
        version_id=_named(found.carrier_id, name, number).id, user=found.user
    )
    _say(version, f"Published {name} {number}: billed by from {version.valid_from}.", json=json)


@catalogue_app.command()
def retire(
    name: Annotated[str, NAME],
    number: Annotated[int, NUMBER],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Bill by a published version no longer; the published one before it holds again."""
    ready()
    from crossbill.platform.product import catalogue_operations

    found = _Found.of(carrier, user)
    version = catalogue_operations.retire(
        version_id=_named(found.carrier_id, name, number).id, user=found.user
    )
    _say(version, f"Retired {name} {number}: billed by no longer.", json=json)


# What a command names


@dataclass(frozen=True)
class _Found:
    """The carrier and the person that a command names."""

    carrier_id: int
    user: Any = None

    @classmethod
    def of(cls, carrier: str, user: str | None = None) -> "_Found":
        from crossbill.console.operations import find_user
        from crossbill.platform.customer.queries import carrier_id

        return cls(carrier_id(carrier), find_user(user) if user is not None else None)


def _named(carrier_id: int, name: str, number: int) -> "CatalogueVersion":
    from crossbill.platform.product.catalogue_queries import version_named

    return version_named(carrier_id, name, number)


def _effect(
    carrier_id: int, draft: ProductCatalogue, day: date, policy: Path, period: str
) -> "CatalogueEffect":
    from crossbill.platform.billing.catalogue_effect import catalogue_effect
    from crossbill.platform.billing.compute import read_policy

    return catalogue_effect(
        carrier_id=carrier_id,
        draft=draft,
        valid_from=day,
        policy=read_policy(policy),
        period=period,
    )


# What a command says


def _counts(catalogue: ProductCatalogue) -> dict[str, int]:
    prices = [price for _, price in catalogue.prices()]
    return {
        "offerings": len(catalogue.spec.offerings),
        "prices": len(prices),
        "price_versions": sum(len(price.versions) for price in prices),
        "tax_rates": len(catalogue.spec.taxes),
    }


def _warn(catalogue: ProductCatalogue) -> None:
    for warning in catalogue.warnings():
        typer.echo(f"Warning: {warning}")


def _show_differences(rows: list[Difference]) -> None:
    if not rows:
        typer.echo("They say the same.")
        return
    for row in rows:
        typer.echo(f"{row.kind} {row.what} {row.code}: {_what_became(row)}")


def _what_became(row: Difference) -> str:
    if row.field:
        return f"{row.field} was {row.old}, is {row.new}"
    return row.new or row.old or ""


def _compared_with(effect: "CatalogueEffect") -> str:
    known = f"published version {effect.version}" if effect.version else "the books' own prices"
    return f"The bills of {effect.period} by policy {effect.policy_code}, compared with {known}."


def _version(version: "CatalogueVersion") -> dict[str, Any]:
    """A version as JSON, without its text."""
    author, publisher = version.drafted_by, version.published_by
    return {
        "name": version.name,
        "number": version.number,
        "status": str(version.status),
        "valid_from": version.valid_from,
        "sha256": version.sha256,
        "drafted_by": author.get_username() if author else None,
        "drafted_at": version.drafted_at,
        "published_by": publisher.get_username() if publisher else None,
        "published_at": version.published_at,
        "retired_at": version.retired_at,
    }


def _say(version: "CatalogueVersion", words: str, *, json: bool) -> None:
    if json:
        print_json(_version(version))
    else:
        typer.echo(words)
