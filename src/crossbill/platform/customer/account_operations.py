"""Writes to how an account is billed, and to whom a customer may be reached at."""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from django.conf.locale import LANG_INFO
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import transaction

from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import refuse_long, require
from crossbill.platform.customer.account_terms import FIELDS, changed
from crossbill.platform.customer.models import (
    AccountChange,
    BillingAccount,
    Contact,
    Customer,
)
from crossbill.platform.customer.queries import account_named, contacts_on, same_contact

CHANGE = "customer.add_accountchange"
LANGUAGES = frozenset(LANG_INFO)


class CannotChangeAccount(Refusal):
    """This person may not change accounts. Ask an administrator for the role."""

    code: ClassVar[str] = "CANNOT_CHANGE_ACCOUNT"


class AccountReasonTooLong(Refusal):
    """The reason of a change of an account is longer than 500 characters. Shorten it."""

    code: ClassVar[str] = "ACCOUNT_REASON_TOO_LONG"


class BadContact(Refusal):
    """A contact lacks a name or a way to be reached, or has one that cannot be. Correct it."""

    code: ClassVar[str] = "BAD_CONTACT"


def may_change_account(user: AbstractUser) -> None:
    """Refuse those who may not change accounts."""
    require(user, CHANGE, CannotChangeAccount, "change accounts")


@transaction.atomic
def change_account(  # noqa: PLR0913 - what a change is
    *,
    carrier_id: int,
    account_key: str,
    wanted: Mapping[str, str],
    user: AbstractUser,
    today: date,
    reason: str = "",
) -> list[AccountChange]:
    """Change medium, language or credit class, all that are asked for or none.

    Of two at once the second waits, and then sees what the first has made of the account.
    """
    may_change_account(user)
    refuse_long(reason, AccountReasonTooLong)
    account = _locked(carrier_id, account_key)
    held = {name: getattr(account, name) for name in FIELDS}
    mailed = any(
        each.role == Contact.Role.BILLING and each.email for each in contacts_on(account, today)
    )
    found = changed(held, wanted, LANGUAGES, mailed=mailed)
    after = {name: new for name, (_, new) in found.items()}
    BillingAccount.objects.filter(pk=account.pk).update(**after)
    return [
        AccountChange.objects.create(
            account=account, field=name, before=old, after=new, made_by=user, reason=reason
        )
        for name, (old, new) in found.items()
    ]


@transaction.atomic
def add_contact(  # noqa: PLR0913 - what a contact is
    *,
    carrier_id: int,
    account_key: str,
    user: AbstractUser,
    role: str,
    name: str,
    valid_from: date,
    email: str = "",
    phone: str = "",
) -> Contact:
    """Add a person to the customer of an account; refused if the same one is there that day."""
    may_change_account(user)
    account = _locked(carrier_id, account_key)
    found = Contact(
        customer_id=account.customer_id, role=role, name=name.strip(), email=email.strip(),
        phone=phone.strip(), valid_from=valid_from,
    )  # fmt: skip
    _refuse_faulty(found)
    if same_contact(found) is not None:
        what, cure = "This contact is there already", "see `crossbill account show`"
        raise BadContact(what, field="name", value=found.name, cure=cure)
    found.save(force_insert=True)
    return found


@transaction.atomic
def end_contact(
    *, carrier_id: int, account_key: str, contact_id: int, user: AbstractUser, valid_to: date
) -> Contact:
    """The person is no contact from this day on; one who has left does not leave again."""
    may_change_account(user)
    account = _locked(carrier_id, account_key)
    found = Contact.objects.filter(customer_id=account.customer_id, pk=contact_id).first()
    if found is None:
        what, cure = "The customer has no such contact", "see `crossbill account show`"
        raise BadContact(what, field="contact", value=str(contact_id), cure=cure)
    if found.valid_to is not None or valid_to < found.valid_from:
        ended = f"has ended on {found.valid_to}" if found.valid_to else "begins later"
        what, cure = f"The contact {ended}", "see `crossbill account show`"
        raise BadContact(what, field="day", value=str(valid_to), cure=cure)
    found.valid_to = valid_to
    found.save(update_fields=["valid_to"])
    return found


def _locked(carrier_id: int, account_key: str) -> BillingAccount:
    """The account, while nobody else changes its customer."""
    found = account_named(carrier_id, account_key)
    Customer.objects.select_for_update().get(pk=found.customer_id)
    found.refresh_from_db()
    return found


def _refuse_faulty(contact: Contact) -> None:
    """Refuse by the model's own rules: lengths, the role, the address, and a way to be reached."""
    if not (contact.email or contact.phone):
        what, cure = "The contact cannot be reached", "give an e-mail address or a phone number"
        raise BadContact(what, field="email", cure=cure)
    try:
        contact.clean_fields(exclude=["customer"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        value = str(getattr(contact, name))
        raise BadContact(messages[0], field=name, value=value, cure="correct it") from error
