"""The `crossbill product` commands: what an account holds, and changes of it with their cost."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from rich.console import Console
from rich.markup import escape

from crossbill.cli_cost import DRY_RUN, POLICY, policy_of, show_cost
from crossbill.cli_input import ACCOUNT, CARRIER, ONE_OBJECT, USER, day_of
from crossbill.cli_json import print_json
from crossbill.cli_table import Table
from crossbill.config import ready
from crossbill.core.money import NANO_DIGITS, format_nanos, minor_digits, parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.platform.product.changes import Kind, Terms, Wanted
from crossbill.platform.product.orders import Change, Item, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossbill.platform.customer.models import BillingAccount
    from crossbill.platform.product.models import Product, ProductChange

LIST_PRICE = "list"
ITEM_TERMS = {"quantity", "price", "price-of", "on", "contract-end"}
NOBODY = ""  # the account of an item before it is known whose it is
LONGEST_QUANTITY = 18
PRODUCT = typer.Argument(help="The key of the product.")
WITH = typer.Option(
    "--with",
    help="What is ordered together with it, all or nothing; as CODE, or"
    " CODE,quantity=2,price=9.90,on=2026-12-15,contract-end=2027-12-01. Can be repeated.",
)
FIRST_DAY = typer.Option(help="First day on which it holds, as 2026-03-31.")
PRICE_OF = typer.Option(help="Of several recurring prices the one that the own price replaces.")

product_app = typer.Typer(
    help="What customers hold: look at it, change it from a day on.", no_args_is_help=True
)

identifier_app = typer.Typer(
    help="What services are reached by: who holds a number from when to when.",
    no_args_is_help=True,
)
product_app.add_typer(identifier_app, name="identifier")
IDENTIFIER = typer.Argument(help="A phone number or another identifier.")
FROM = typer.Option("--from", help="First day on which it holds, as 2026-03-31.")


class OneChangeAtATime(Refusal):
    """A command makes exactly one change. Give one of the options that name a change."""

    code: ClassVar[str] = "ONE_CHANGE_AT_A_TIME"


class NotAnItem(Refusal):
    """An item of an order is not readable. Write its code, and its terms as name=value."""

    code: ClassVar[str] = "NOT_AN_ITEM"


@product_app.command()
def show(
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say what an account holds and held, and what happened to it."""
    ready()
    from crossbill.platform.concession.queries import timeline
    from crossbill.platform.customer.queries import account_named, carrier_id
    from crossbill.platform.product import change_queries as queries

    found = account_named(carrier_id(carrier), account)
    products = list(queries.account_products(found))
    if json:
        print_json(_account(found, products))
        return
    _show_products(found, products)
    for each in queries.identifiers_of(found):
        until = f" to {each.valid_to}" if each.valid_to else ""
        held = f"{each.product.product_key} from {each.valid_from}{until}"
        typer.echo(f"{each.identifier}: {held}")
    for row in timeline(found):
        typer.echo(_happened(row, found.currency))


@product_app.command()
def change(  # noqa: PLR0913 - the options of the command
    product: Annotated[str, PRODUCT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    on: Annotated[str, FIRST_DAY],
    offering: Annotated[str | None, typer.Option(help="Another offering, by its code.")] = None,
    quantity: Annotated[int | None, typer.Option(help="Another quantity.")] = None,
    price: Annotated[
        str | None, typer.Option(help="An own price a month, as 9.90; list: the list's price.")
    ] = None,
    price_of: Annotated[str | None, PRICE_OF] = None,
    suspend: Annotated[
        bool, typer.Option("--suspend", help="Charge nothing until resumed.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a suspension.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it.")] = False,
    move: Annotated[
        str | None, typer.Option(help="Another account that pays from then on.")
    ] = None,
    beside: Annotated[list[str] | None, WITH] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the change.")] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Change a product from a day on, and say before what that does to the bill of that day."""
    asked = {
        Kind.OFFERING: offering,
        Kind.QUANTITY: quantity,
        Kind.PRICE: price,
        Kind.SUSPEND: suspend or None,
        Kind.RESUME: resume or None,
        Kind.CANCEL: cancel or None,
        Kind.MOVE: move,
    }
    day = day_of(on, "--on")
    change = Change(product, _wanted(asked, day, price_of))
    more = [_beside(written, day) for written in beside or []]
    ready()
    _carry_out(carrier, user, [change, *more], policy, reason, dry_run=dry_run, json=json)


@identifier_app.command("show")
def show_identifier(
    identifier: Annotated[str, IDENTIFIER], carrier: Annotated[str, CARRIER]
) -> None:
    """Say who holds and held an identifier, from when to when."""
    ready()
    from crossbill.platform.customer.queries import carrier_id
    from crossbill.platform.product.change_queries import holders_of

    rows = holders_of(carrier_id=carrier_id(carrier), identifier=identifier)
    for each in rows:
        until = f" to {each.valid_to}" if each.valid_to else ""
        typer.echo(f"{identifier}: {each.product.product_key} from {each.valid_from}{until}")
    if not rows:
        typer.echo(f"Nobody holds or held {identifier}.")


@identifier_app.command("assign")
def assign(
    identifier: Annotated[str, IDENTIFIER],
    product: Annotated[str, PRODUCT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    first_day: Annotated[str, FROM],
) -> None:
    """Let a product hold an identifier from a day on."""
    day = day_of(first_day, "--from")
    ready()
    from crossbill.console.operations import find_user
    from crossbill.platform.customer.queries import carrier_id
    from crossbill.platform.product.identifier_operations import assign_identifier

    assign_identifier(
        carrier_id=carrier_id(carrier),
        identifier=identifier,
        product_key=product,
        user=find_user(user),
        valid_from=day,
    )
    typer.echo(f"{identifier} is {product}'s from {day}.")


@identifier_app.command("release")
def release(
    identifier: Annotated[str, IDENTIFIER],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    first_day: Annotated[str, FROM],
) -> None:
    """Free an identifier from a day on, whoever holds it then."""
    day = day_of(first_day, "--from")
    ready()
    from crossbill.console.operations import find_user
    from crossbill.platform.customer.queries import carrier_id
    from crossbill.platform.product.identifier_operations import holder_on, release_identifier

    owner, person = carrier_id(carrier), find_user(user)
    key = holder_on(carrier_id=owner, identifier=identifier, day=day)
    release_identifier(
        carrier_id=owner, identifier=identifier, product_key=key, user=person, on=day
    )
    typer.echo(f"{identifier} is free from {day}; {key} held it.")


@product_app.command()
def order(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    offering: Annotated[str, typer.Argument(help="What is ordered, by its code.")],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    on: Annotated[str, typer.Option(help="First day on which it is held, as 2026-03-31.")],
    quantity: Annotated[int, typer.Option(help="How many.")] = 1,
    price: Annotated[str | None, typer.Option(help="An own price a month, as 9.90.")] = None,
    price_of: Annotated[str | None, PRICE_OF] = None,
    contract_end: Annotated[
        str | None, typer.Option(help="First day on which leaving is free, as 2027-03-31.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="One more of what was ordered for that day.")
    ] = False,
    beside: Annotated[list[str] | None, WITH] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the order.")] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Order a product from a day on, and say before what that does to the bill of that day."""
    ends = day_of(contract_end, "--contract-end") if contract_end else None
    own = parse_nanos(price) if price is not None else None
    terms = Terms(account, offering, quantity, own, price_of, contract_end_date=ends)
    day = day_of(on, "--on")
    more = [_beside(written, day) for written in beside or []]
    ready()
    items = [Order(terms, day, again), *more]
    _carry_out(carrier, user, items, policy, reason, dry_run=dry_run, json=json)


# What a command does


def _carry_out(  # noqa: PLR0913 - what both commands have
    carrier: str,
    user: str,
    items: "Sequence[Item]",
    policy: Path | None,
    reason: str,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    """Say what the items cost together, make them as they were shown, and say what was made."""
    from django.utils import timezone

    from crossbill.console.operations import find_user
    from crossbill.platform.billing.quotes import quote
    from crossbill.platform.customer.queries import carrier_id
    from crossbill.platform.product.permission import may_change
    from crossbill.platform.product.together_operations import account_of, make_together

    owner, person, today = carrier_id(carrier), find_user(user), timezone.localdate()
    rules = policy_of(policy, owner)
    may_change(person)
    mine = _of_account(items, account_of(owner, items[0]).account_key)
    found = quote(carrier_id=owner, asked=mine, today=today, policy=rules)
    if not json:
        show_cost(found.cost)
    made: list[ProductChange] = []
    if not dry_run:
        made = make_together(
            carrier_id=owner, items=mine, user=person, today=today, reason=reason,
            shown=found.plans,
        )  # fmt: skip
    if json:
        changes = [_change(each) for each in made]
        one = changes[0] if changes else None
        print_json({"cost": found.cost.document(), "change": one, "changes": changes})
    else:
        typer.echo("\n".join(map(_said, made)) if made else _left(items[0]))


def _of_account(items: "Sequence[Item]", account_key: str) -> "list[Item]":
    """The items with the account that orders, which the first of them names."""
    return [
        replace(item, terms=replace(item.terms, account_key=account_key))
        if isinstance(item, Order)
        else item
        for item in items
    ]


# What a command names


def _wanted(asked: dict[Kind, Any], day: date, price_of: str | None) -> Wanted:
    given = {kind: value for kind, value in asked.items() if value is not None}
    if len(given) != 1:
        names = " or ".join(f"--{kind}" for kind in asked)
        what = "A command makes exactly one change"
        raise OneChangeAtATime(what, value=str(len(given)), cure=f"give one of {names}")
    ((kind, value),) = given.items()
    if kind is Kind.PRICE:
        value = None if value == LIST_PRICE else parse_nanos(value)
    elif price_of is not None:
        raise typer.BadParameter(
            "--price-of is for an own price; give --price too, or leave it out"
        )
    return Wanted(kind, day, None if value is True else value, price_of)


def _beside(written: str, day: date) -> Order:
    """What is ordered beside, by its code and terms; whose, the first item says."""
    code, *stated = written.split(",")
    given = dict(part.split("=", 1) for part in stated if "=" in part)
    if len(given) != len(stated) or set(given) - ITEM_TERMS or not code:
        cure = f"write CODE, and behind it any of {', '.join(sorted(ITEM_TERMS))} as name=value"
        raise NotAnItem("Not an item of an order", field="--with", value=written, cure=cure)
    own, ends = given.get("price"), given.get("contract-end")
    terms = Terms(
        NOBODY,
        code,
        _quantity(given.get("quantity", "1")),
        parse_nanos(own) if own is not None else None,
        given.get("price-of"),
        contract_end_date=day_of(ends, "--with") if ends else None,
    )
    return Order(terms, day_of(given["on"], "--with") if "on" in given else day)


def _quantity(written: str) -> int:
    if not (written.isascii() and written.isdecimal() and len(written) < LONGEST_QUANTITY):
        cure = "write a whole number, as quantity=2"
        raise NotAnItem("Not a quantity", field="--with", value=written, cure=cure)
    return int(written)


# What a command says


def _said(made: "ProductChange") -> str:
    key, day = made.product.product_key, made.effective_date
    if made.kind == Kind.ORDERED:
        return f"{key} begins on {day}."
    result = made.resulting_product
    if result is None:
        verb = "suspended" if made.kind == Kind.SUSPEND else "cancelled"
        return f"{key} is {verb} from {day}."
    if result.pk == made.product_id:
        return f"{key} goes on from {day}."
    then = f"goes on from {day}" if result.start_date < day else f"begins on {day}"
    return f"{key} ends and {result.product_key} {then}."


def _left(first: Item) -> str:
    deed = "ordered" if isinstance(first, Order) else "changed"
    return f"Nothing was {deed}: this was a dry run."


def _show_products(account: "BillingAccount", products: "list[Product]") -> None:
    table = Table("product", "offering", "quantity", "own price", "from", "to")
    for each in products:
        row = _product(each, account.currency)
        names = (
            "product_key", "offering_code", "quantity", "own_price", "start_date", "end_date",
        )  # fmt: skip
        table.add_row(*(escape(str(row[name] if row[name] is not None else "")) for name in names))
    typer.echo(f"Account {account.account_key}, {account.currency}, {account.status}")
    Console().print(table)


def _product(product: "Product", currency: str) -> dict[str, Any]:
    return {
        "product_key": product.product_key,
        "offering_code": product.offering.code,
        "quantity": product.quantity,
        "own_price": _price(product.price_override_nanos, currency),
        "start_date": product.start_date,
        "end_date": product.end_date,
    }


def _price(nanos: int | None, currency: str) -> str | None:
    if nanos is None:
        return None
    return f"{format_nanos(nanos, min(minor_digits(currency), NANO_DIGITS))} {currency}"


def _happened(row: Any, currency: str) -> str:
    words = f"{row['date']} {_what(row, currency)}"
    if "made_by" not in row:
        return words
    why = f": {row['reason']}" if row["reason"] else ""
    return f"{words}, by {row['made_by']} at {row['made_at']:%Y-%m-%d %H:%M}{why}"


def _what(row: Any, currency: str) -> str:
    """What happened to a product, or to the account itself."""
    if "field" in row:
        sides = row["before"], row["after"]
        verb = "changes" if all(sides) else "begins" if sides[1] else "ends"
        return f"{row['field']} {verb}: {' to '.join(each for each in sides if each)}"
    words = f"{row['product_key']} {row['what']}"
    return words + (_became(row, currency) if "made_by" in row else "")


def _became(row: Any, currency: str) -> str:
    """Which value the change gave another value, and the product that came of it."""
    from crossbill.platform.product.changes import COLUMNS

    words, column = "", COLUMNS.get(Kind(row["what"]))
    if column is not None:
        old, new = row["before"][column], row["after"][column]
        if row["what"] == Kind.PRICE:
            old, new = (_price(each, currency) or "list" for each in (old, new))
        words = f" {old} to {new}"
    became = row["resulting_product_key"]
    return words + (f", now {became}" if became not in (None, row["product_key"]) else "")


def _account(account: "BillingAccount", products: "list[Product]") -> dict[str, Any]:
    from crossbill.platform.concession.queries import timeline
    from crossbill.platform.product import change_queries as queries

    return {
        "account_key": account.account_key,
        "currency": account.currency,
        "status": str(account.status),
        "products": [_product(each, account.currency) for each in products],
        "identifiers": [
            {
                "identifier": each.identifier,
                "product_key": each.product.product_key,
                "valid_from": each.valid_from,
                "valid_to": each.valid_to,
            }
            for each in queries.identifiers_of(account)
        ],
        "timeline": [_row(row, account.currency) for row in timeline(account)],
    }


def _row(row: Any, currency: str) -> dict[str, Any]:
    if "field" in row:
        return dict(row)
    return {
        **row,
        **{name: _in_money(row[name], currency) for name in ("before", "after") if name in row},
    }


def _in_money(document: dict[str, Any] | None, currency: str) -> dict[str, Any] | None:
    """A product of a change with its own price as a decimal."""
    if document is None:
        return None
    rest = {name: value for name, value in document.items() if name != "price_override_nanos"}
    return rest | {"own_price": _price(document.get("price_override_nanos"), currency)}


def _change(made: "ProductChange") -> dict[str, Any]:
    result, currency = made.resulting_product, made.product.account.currency
    return {
        "kind": made.kind,
        "effective_date": made.effective_date,
        "product_key": made.product.product_key,
        "resulting_product_key": result.product_key if result else None,
        "before": _in_money(made.before, currency),
        "after": _in_money(made.after, currency),
        "reason": made.reason,
        "made_by": made.made_by.get_username(),
        "made_at": made.made_at,
    }
