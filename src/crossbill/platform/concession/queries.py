"""What pages and commands ask about the concessions of accounts."""

from typing import NamedTuple

from django.db.models import QuerySet

from crossbill.platform.concession.models import Discount, Exemption
from crossbill.platform.concession.words import discount_words
from crossbill.platform.customer.models import BillingAccount


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
