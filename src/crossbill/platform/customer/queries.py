"""What commands and pages ask about carriers, accounts and their contacts."""

from collections.abc import Collection
from datetime import date
from typing import ClassVar

from django.db.models import F, QuerySet

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import (
    AccountChange,
    BillingAccount,
    Carrier,
    Contact,
    Payer,
)
from crossbill.platform.dated import open_after


class NoSuchCarrier(Refusal):
    """There is no carrier of this code. Use one of those that the message names."""

    code: ClassVar[str] = "NO_SUCH_CARRIER"


class NoSuchAccount(Refusal):
    """The carrier's books have no account of this key. Check the key."""

    code: ClassVar[str] = "NO_SUCH_ACCOUNT"


def carriers() -> list[Carrier]:
    """Every carrier, by code."""
    return list(Carrier.objects.order_by("code"))


def carrier_id(code: str) -> int:
    """The database identity of a carrier."""
    known = {carrier.code: carrier.id for carrier in carriers()}
    if code not in known:
        there = ", ".join(known)
        cure = f"use one of {there}" if known else "run `crossbill replace` first: it makes one"
        raise NoSuchCarrier("There is no such carrier", field="--carrier", value=code, cure=cure)
    return int(known[code])


def account_named(carrier_id: int, account_key: str) -> BillingAccount:
    """One billing account with its customer."""
    found = BillingAccount.objects.filter(carrier_id=carrier_id, account_key=account_key)
    account = found.select_related("customer").first()
    if account is None:
        what, cure = "There is no such account in the books", "check the key"
        raise NoSuchAccount(what, field="account_key", value=account_key, cure=cure)
    return account


def contacts_on(account: BillingAccount, day: date) -> QuerySet[Contact]:
    """Whom to reach at the customer of an account on a day."""
    mine = Contact.objects.filter(open_after(day), customer_id=account.customer_id)
    return mine.filter(valid_from__lte=day)


def contacts(account: BillingAccount) -> QuerySet[Contact]:
    """Everybody who is, was or will be a contact of the customer of an account."""
    return Contact.objects.filter(customer_id=account.customer_id)


def changes_of(account: BillingAccount) -> QuerySet[AccountChange]:
    """What was changed of how an account is billed, in order."""
    return account.changes.select_related("made_by")


def payers_of(account: BillingAccount) -> QuerySet[Payer]:
    """Who pays, paid or will pay which part of an account's bills, itself included."""
    return account.payers.order_by("valid_from", "category", "payer_key", "id")


def paid_for(account: BillingAccount) -> QuerySet[Payer]:
    """Of which other accounts this one pays, paid or will pay a part."""
    rules = _by_others(account.carrier_id).filter(payer_key=account.account_key)
    return rules.select_related("account").order_by("account__account_key", "valid_from", "id")


def same_contact(contact: Contact) -> Contact | None:
    """The same person in the same role on the same day, where there is one."""
    alike = Contact.objects.filter(
        open_after(contact.valid_from), customer_id=contact.customer_id, role=contact.role,
        name=contact.name, email=contact.email, phone=contact.phone,
    )  # fmt: skip
    return alike.first()


def paid_for_by(account_key: str, carrier_id: int) -> list[str]:
    """The other accounts of which this one pays a part, ever."""
    rules = _by_others(carrier_id).filter(payer_key=account_key)
    return sorted(set(rules.values_list("account__account_key", flat=True)))


def with_families(carrier_id: int, account_keys: Collection[str]) -> list[str]:
    """These accounts, and all whose bills hang together with theirs: who pays for whom.

    Nobody pays for a payer, so that a family has two generations.
    """
    rules = _by_others(carrier_id)
    above = rules.filter(account__account_key__in=account_keys).values_list("payer_key", flat=True)
    older = {*account_keys, *above}
    below = rules.filter(payer_key__in=older).values_list("account__account_key", flat=True)
    return sorted(older.union(below))


def _by_others(carrier_id: int) -> "QuerySet[Payer]":
    """The rules by which another account pays, on a day at least."""
    lasting = open_after(F("valid_from"))
    rules = Payer.objects.filter(lasting, account__carrier_id=carrier_id)
    return rules.exclude(payer_key=F("account__account_key"))
