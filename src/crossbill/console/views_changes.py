"""What an account holds, and changing it: a form, its cost, and then the change at that cost."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate

from crossbill.console.access import form, page
from crossbill.console.agreement import Agreement, agreed, signed
from crossbill.console.change_form import KINDS, VALUES, ChangeForm, HoldingForm, OrderForm
from crossbill.console.pages import replacement_of, text
from crossbill.core.money import NANO_DIGITS, format_nanos, minor_digits
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.platform.billing.quotes import (
    AccountChangedSince,
    CostChangedSince,
    make_quoted,
    quote,
)
from crossbill.platform.concession.queries import timeline
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.change_operations import ChangedMeanwhile
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
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.models import AccountMove, Replacement

OUTDATED = (AccountChangedSince, CostChangedSince, ChangedMeanwhile)
LAY_ABOUT = "This page is more than an hour old. Here is the cost as it is now."
Context = dict[str, Any]
Row = Mapping[str, Any]


@page("migration.view_accountmove")
def products(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """What an account holds and held by the new books, and what happened to it."""
    replacement = replacement_of(carrier)
    move = get_object_or_404(
        AccountMove.objects.select_related("wave"), replacement=replacement, account_key=account_key
    )
    account = BillingAccount.objects.filter(carrier=replacement.carrier, account_key=account_key)
    context: Context = {
        "replacement": replacement,
        "move": move,
        "name": migration.account_names(replacement.carrier_id, [account_key]).get(account_key, ""),
        "account": account.first(),
        "can_change": request.user.has_perm(CHANGE),
    }
    if context["account"]:
        context |= _held(context["account"], localdate())
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
    return undo.product_key, urlencode(asked)


@dataclass(frozen=True)
class Dialog:
    """A form of which product or account, and the words of its pages."""

    replacement: Replacement
    account: BillingAccount
    make_form: Callable[..., HoldingForm]
    title: str
    button: str
    initial: Context = field(default_factory=dict)
    product: Product | None = None

    def form(self, answers: Mapping[str, Any] | None) -> HoldingForm:
        """The form, filled with answers or as it begins."""
        names = sorted(offering_names(self.account.carrier_id).items(), key=lambda each: each[1])
        return self.make_form(answers, offerings=names, initial=self.initial)


@form(CHANGE)
def change(request: HttpRequest, carrier: str, product_key: str) -> HttpResponse:
    """Change a product; the address may say what the form begins with."""
    replacement = replacement_of(carrier)
    try:
        product = product_named(replacement.carrier_id, product_key)
    except NoSuchProduct as refusal:
        raise Http404(str(refusal)) from None

    def make_form(answers: Any, **more: Any) -> HoldingForm:
        return ChangeForm(answers, product_key=product_key, **more)

    title = f"Change {offering_names(replacement.carrier_id)[product.offering.code]}"
    dialog = Dialog(
        replacement, product.account, make_form, title, "Make the change",
        _begun(request), product,
    )  # fmt: skip
    return _step(request, dialog)


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
    dialog = Dialog(replacement, account, make_form, "Order a product", "Order it", initial)
    return _step(request, dialog)


def _step(request: HttpRequest, dialog: Dialog) -> HttpResponse:
    """The form, its cost, or what was made of it."""
    if request.method != "POST":
        return _form_page(request, dialog, dialog.form(None))
    if "agreed" not in request.POST:
        return _cost_page(request, dialog, dialog.form(request.POST))
    agreement = agreed(request, request.POST["agreed"])
    answered = dialog.form(agreement.answers)
    if "edit" in request.POST or not answered.is_valid():
        return _form_page(request, dialog, answered)
    if not agreement.is_fresh:
        return _cost_page(request, dialog, answered, LAY_ABOUT)
    return _made(request, dialog, answered, agreement)


def _form_page(
    request: HttpRequest, dialog: Dialog, asked: HoldingForm, notice: str = ""
) -> HttpResponse:
    context = {"dialog": dialog, "form": asked, "notice": notice}
    return render(request, "console/change.html", context)


def _cost_page(
    request: HttpRequest, dialog: Dialog, asked: HoldingForm, notice: str = ""
) -> HttpResponse:
    """What is asked for costs this much; or why it cannot be, beside its field."""
    if not asked.is_valid():
        return _form_page(request, dialog, asked)
    names = offering_names(dialog.account.carrier_id)
    try:
        found = quote(
            carrier_id=dialog.account.carrier_id, asked=asked.asked(), today=localdate(),
            policy=migration.carriers_new_policy(dialog.account.carrier_id),
        )  # fmt: skip
    except Refusal as refusal:
        asked.refuse(refusal)
        return _form_page(request, dialog, asked, notice)
    context = {
        "dialog": dialog,
        "what": _asked_words(dialog, found.plan, names),
        "day": found.plan.wanted.effective_date,
        "cost": found.cost,
        "notice": notice,
        "reason": asked.cleaned_data["reason"],
        "names": names,
        "several": len({line.some["account_key"] for line in found.cost.lines}) > 1,
        "agreed": signed(request, asked.answers(), found.seen),
    }
    return render(request, "console/change_cost.html", context)


def _asked_words(dialog: Dialog, plan: Plan, names: Mapping[str, str]) -> str:
    """What is asked for, in the words of the catalogue."""
    kind, value = plan.wanted.kind, plan.wanted.value
    held = names[dialog.product.offering.code] if dialog.product else ""
    price = _price(value if isinstance(value, int) else None, dialog.account.currency)
    words = {
        Kind.ORDERED: names.get(str(value), ""),
        Kind.OFFERING: f"{held} becomes {names.get(str(value), '')}",
        Kind.QUANTITY: f"{held}: {dialog.product.quantity if dialog.product else ''} to {value}",
        Kind.PRICE: f"{held}: {price}",
        Kind.MOVE: f"{held} moves to account {value}",
    }
    return words.get(kind) or f"{KINDS[kind]} {held}"


def _price(nanos: int | None, currency: str) -> str:
    if nanos is None:
        return "the list's price"
    return f"own price {format_nanos(nanos, min(minor_digits(currency), NANO_DIGITS))} {currency}"


def _made(
    request: HttpRequest, dialog: Dialog, asked: HoldingForm, agreement: Agreement
) -> HttpResponse:
    """Make it, or show the cost again where it is not what was shown."""
    try:
        made = make_quoted(
            carrier_id=dialog.account.carrier_id, asked=asked.asked(), seen=agreement.seen,
            user=cast("AbstractUser", request.user), today=localdate(),
            policy=migration.carriers_new_policy(dialog.account.carrier_id),
            reason=asked.cleaned_data["reason"],
        )  # fmt: skip
    except OUTDATED as refusal:
        return _cost_page(request, dialog, asked, f"Nothing was changed. {refusal.what}.")
    except Refusal as refusal:
        asked.refuse(refusal)
        return _form_page(request, dialog, asked)
    messages.success(request, _said(made))
    return redirect("products", dialog.replacement.carrier.code, dialog.account.account_key)


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
