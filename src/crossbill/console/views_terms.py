"""How an account is billed and whom to reach: looked at, and changed by those who may."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate

from crossbill.console.access import action, page
from crossbill.console.pages import booked, head_of, replacement_of
from crossbill.console.terms_and_contacts import ContactForm, EndForm, RefusableForm, TermsForm
from crossbill.core.refusal import Refusal
from crossbill.platform.customer import account_operations as operations
from crossbill.platform.customer.account_terms import FIELDS
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import changes_of, contacts

Forms = dict[str, RefusableForm]
TERMS, CONTACT, END = "terms", "contact", "end"
MADE = {
    TERMS: "How the account is billed was changed.",
    CONTACT: "The contact was added.",
    END: "The contact has an end now.",
}


@page("migration.view_accountmove")
def terms(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """The terms of an account, its contacts, and what was changed."""
    return _shown(request, carrier, account_key, {})


@action(operations.CHANGE)
def change_terms(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """Change the terms, add a contact, or end one; or say beside the field why not."""
    account = get_object_or_404(BillingAccount, carrier__code=carrier, account_key=account_key)
    asked = request.POST.get("do", "")
    make_form = {TERMS: TermsForm, CONTACT: ContactForm, END: EndForm}.get(asked)
    if make_form is None:
        return redirect("terms", carrier, account_key)
    sent = make_form(request.POST)
    if sent.is_valid():
        try:
            _made(request, account, asked, sent)
        except Refusal as refusal:
            sent.refuse(refusal)
        else:
            messages.success(request, MADE[asked])
            return redirect("terms", carrier, account_key)
    if "contact" in sent.errors:  # of no row, where it could be shown
        messages.error(request, "The customer has no such contact. Nothing was changed.")
        return redirect("terms", carrier, account_key)
    return _shown(request, carrier, account_key, {asked: sent})


def _made(request: HttpRequest, account: BillingAccount, asked: str, sent: RefusableForm) -> None:
    found = sent.cleaned_data
    whose: dict[str, Any] = {
        "carrier_id": account.carrier_id,
        "account_key": account.account_key,
        "user": cast("AbstractUser", request.user),
    }
    if isinstance(sent, TermsForm):
        wanted = sent.wanted({name: getattr(account, name) for name in FIELDS})
        today = localdate()
        operations.change_account(**whose, wanted=wanted, today=today, reason=found["reason"])
    elif asked == CONTACT:
        operations.add_contact(**whose, **found)
    else:
        operations.end_contact(**whose, contact_id=found["contact"], valid_to=found["day"])


def _shown(request: HttpRequest, carrier: str, account_key: str, sent: Forms) -> HttpResponse:
    """The page, with what was sent and refused where it was written."""
    replacement = replacement_of(carrier)
    account = booked(replacement, account_key)
    context: dict[str, Any] = {
        **head_of(replacement, account_key),
        "account": account,
        "can_change": request.user.has_perm(operations.CHANGE),
    }
    if account is not None:
        context |= _forms(account, sent)
    return render(request, "console/terms.html", context)


def _forms(account: BillingAccount, sent: Forms) -> dict[str, Any]:
    held, today = {name: getattr(account, name) for name in FIELDS}, {"valid_from": localdate()}
    ended = sent.get(END)
    number = ended["contact"].value() if ended is not None else None
    return {
        "terms_form": sent.get(TERMS) or TermsForm(initial=held, auto_id="terms_%s"),
        "contact_form": sent.get(CONTACT) or ContactForm(initial=today, auto_id="contact_%s"),
        "people": [
            (each, ended if str(each.pk) == number else _end_form(each.pk))
            for each in contacts(account)
        ],
        "changes": changes_of(account).order_by("-id"),
    }


def _end_form(number: int) -> EndForm:
    initial = {"contact": number, "day": localdate()}
    return EndForm(initial=initial, auto_id=f"end_{number}_%s")
