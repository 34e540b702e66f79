"""What pages and commands ask about the concessions of accounts."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.db.models import QuerySet

from crossbill.platform.concession.grants import Holder
from crossbill.platform.concession.models import Commitment, Discount, Exemption
from crossbill.platform.concession.words import (
    commitment_words,
    discount_words,
    exemption_words,
)
from crossbill.platform.customer.amendments import Row
from crossbill.platform.customer.models import AccountChange, BillingAccount, Payer
from crossbill.platform.customer.payer_operations import billed_as, payer_row
from crossbill.platform.customer.payer_rules import payer_words
from crossbill.platform.customer.queries import changes_of, payers_of
from crossbill.platform.product import change_queries as products
from crossbill.platform.product.catalogue_file import ProductCatalogue
from crossbill.platform.product.catalogue_queries import catalogues_on
from crossbill.platform.product.queries import offering_names
from crossbill.platform.product.taxes import answered

DISCOUNT_COLUMNS = (
    "discount_key", "position", "category", "kind", "rate_ppm", "amount_minor", "spend_minor",
    "most_minor", "valid_from", "valid_to",
)  # fmt: skip
EXEMPTION_COLUMNS = ("tax_name", "reason", "valid_from", "valid_to")


class DiscountInWords(NamedTuple):
    """A discount with what it says."""

    discount: Discount
    words: str


def discounts_in_words(account: BillingAccount) -> list[DiscountInWords]:
    """The discounts of ``discounts_of`` as people read them."""
    return [DiscountInWords(each, _words(each, account)) for each in discounts_of(account)]


def _words(discount: Discount, account: BillingAccount) -> str:
    product, offering = discount.product, discount.offering
    named = [each for each in (offering and offering.name, product and product.product_key) if each]
    return discount_words(discount, currency=account.currency, only=", ".join(named) or None)


def discounts_of(account: BillingAccount) -> "QuerySet[Discount]":
    """The discounts that an account has, had or will have, in the order in which they are taken."""
    return account.discounts.select_related("product", "offering").order_by("position")


def exemptions_of(account: BillingAccount) -> "QuerySet[Exemption]":
    """The taxes that an account need not pay, did not have to or will not have to."""
    return account.exemptions.order_by("valid_from", "id")


def promises_in_words(account: BillingAccount) -> list[tuple[str, Commitment]]:
    """What an account has promised to be charged at least, with what that says."""
    found = account.commitments.select_related("product").order_by("valid_from", "commitment_key")
    return [(_promised(each, account), each) for each in found]


def _promised(promise: Commitment, account: BillingAccount) -> str:
    product = promise.product and promise.product.product_key
    return commitment_words(promise, currency=account.currency, only=product)


def rules_in_words(account: BillingAccount) -> list[tuple[str, Payer]]:
    """Who pays which part of an account's bills, with what that says."""
    key = account.account_key
    return [(payer_words(key, [payer_row(rule)]), rule) for rule in payers_of(account)]


def discount_row(discount: Discount, account: BillingAccount) -> Row:
    """A discount as the canonical table has it."""
    return {name: getattr(discount, name) for name in DISCOUNT_COLUMNS} | {
        "account_key": account.account_key,
        "product_key": discount.product.product_key if discount.product else None,
        "offering_code": discount.offering.code if discount.offering else None,
        "currency": account.currency,
    }


def exemption_row(exemption: Exemption, account: BillingAccount) -> Row:
    """An exemption as the canonical table has it."""
    own = {name: getattr(exemption, name) for name in EXEMPTION_COLUMNS}
    return own | {"account_key": account.account_key}


def holder_of(account: BillingAccount, day: date, new_key: str = "") -> Holder:
    """An account with what it has and what can be named, as the rules of granting see it."""
    carrier_id = account.carrier_id
    known = catalogues_on(carrier_id, day)
    return Holder(
        billed_as(account),
        new_key,
        dict(account.products.values_list("product_key", "end_date")),
        offering_names(carrier_id),
        {name for catalogue in known for name in _taxes(catalogue, account.tax_code)},
        [discount_row(each, account) for each in discounts_of(account)],
        [exemption_row(each, account) for each in exemptions_of(account)],
    )


def _taxes(catalogue: ProductCatalogue, tax_code: str) -> Iterator[str]:
    """The names of a catalogue's taxes, and of those that a provider says for the jurisdiction."""
    yield from (tax.tax for tax in catalogue.spec.taxes)
    if catalogue.spec.tax_providers:
        yield from answered(catalogue.tables(), [tax_code])["tax_rate"]["tax_name"].to_pylist()


def timeline(account: BillingAccount) -> list[dict[str, Any]]:
    """All that happened to an account, in order of its days: to its products, terms and grants.

    What only came with a change-over, or ends as it was to end, has a day and nobody who made it.
    """
    changes = [_changed(each) for each in changes_of(account)]
    came = [row for row in _granted(account) if not any(_tells(each, row) for each in changes)]
    rows = [*map(dict, products.timeline(account)), *came, *changes]
    return sorted(rows, key=lambda row: (row["date"], row.get("made_at") is not None))


def _changed(change: AccountChange) -> dict[str, Any]:
    return _row(change.effective_date or change.made_at.date(), change.field, change.after) | {
        "before": change.before,
        "reason": change.reason,
        "made_by": change.made_by.get_username(),
        "made_at": change.made_at,
    }


def _tells(change: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a change is the beginning or the end that the row is."""
    if (change["date"], change["field"]) != (row["date"], row["field"]):
        return False
    return all(change[side].startswith(row[side]) for side in ("before", "after"))


def _granted(account: BillingAccount) -> Iterator[dict[str, Any]]:
    """The first days and the ends of discounts, exemptions and payers."""
    for table, words, each in _grants(account):
        yield _row(each.valid_from, table, words)
        if each.valid_to is not None:
            yield _row(each.valid_to, table, "") | {"before": words}


def _grants(account: BillingAccount) -> Iterator[tuple[str, str, Discount | Exemption | Payer]]:
    for given in discounts_in_words(account):
        yield "discount", f"{given.discount.discount_key}: {given.words}", given.discount
    for exemption in exemptions_of(account):
        words = exemption_words(exemption.tax_name, exemption.reason)
        yield "exemption", words, exemption
    for words, rule in rules_in_words(account):
        yield "payer", words, rule


def _row(day: date, field: str, after: str) -> dict[str, Any]:
    return {"date": day, "what": field, "field": field, "before": "", "after": after}
