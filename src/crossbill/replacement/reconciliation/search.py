"""Which accounts a customer may mean: by name, address, or any number that stands on a paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.platform.customer.models import BillingAccount, Customer
from crossbill.platform.customer.search import (
    accounts_by_name_and_address,
    accounts_by_words,
)
from crossbill.platform.ledger.models import OpenItem
from crossbill.platform.product.models import Product, ServiceIdentifier
from crossbill.replacement.migration.models import AccountMove, Replacement
from crossbill.replacement.reconciliation.account_tables import accounts_of_bill

MOST = 1000  # found by one search; who finds more has to say more
Keys = QuerySet[Any, str]
BETWEEN_DIGITS = str.maketrans("", "", " -/().")


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
    found = _all_of(_as_a_whole(replacement, said))
    found = found or _all_of(_in_two_parts(replacement, said))
    if not found:
        store = Store(read_environment().store_url)
        found = set(accounts_of_bill(store, replacement.carrier.code, said))
    return Hits(sorted(found)[:MOST], more=len(found) > MOST)


def _all_of(queries: "Iterator[Keys]") -> set[str]:
    """What the queries find together, and one more than is shown where there is more."""
    found: set[str] = set()
    for keys in queries:
        found.update(keys[: MOST + 1])
        if len(found) > MOST:
            break
    return found


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
    dialled = said.translate(BETWEEN_DIGITS) or said
    reached = ServiceIdentifier.objects.filter(
        _begins("identifier", said) | _begins("identifier", dialled), carrier_id=carrier_id
    )
    yield reached.order_by().values_list("product__account__account_key", flat=True)
    for accounts in accounts_by_words(carrier_id, said):
        yield accounts.values_list("account_key", flat=True)


def _begins(field: str, said: str) -> Q:
    """As it was said, or in capitals: keys are written in them."""
    name = f"{field}__startswith"
    written = Q(**{name: said})
    return written if said == said.upper() else written | Q(**{name: said.upper()})
