"""What commands and changes ask about the products of an account and what was done to them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

from django.db.models import F, Q, QuerySet

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.dated import open_after
from crossbill.platform.product.catalogue_queries import contracts_on, needs_on, recurring_on
from crossbill.platform.product.changes import (
    COLUMNS,
    Held,
    Kind,
    Known,
    LastChange,
    Payer,
    Plan,
    Situation,
    Terms,
    Wanted,
    planned,
)
from crossbill.platform.product.models import (
    Product,
    ProductChange,
    ProductOffering,
    ServiceIdentifier,
)
from crossbill.platform.product.requirements import refuse_alone


class NoSuchProduct(Refusal):
    """The carrier's books have no product of this key. Look at the account's products."""

    code: ClassVar[str] = "NO_SUCH_PRODUCT"


def product_named(carrier_id: int, product_key: str) -> Product:
    """One product with its account and offering."""
    found = Product.objects.filter(carrier_id=carrier_id, product_key=product_key)
    product = found.select_related("account", "offering", "carrier").first()
    if product is None:
        cure = "see `crossbill product show ACCOUNT`"
        what = "There is no such product"
        raise NoSuchProduct(what, field="product_key", value=product_key, cure=cure)
    return product


def held(product: Product) -> Held:
    """A product as the rules see it."""
    terms = Terms(
        account_key=product.account.account_key,
        offering_code=product.offering.code,
        quantity=product.quantity,
        price_override_nanos=product.price_override_nanos,
        price_override_code=product.price_override_code,
        discount_ppm=product.discount_ppm,
        discount_end_date=product.discount_end_date,
        contract_end_date=product.contract_end_date,
    )
    return Held(product.product_key, terms, product.start_date, product.end_date)


def changed_plan(product: Product, wanted: Wanted, today: date) -> Plan:
    """What a change would do to a product as the books are now; a Refusal where it cannot be.

    Whether something requires the product is not looked at: it may be changed together with it.
    """
    keys = concerned(product, wanted)
    known = known_for(product.carrier_id, keys, today, wanted.effective_date)
    return planned(_situation(product), wanted, known)


def concerned(product: Product, wanted: Wanted) -> set[str]:
    """The accounts that hold something else after a change: who pays, and who is to pay."""
    moved = {str(wanted.value)} if wanted.kind is Kind.MOVE else set()
    return {product.account.account_key} | moved


def refuse_any_alone(carrier_id: int, keys: Collection[str], plans: Sequence[Plan]) -> None:
    """Refuse what would part something on these accounts from what it requires.

    What is required is what the catalogues in force say on the day of each of the plans.
    """
    first = min(plan.wanted.effective_date for plan in plans)
    for day in {plan.wanted.effective_date for plan in plans}:
        needs = needs_on(carrier_id, day)
        if needs.requires:
            ends = {key for plan in plans for key in plan.ends}
            ended = Product.objects.filter(carrier_id=carrier_id, product_key__in=ends)
            found = {*held_after(carrier_id, keys, first)}
            found |= {*ended.select_related("account", "offering")}
            products = sorted(map(held, found), key=lambda each: each.product_key)
            refuse_alone(plans, products, needs)


def held_after(carrier_id: int, keys: Collection[str], day: date) -> "QuerySet[Product]":
    """What these accounts hold on a day or begin to hold later, with account and offering."""
    mine = Product.objects.filter(open_after(day, "end_date"), carrier_id=carrier_id)
    mine = mine.filter(account__account_key__in=keys)
    return mine.select_related("account", "offering")


def began_by(product: Product) -> ProductChange | None:
    """The change that made this product of another one; none where it began by itself."""
    first = _concerning(product).first()
    made = first is not None and first.resulting_product_id == product.pk
    return first if first is not None and made and first.product_id != product.pk else None


def _concerning(product: Product) -> "QuerySet[ProductChange]":
    changes = ProductChange.objects.filter(Q(product=product) | Q(resulting_product=product))
    joined = ("product__account", "product__offering", "resulting_product")
    return changes.select_related(*joined).order_by("id")


def _situation(product: Product) -> Situation:
    latest, began = _concerning(product).last(), began_by(product)
    over = latest is not None and latest.resulting_product_id != product.pk
    return Situation(
        held(product),
        _last(latest) if latest is not None and over else None,
        _before(began) if began is not None else None,
        _lasting(began),
    )


def _before(began: ProductChange) -> Held:
    """What a product was before it was changed, with the contract that it bore then."""
    found = held(began.product)
    contract = _day(began, "contract_end_date")
    return replace(found, terms=replace(found.terms, contract_end_date=contract))


def _lasting(began: ProductChange | None) -> Held | None:
    """The last of the earlier products that was held for a day."""
    while began is not None:
        earlier = began.product
        if earlier.end_date is None or earlier.end_date > earlier.start_date:
            return held(earlier)
        began = began_by(earlier)
    return None


def _day(change: ProductChange, name: str) -> date | None:
    """A day of the product as it was before the change."""
    written = (change.before or {}).get(name)
    return date.fromisoformat(written) if written else None


def _last(change: ProductChange) -> LastChange:
    kind, after = Kind(change.kind), change.after or {}
    return LastChange(
        _asked(kind, change.effective_date, after),
        change.resulting_product.product_key if change.resulting_product else None,
        _day(change, "end_date"),
        _day(change, "contract_end_date"),
    )


def _asked(kind: Kind, day: date, after: Mapping[str, Any]) -> Wanted:
    """What was asked for, as the product that came of it shows."""
    of = after.get("price_override_code") if kind is Kind.PRICE else None
    return Wanted(kind, day, after.get(COLUMNS.get(kind, "")), of)


def known_for(carrier_id: int, keys: Collection[str], today: date, day: date) -> Known:
    """What the rules of a change from a day on look at beside the product: what is sold, and the
    accounts of these keys.
    """
    offerings = ProductOffering.objects.filter(carrier_id=carrier_id)
    accounts = BillingAccount.objects.filter(carrier_id=carrier_id, account_key__in=keys)
    return Known(
        today,
        frozenset(offerings.values_list("code", flat=True)),
        {each.account_key: _payer(each) for each in accounts},
        contracts_on(carrier_id, day),
        recurring_on(carrier_id, day),
    )


def _payer(account: BillingAccount) -> Payer:
    return Payer(account.currency, account.status == BillingAccount.Status.CLOSED)


def account_products(account: BillingAccount) -> "QuerySet[Product]":
    """What an account holds and held, in order of its starts."""
    held = account.products.select_related("offering").prefetch_related("features")
    return held.order_by("start_date", "product_key")


def account_changes(account: BillingAccount) -> "QuerySet[ProductChange]":
    """The changes of an account's products, and of those that came from or went to another one."""
    mine = Q(product__account=account) | Q(resulting_product__account=account)
    changes = ProductChange.objects.filter(mine)
    return changes.select_related("product", "resulting_product", "made_by").order_by("id")


def identifiers_of(account: BillingAccount) -> "QuerySet[ServiceIdentifier]":
    """What the account's services are and were reached by."""
    found = ServiceIdentifier.objects.filter(product__account=account)
    return found.select_related("product").order_by("identifier", "valid_from", "id")


def holders_of(*, carrier_id: int, identifier: str) -> list[ServiceIdentifier]:
    """Who holds and held an identifier, in order of its days; never those of no day."""
    rows = ServiceIdentifier.objects.filter(carrier_id=carrier_id, identifier=identifier)
    held = rows.filter(open_after(F("valid_from")))
    return list(held.select_related("product").order_by("valid_from", "id"))


def timeline(account: BillingAccount) -> list[Mapping[str, Any]]:
    """What happened, in order of its days: starts and ends of products, and what changed them."""
    changes = list(account_changes(account))
    explained = {(each.product_id, each.effective_date) for each in changes}
    explained |= {(each.resulting_product_id, each.effective_date) for each in changes}
    rows = [_changed(each) for each in changes]
    for product in account_products(account):
        for what, day in (("starts", product.start_date), ("ends", product.end_date)):
            if day is not None and (product.pk, day) not in explained:
                rows.append({"date": day, "what": what, "product_key": product.product_key})
    return sorted(rows, key=lambda row: (row["date"], row.get("made_at") is not None))


def _changed(change: ProductChange) -> dict[str, Any]:
    became = change.resulting_product
    return {
        "date": change.effective_date,
        "what": change.kind,
        "product_key": change.product.product_key,
        "resulting_product_key": became.product_key if became else None,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "made_by": change.made_by.get_username(),
        "made_at": change.made_at,
    }
