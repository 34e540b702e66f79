"""Which accounts a customer may mean: by name, address, contact, or any number on a paper."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.platform.customer.models import BillingAccount, Contact, Customer
from crossbill.platform.customer.search import (
    accounts_by_name_and_address,
    accounts_by_words,
    contacts_by,
    without_signs,
)
from crossbill.platform.ledger.models import OpenItem
from crossbill.platform.product.models import Product, ServiceIdentifier
from crossbill.replacement.migration.models import AccountMove, Replacement
from crossbill.replacement.reconciliation.account_tables import accounts_of_bill

MOST = 1000  # found by one search; who finds more has to say more
Keys = QuerySet[Any, str]


@dataclass(frozen=True)
class Hits:
    """The accounts of a search, and whether more would fit."""

    account_keys: list[str]
    more: bool


def search(replacement: Replacement, said: str) -> Hits:
    """The accounts that fit what somebody says; each way to understand it is one small query.

    Words are parted into a name and an address only where they are neither as a whole, and old
    bills are looked through only for what is nothing else.
    """
    found = _Found(replacement.carrier_id)
    for keys in _as_a_whole(replacement, said):
        found.add(keys)
    for contacts in contacts_by(said):
        found.add_of(contacts)
    if not found.keys:
        for keys in _in_two_parts(replacement, said):
            found.add(keys)
    if not found.keys:
        store = Store(read_environment().store_url)
        found.keys.update(accounts_of_bill(store, replacement.carrier.code, said))
    return Hits(sorted(found.keys)[:MOST], more=found.more or len(found.keys) > MOST)


@dataclass
class _Found:
    """What queries find together, each up to what is shown, and whether one finds more."""

    carrier_id: int
    keys: set[str] = field(default_factory=set)
    more: bool = False

    def add(self, keys: Keys) -> None:
        """The account keys of a query; none where there are more than enough."""
        if not self.more:
            rows = list(keys[: MOST + 1])
            self.keys.update(rows)
            self.more = len(rows) > MOST

    def add_of(self, contacts: "QuerySet[Contact]") -> None:
        """The accounts of the customers of contacts, who are looked up first, of any carrier.

        Together in one query the planner takes too many to fit, and reads all accounts for them.
        """
        customers = list(contacts.values_list("customer_id", flat=True)[: MOST + 1])
        owned = BillingAccount.objects.filter(
            carrier_id=self.carrier_id, customer__in={*customers}
        ).order_by()
        self.add(owned.values_list("account_key", flat=True))
        self.more = self.more or len(customers) > MOST


def _in_two_parts(replacement: Replacement, said: str) -> "Iterator[Keys]":
    for accounts in accounts_by_name_and_address(replacement.carrier_id, said):
        yield accounts.values_list("account_key", flat=True)


def _as_a_whole(replacement: Replacement, said: str) -> "Iterator[Keys]":
    """The account keys by each meaning of the words, that of a number first."""
    carrier_id = replacement.carrier_id
    moves = AccountMove.objects.filter(_begins("account_key", said), replacement=replacement)
    yield moves.order_by("account_key").values_list("account_key", flat=True)
    yield from (
        rows.order_by().values_list("account__account_key", flat=True)
        for rows in (
            Product.objects.filter(_begins("product_key", said), carrier_id=carrier_id),
            OpenItem.objects.filter(_begins("document_number", said), carrier_id=carrier_id),
        )
    )
    customers = Customer.objects.filter(_begins("customer_key", said), carrier_id=carrier_id)
    owned = BillingAccount.objects.filter(customer__in=customers.order_by()).order_by()
    yield owned.values_list("account_key", flat=True)
    dialled = without_signs(said) or said
    reached = ServiceIdentifier.objects.filter(
        _begins("identifier", said) | _begins("identifier", dialled), carrier_id=carrier_id
    )
    yield reached.order_by().values_list("product__account__account_key", flat=True)
    for accounts in accounts_by_words(carrier_id, said):
        yield accounts.values_list("account_key", flat=True)


def _begins(column: str, said: str) -> Q:
    """As it was said, or in capitals: keys are written in them."""
    name = f"{column}__startswith"
    written = Q(**{name: said})
    return written if said == said.upper() else written | Q(**{name: said.upper()})
