"""What an account holds, and changing it: a form, its cost, and then the change at that cost."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate

from crossbill.console.access import form, page
from crossbill.console.change_form import KINDS, VALUES, ChangeForm, HoldingForm, OrderForm
from crossbill.console.dialog import Deed, Dialog, asking_of, step
from crossbill.console.pages import booked, head_of, replacement_of, text
from crossbill.core.money import NANO_DIGITS, format_nanos, minor_digits
from crossbill.core.versions import read_day
from crossbill.platform.billing.quotes import Asked, Seen, make_quoted, quote
from crossbill.platform.concession.queries import timeline
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.change_queries import (
    NoSuchProduct,
    account_changes,
    account_products,
    identifiers_of,
    product_named,
)
from crossbill.platform.product.changes import Kind, Plan
from crossbill.platform.product.models import Product, ProductChange
from crossbill.platform.product.permission import CHANGE
from crossbill.platform.product.queries import offering_names
from crossbill.platform.product.undo import Undoing, undoing
from crossbill.replacement.migration.models import Replacement

Context = dict[str, Any]
Row = Mapping[str, Any]


@page("migration.view_accountmove")
def products(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """What an account holds and held by the new books, and what happened to it."""
    replacement = replacement_of(carrier)
    account = booked(replacement, account_key)
    context: Context = {
        **head_of(replacement, account_key),
        "account": account,
        "can_change": request.user.has_perm(CHANGE),
    }
    if account is not None:
        context |= _held(account, localdate())
    return render(request, "console/products.html", context)


def _held(account: BillingAccount, today: date) -> Context:
    """The account's products with their state, the last one first, and its timeline."""
    last = {each.product_id: each for each in account_changes(account)}
    rows = [(each, _state(each, last.get(each.pk), today)) for each in account_products(account)]
    return {
        "names": offering_names(account.carrier_id),
        "held": [row for row in rows if row[1] != "ended"],
        "ended": [row for row in rows if row[1] == "ended"],
        "numbers": identifiers_of(account),
        "timeline": _with_undoing(timeline(account)),
    }


def _state(product: Product, last: ProductChange | None, today: date) -> str:
    """Suspended, ended, or held; or that it only begins."""
    if last is not None and last.kind == Kind.SUSPEND and not last.resulting_product_id:
        return "suspended"
    if product.end_date is not None and product.end_date <= today:
        return "ended"
    return "begins" if product.start_date > today else "active"


def _with_undoing(rows: Sequence[Row]) -> list[tuple[Row, tuple[str, str] | None]]:
    """The newest first; with the form's address of what nothing later was built on."""
    changes = (row for row in rows if "made_at" in row and "product_key" in row)
    made = sorted(changes, key=lambda row: row["made_at"])
    overtaken: set[str | None] = set()
    undone = {}
    for row in reversed(made):
        keys = {row["product_key"], row["resulting_product_key"]} - {None}
        if not keys & overtaken:
            undone[id(row)] = _undo_query(undoing(row))
        overtaken |= keys
    return [(row, undone.get(id(row))) for row in reversed(rows)]


def _undo_query(undo: Undoing) -> tuple[str, str]:
    """The product and the query of the form that takes a change back."""
    kind, value = undo.wanted.kind, undo.wanted.value
    asked = {"kind": kind.value, "on": str(undo.wanted.effective_date)}
    if kind is Kind.PRICE and isinstance(value, int):
        value = format_nanos(value, 2)
    if kind in VALUES and value is not None:
        asked[VALUES[kind]] = str(value)
    if undo.wanted.price_code:
        asked["price_of"] = undo.wanted.price_code
    return undo.product_key, urlencode(asked)


@form(CHANGE)
def change(request: HttpRequest, carrier: str, product_key: str) -> HttpResponse:
    """Change a product; the address may say what the form begins with."""
    replacement = replacement_of(carrier)
    try:
        product = product_named(replacement.carrier_id, product_key)
    except NoSuchProduct as refusal:
        raise Http404(str(refusal)) from None

    def make_form(answers: Any, **more: Any) -> HoldingForm:
        key = product.account.account_key
        return ChangeForm(answers, product_key=product_key, account_key=key, **more)

    title = f"Change {offering_names(replacement.carrier_id)[product.offering.code]}"
    dialog = _dialog(
        request, replacement, product.account, make_form, title, "Make the change",
        _begun(request), product,
    )  # fmt: skip
    return step(request, dialog)


def _begun(request: HttpRequest) -> Context:
    """What the form begins with: today, and what the address asks for."""
    kind = text(request, "kind")
    begun: Context = {"kind": kind if kind in KINDS else "", "on": localdate()}
    with suppress(ValueError):  # the address may say anything; the field then says today
        begun["on"] = read_day(text(request, "on"))
    return begun | {name: text(request, name) for name in VALUES.values()}


@form(CHANGE)
def order(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """Order a product for an account."""
    replacement = replacement_of(carrier)
    account = get_object_or_404(
        BillingAccount, carrier=replacement.carrier, account_key=account_key
    )

    def make_form(answers: Any, **more: Any) -> HoldingForm:
        return OrderForm(answers, account_key=account_key, **more)

    initial = {"quantity": 1, "on": localdate()}
    title, button = "Order a product", "Order it"
    return step(request, _dialog(request, replacement, account, make_form, title, button, initial))


def _dialog(  # noqa: PLR0913 - what the dialogs of products have
    request: HttpRequest,
    replacement: Replacement,
    account: BillingAccount,
    make_form: Callable[..., HoldingForm],
    title: str,
    button: str,
    initial: Context,
    product: Product | None = None,
) -> Dialog:
    """The dialog of changing or ordering, asked with what the catalogue sells."""
    names = offering_names(account.carrier_id)
    sold = sorted(names.items(), key=lambda each: each[1])
    asking = asking_of(account)

    def make(asked: Asked, seen: Seen, reason: str) -> str:
        user = cast("AbstractUser", request.user)
        made = make_quoted(**asking, asked=asked, seen=seen, user=user, reason=reason)
        return " ".join(map(_said, made))

    deed = Deed(
        lambda asked: quote(**asking, asked=asked),
        lambda found: " and ".join(
            _asked_words(product, account.currency, plan, names) for plan in found.plans
        ),
        make,
    )
    return Dialog(
        replacement, account, lambda answers: make_form(answers, offerings=sold, initial=initial),
        deed, title, button, "products", product,
    )  # fmt: skip


def _asked_words(
    product: Product | None, currency: str, plan: Plan, names: Mapping[str, str]
) -> str:
    """What is asked for, in the words of the catalogue."""
    kind, value, of = plan.wanted.kind, plan.wanted.value, plan.wanted.price_code
    held = names[product.offering.code] if product else ""
    price = _price(value if isinstance(value, int) else None, currency)
    words = {
        Kind.ORDERED: names.get(str(value), ""),
        Kind.OFFERING: f"{held} becomes {names.get(str(value), '')}",
        Kind.QUANTITY: f"{held}: {product.quantity if product else ''} to {value}",
        Kind.PRICE: f"{held}: {price}" + (f" instead of {of}" if of else ""),
        Kind.MOVE: f"{held} moves to account {value}",
    }
    return words.get(kind) or f"{KINDS[kind]} {held}"


def _price(nanos: int | None, currency: str) -> str:
    if nanos is None:
        return "the list's price"
    return f"own price {format_nanos(nanos, min(minor_digits(currency), NANO_DIGITS))} {currency}"


def _said(made: ProductChange) -> str:
    """What a change has done, in a sentence."""
    key, day, became = made.product.product_key, made.effective_date, made.resulting_product
    if made.kind == Kind.ORDERED:
        return f"Ordered: {key} begins on {day}."
    if became is None:
        return f"{key} is {'suspended' if made.kind == Kind.SUSPEND else 'cancelled'} from {day}."
    if became.pk == made.product_id:
        return f"{key} goes on from {day}."
    then = f"goes on from {day}" if became.start_date < day else f"begins on {day}"
    return f"{key} ends and {became.product_key} {then}."
