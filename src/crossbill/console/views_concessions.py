"""What an account need not pay, and who pays for it: looked at, granted and ended at its cost."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate

from crossbill.console.access import form, page
from crossbill.console.change_form import AskingForm
from crossbill.console.concession_form import DiscountForm, EndForm, ExemptionForm, PayersForm
from crossbill.console.dialog import Deed, Dialog, asking_of, step
from crossbill.console.pages import booked, head_of, replacement_of
from crossbill.platform.billing.amendment_quotes import (
    AmendmentQuote,
    make_amendment,
    quote_amendment,
)
from crossbill.platform.billing.quotes import Seen
from crossbill.platform.concession.grants import DiscountEnd, ExemptionEnd
from crossbill.platform.concession.models import Discount, Exemption
from crossbill.platform.concession.queries import (
    discounts_in_words,
    exemptions_of,
    holder_of,
    rules_in_words,
)
from crossbill.platform.customer.account_operations import CHANGE
from crossbill.platform.customer.amendments import first_period
from crossbill.platform.customer.models import AccountChange, BillingAccount
from crossbill.platform.customer.queries import paid_for
from crossbill.platform.product.queries import offering_names
from crossbill.replacement.migration.models import Replacement

Answers = Mapping[str, Any] | None
BACK = "concessions"


@page("migration.view_accountmove")
def concessions(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """The discounts and exemptions of an account, and who pays for whom."""
    replacement = replacement_of(carrier)
    account = booked(replacement, account_key)
    context: dict[str, Any] = {
        **head_of(replacement, account_key),
        "account": account,
        "can_change": request.user.has_perm(CHANGE),
    }
    if account is not None:
        today = localdate()
        context |= {
            "discounts": [
                (each, _state(each.discount, today)) for each in discounts_in_words(account)
            ],
            "exemptions": [(each, _state(each, today)) for each in exemptions_of(account)],
            "payers": [(*each, _state(each[1], today)) for each in rules_in_words(account)],
            "others": [(each, _state(each, today)) for each in paid_for(account)],
        }
    return render(request, "console/concessions.html", context)


def _state(row: Any, today: date) -> str:
    """Whether something that holds from a day up to another one holds today."""
    if row.valid_to is not None and row.valid_to <= max(today, row.valid_from):
        return "ended"
    return "begins" if row.valid_from > today else "active"


@form(CHANGE)
def grant_discount(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """Grant a discount on the bills of an account."""
    replacement, account = _account(carrier, account_key)
    held = account.products.select_related("offering").order_by("product_key")
    names = sorted(offering_names(account.carrier_id).items(), key=lambda each: each[1])
    choices = {
        "currency": account.currency,
        "offerings": names,
        "products": [(p.product_key, f"{p.offering.name} {p.product_key}") for p in held],
    }
    make_form = _granting(DiscountForm, account, choices)
    return _step(request, replacement, account, make_form, "Grant a discount", "Grant it")


@form(CHANGE)
def exempt(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """Exempt an account from a tax, or from all."""
    replacement, account = _account(carrier, account_key)
    taxes = sorted(holder_of(account, _next_day(account)).taxes)
    make_form = _granting(ExemptionForm, account, {"taxes": taxes})
    return _step(request, replacement, account, make_form, "Exempt from a tax", "Exempt it")


@form(CHANGE)
def set_payers(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """Say who pays the bills of an account from a day on."""
    replacement, account = _account(carrier, account_key)
    make_form = _granting(PayersForm, account, {})
    return _step(request, replacement, account, make_form, "Change who pays", "Change it")


@form(CHANGE)
def end_discount(request: HttpRequest, carrier: str, discount_key: str) -> HttpResponse:
    """Let a discount end."""
    replacement = replacement_of(carrier)
    found = get_object_or_404(Discount, carrier=replacement.carrier, discount_key=discount_key)
    key = found.account.account_key
    return _end(request, replacement, found, lambda day: DiscountEnd(key, discount_key, day))


@form(CHANGE)
def end_exemption(request: HttpRequest, carrier: str, number: int) -> HttpResponse:
    """Let an exemption end: the tax is due again."""
    replacement = replacement_of(carrier)
    found = get_object_or_404(Exemption, account__carrier=replacement.carrier, pk=number)
    key = found.account.account_key
    return _end(request, replacement, found, lambda day: ExemptionEnd(key, number, day))


def _account(carrier: str, account_key: str) -> tuple[Replacement, BillingAccount]:
    replacement = replacement_of(carrier)
    accounts = BillingAccount.objects.filter(carrier=replacement.carrier)
    return replacement, get_object_or_404(accounts, account_key=account_key)


def _next_day(account: BillingAccount) -> date:
    """The day with which the forms begin: the next bill's first."""
    return first_period(localdate(), account.bill_cycle_day).from_date


def _granting(
    form_class: type[AskingForm], account: BillingAccount, choices: Mapping[str, Any]
) -> Callable[[Answers], AskingForm]:
    """The form of a grant, which begins with the next bill."""
    initial = {"valid_from": _next_day(account)}
    whose = {"account_key": account.account_key, "initial": initial}
    return lambda answers: form_class(answers, **whose, **choices)


def _end(
    request: HttpRequest,
    replacement: Replacement,
    found: Discount | Exemption,
    asked: Callable[[date], DiscountEnd | ExemptionEnd],
) -> HttpResponse:
    account = found.account
    initial = {"valid_to": _next_day(account)}
    return _step(
        request, replacement, account, lambda answers: EndForm(answers, initial=initial),
        f"End: {found}", "End it", asked,
    )  # fmt: skip


def _step(  # noqa: PLR0913 - what these dialogs differ in
    request: HttpRequest,
    replacement: Replacement,
    account: BillingAccount,
    make_form: Callable[[Answers], AskingForm],
    title: str,
    button: str,
    asked_of: Callable[[Any], Any] = lambda asked: asked,
) -> HttpResponse:
    """A step of a dialog; ``asked_of`` makes of what the form says what is asked for."""
    asking = asking_of(account)

    def make(asked: Any, seen: Seen, reason: str) -> str:
        user = cast("AbstractUser", request.user)
        made = make_amendment(**asking, asked=asked_of(asked), seen=seen, user=user, reason=reason)
        return _said(made)

    deed = Deed(lambda asked: quote_amendment(**asking, asked=asked_of(asked)), _words, make)
    return step(request, Dialog(replacement, account, make_form, deed, title, button, BACK))


def _words(found: AmendmentQuote) -> str:
    """What is asked for, in words."""
    plan = found.amendment
    if plan.table == "payer":
        return f"Paid by others: {plan.after}" if plan.after else "It pays its bills itself"
    return f"{plan.after[:1].upper()}{plan.after[1:]}" if plan.after else f"End: {plan.before}"


def _said(made: AccountChange) -> str:
    """What was made, in a sentence."""
    if not made.after:
        return f"No longer from {made.effective_date}: {made.before}."
    return f"From {made.effective_date}: {made.after}."
