"""The `crossbill account` commands: how an account is billed, who pays, and whom to reach."""

from itertools import starmap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossbill.cli_concession import COMMANDS, change_document, happened
from crossbill.cli_input import ACCOUNT, CARRIER, ONE_OBJECT, USER, day_of
from crossbill.cli_json import print_json
from crossbill.config import ready
from crossbill.platform.customer.amendments import percent, span_words

if TYPE_CHECKING:
    from crossbill.platform.concession.models import Commitment, Exemption
    from crossbill.platform.concession.queries import DiscountInWords
    from crossbill.platform.customer.models import AccountChange, BillingAccount, Contact, Payer

account_app = typer.Typer(
    help="How accounts are billed, what they need not pay, whom to reach: look at it, change it.",
    no_args_is_help=True,
)
for name, command in COMMANDS.items():
    account_app.command(name)(command)


@account_app.command()
def show(
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say how an account is billed, who pays, what it need not pay, whom to reach, what changed."""
    ready()
    from crossbill.platform.concession.queries import (
        discounts_in_words,
        exemptions_of,
        promises_in_words,
        rules_in_words,
    )
    from crossbill.platform.customer import queries

    found = queries.account_named(queries.carrier_id(carrier), account)
    people, changes = list(queries.contacts(found)), list(queries.changes_of(found))
    discounts, exemptions = discounts_in_words(found), list(exemptions_of(found))
    payers, others = rules_in_words(found), list(queries.paid_for(found))
    promises = promises_in_words(found)
    if json:
        granted = {
            "discounts": [*map(_discount, discounts)],
            "exemptions": [*map(_exemption, exemptions)],
            "commitments": [_commitment(*promise) for promise in promises],
            "payers": [_rule(rule) for _, rule in payers],
            "pays_for": [*map(_rule, others)],
        }
        print_json(_account(found, people, changes) | granted)
        return
    typer.echo(f"Account {found.account_key} of {found.customer.name}")
    typer.echo(f"Bills by {found.bill_medium}, language {found.bill_language}")
    typer.echo(f"Credit class: {found.credit_class or 'none'}")
    for line in [*starmap(_paid, payers), *map(_pays, others)]:
        typer.echo(line)
    terms = [*map(_granted, discounts), *map(_free, exemptions), *starmap(_promised, promises)]
    for line in terms:
        typer.echo(line)
    for line in [*map(_person, people), *map(happened, changes)]:
        typer.echo(line)


@account_app.command(name="set")
def set_terms(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    bill_medium: Annotated[str | None, typer.Option(help="paper, email or portal.")] = None,
    bill_language: Annotated[str | None, typer.Option(help="A code, as de or pt-br.")] = None,
    credit_class: Annotated[
        str | None, typer.Option(help="The carrier's own word for the risk; empty: none.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the change.")] = "",
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Change medium or language of an account's bills, or its credit class."""
    asked = {
        "bill_medium": bill_medium, "bill_language": bill_language, "credit_class": credit_class,
    }  # fmt: skip
    ready()
    from django.utils import timezone

    from crossbill.console.operations import find_user
    from crossbill.platform.customer.account_operations import change_account
    from crossbill.platform.customer.queries import carrier_id

    made = change_account(
        carrier_id=carrier_id(carrier),
        account_key=account,
        wanted={name: value for name, value in asked.items() if value is not None},
        user=find_user(user),
        today=timezone.localdate(),
        reason=reason,
    )
    if json:
        print_json({"changes": [change_document(each) for each in made]})
        return
    for each in made:
        typer.echo(happened(each))


@account_app.command()
def contact(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    name: Annotated[str, typer.Option(help="The person's name.")],
    from_: Annotated[str, typer.Option("--from", help="First day, as 2026-03-31.")],
    role: Annotated[str, typer.Option(help="contract, billing or technical.")] = "billing",
    email: Annotated[str, typer.Option(help="Where to write to.")] = "",
    phone: Annotated[str, typer.Option(help="Where to call.")] = "",
) -> None:
    """Add a person who can be reached at the customer of an account."""
    day = day_of(from_, "--from")
    ready()
    from crossbill.console.operations import find_user
    from crossbill.platform.customer.account_operations import add_contact
    from crossbill.platform.customer.queries import carrier_id

    made = add_contact(
        carrier_id=carrier_id(carrier),
        account_key=account,
        user=find_user(user),
        role=role,
        name=name,
        valid_from=day,
        email=email,
        phone=phone,
    )
    typer.echo(_person(made))


@account_app.command(name="end-contact")
def leave(
    account: Annotated[str, ACCOUNT],
    number: Annotated[int, typer.Argument(help="The number that `show` says.")],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    on: Annotated[str, typer.Option(help="First day no longer a contact, as 2026-03-31.")],
) -> None:
    """A person is no contact from a day on."""
    day = day_of(on, "--on")
    ready()
    from crossbill.console.operations import find_user
    from crossbill.platform.customer.account_operations import end_contact
    from crossbill.platform.customer.queries import carrier_id

    made = end_contact(
        carrier_id=carrier_id(carrier),
        account_key=account,
        contact_id=number,
        user=find_user(user),
        valid_to=day,
    )
    typer.echo(_person(made))


# What a command says


def _paid(words: str, rule: "Payer") -> str:
    """Who pays which part of the account's bills."""
    return f"Its bills: {words}, {span_words(rule.valid_from, rule.valid_to)}"


def _pays(rule: "Payer") -> str:
    """Of whose bills the account pays which part."""
    part = f"{percent(rule.share_ppm)} of {rule.category or 'everything'}"
    days = span_words(rule.valid_from, rule.valid_to)
    return f"Pays for {rule.account.account_key}: {part}, {days}"


def _granted(given: "DiscountInWords") -> str:
    each = given.discount
    days = span_words(each.valid_from, each.valid_to)
    return f"Discount {each.discount_key}, taken off {each.position}.: {given.words}, {days}"


def _free(exemption: "Exemption") -> str:
    of = exemption.tax_name or "every tax"
    days = span_words(exemption.valid_from, exemption.valid_to)
    return f"Exempt from {of}, number {exemption.pk}: {exemption.reason}, {days}"


def _promised(words: str, promise: "Commitment") -> str:
    days = span_words(promise.valid_from, promise.valid_to)
    return f"Promised {promise.commitment_key}: {words}, {days}"


def _commitment(words: str, promise: "Commitment") -> dict[str, Any]:
    return {
        "commitment_key": promise.commitment_key,
        "words": words,
        "valid_from": str(promise.valid_from),
        "valid_to": str(promise.valid_to) if promise.valid_to else None,
    }


def _rule(rule: "Payer") -> dict[str, Any]:
    return {
        "account_key": rule.account.account_key,
        "payer_key": rule.payer_key,
        "category": rule.category,
        "share_ppm": rule.share_ppm,
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
    }


def _exemption(exemption: "Exemption") -> dict[str, Any]:
    return {
        "number": exemption.pk,
        "tax_name": exemption.tax_name,
        "reason": exemption.reason,
        "valid_from": str(exemption.valid_from),
        "valid_to": str(exemption.valid_to) if exemption.valid_to else None,
    }


def _discount(given: "DiscountInWords") -> dict[str, Any]:
    each = given.discount
    return {
        "discount_key": each.discount_key,
        "position": each.position,
        "words": given.words,
        "valid_from": str(each.valid_from),
        "valid_to": str(each.valid_to) if each.valid_to else None,
    }


def _person(contact: "Contact") -> str:
    until = f" to {contact.valid_to}" if contact.valid_to else ""
    reached = ", ".join(each for each in (contact.email, contact.phone) if each)
    who = f"Contact {contact.pk}, {contact.role}: {contact.name}, {reached}"
    return f"{who}, from {contact.valid_from}{until}"


def _account(
    account: "BillingAccount", people: "list[Contact]", changes: "list[AccountChange]"
) -> dict[str, Any]:
    from crossbill.platform.customer.account_terms import FIELDS

    return {
        "account_key": account.account_key,
        **{name: getattr(account, name) for name in FIELDS},
        "contacts": [_contact(each) for each in people],
        "changes": [change_document(each) for each in changes],
    }


def _contact(contact: "Contact") -> dict[str, Any]:
    names = ("role", "name", "email", "phone", "valid_from", "valid_to")
    return {"number": contact.pk} | {name: getattr(contact, name) for name in names}
