"""Dialogs that change what is billed: a form, its cost, and then the change at that cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localdate

from crossbill.console.agreement import Agreement, agreed, signed
from crossbill.console.change_form import AskingForm
from crossbill.core.refusal import Refusal
from crossbill.platform.billing.change_cost import ChangeCost
from crossbill.platform.billing.quotes import AccountChangedSince, CostChangedSince, Seen
from crossbill.platform.concession.operations import AmendedMeanwhile
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.product.change_operations import ChangedMeanwhile
from crossbill.platform.product.models import Product
from crossbill.platform.product.queries import offering_names
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.migration.queries import carriers_new_policy

OUTDATED = (AccountChangedSince, CostChangedSince, ChangedMeanwhile, AmendedMeanwhile)
LAY_ABOUT = "This page is more than an hour old. Here is the cost as it is now."


class Quoted(Protocol):
    """What is asked for, planned, from which day, and what it costs."""

    @property
    def cost(self) -> ChangeCost:
        """The bills before and after."""

    @property
    def day(self) -> date:
        """The first day on which it holds."""

    @property
    def seen(self) -> Seen:
        """What to hand back with the agreement."""


@dataclass(frozen=True)
class Deed:
    """What a dialog is for: how it is quoted, told, made, and said when it was made."""

    quote: Callable[[Any], Quoted]
    words: Callable[[Any], str]
    make: Callable[[Any, Seen, str], str]


@dataclass(frozen=True)
class Dialog:
    """A form of which product or account, and the words of its pages.

    ``back`` names the page of the account to which it leads back.
    """

    replacement: Replacement
    account: BillingAccount
    form: Callable[[Mapping[str, Any] | None], AskingForm]
    deed: Deed
    title: str
    button: str
    back: str
    product: Product | None = None


def asking_of(account: BillingAccount) -> dict[str, Any]:
    """What a quote of an account is asked with: whose it is, today, and the rules of its bills."""
    policy = carriers_new_policy(account.carrier_id)
    return {"carrier_id": account.carrier_id, "today": localdate(), "policy": policy}


def step(request: HttpRequest, dialog: Dialog) -> HttpResponse:
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
    request: HttpRequest, dialog: Dialog, asked: AskingForm, notice: str = ""
) -> HttpResponse:
    context = {"dialog": dialog, "form": asked, "notice": notice}
    return render(request, "console/change.html", context)


def _cost_page(
    request: HttpRequest, dialog: Dialog, asked: AskingForm, notice: str = ""
) -> HttpResponse:
    """What is asked for costs this much; or why it cannot be, beside its field."""
    if not asked.is_valid():
        return _form_page(request, dialog, asked)
    try:
        found = dialog.deed.quote(asked.asked())
    except Refusal as refusal:
        asked.refuse(refusal)
        return _form_page(request, dialog, asked, notice)
    context = {
        "dialog": dialog,
        "what": dialog.deed.words(found),
        "day": found.day,
        "cost": found.cost,
        "notice": notice,
        "reason": asked.cleaned_data["reason"],
        "names": offering_names(dialog.account.carrier_id),
        "several": len({line.some["account_key"] for line in found.cost.lines}) > 1,
        "agreed": signed(request, asked.answers(), found.seen),
    }
    return render(request, "console/change_cost.html", context)


def _made(
    request: HttpRequest, dialog: Dialog, asked: AskingForm, agreement: Agreement
) -> HttpResponse:
    """Make it, or show the cost again where it is not what was shown."""
    try:
        said = dialog.deed.make(asked.asked(), agreement.seen, asked.cleaned_data["reason"])
    except OUTDATED as refusal:
        return _cost_page(request, dialog, asked, f"Nothing was changed. {refusal.what}.")
    except Refusal as refusal:
        asked.refuse(refusal)
        return _form_page(request, dialog, asked)
    messages.success(request, said)
    return redirect(dialog.back, dialog.replacement.carrier.code, dialog.account.account_key)
