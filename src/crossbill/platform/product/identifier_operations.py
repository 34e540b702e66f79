"""Writes to who holds a phone number or another identifier of a service, and from when to when."""

from datetime import date
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from crossbill.core.refusal import Refusal
from crossbill.platform.dated import open_after
from crossbill.platform.product.change_queries import holders_of, product_named
from crossbill.platform.product.models import Product, ServiceIdentifier
from crossbill.platform.product.permission import may_change

LONGEST = 120
ONE_HOLDER = "identifier_has_one_holder"


class IdentifierTaken(Refusal):
    """Somebody else holds the identifier on one of these days. Release it there first."""

    code: ClassVar[str] = "IDENTIFIER_TAKEN"


class IdentifierNotPossible(Refusal):
    """The identifier cannot be assigned like this. Give up to 120 characters and days in order."""

    code: ClassVar[str] = "IDENTIFIER_NOT_POSSIBLE"


class IdentifierNotHeld(Refusal):
    """The product does not hold the identifier on that day. Check both."""

    code: ClassVar[str] = "IDENTIFIER_NOT_HELD"


def assign_identifier(  # noqa: PLR0913 - what a holding is
    *,
    carrier_id: int,
    identifier: str,
    product_key: str,
    user: AbstractUser,
    valid_from: date,
    valid_to: date | None = None,
) -> ServiceIdentifier:
    """Say that a service is reached by this from a day on; nobody else may hold it then."""
    may_change(user)
    product = product_named(carrier_id, product_key)
    _refuse_impossible(identifier, product, valid_from, valid_to)
    try:
        with transaction.atomic():
            return ServiceIdentifier.objects.create(
                carrier_id=carrier_id,
                identifier=identifier,
                product=product,
                valid_from=valid_from,
                valid_to=valid_to,
            )
    except IntegrityError as error:
        if ONE_HOLDER not in str(error):
            raise
        raise _taken(carrier_id, identifier, valid_from, valid_to) from error


@transaction.atomic
def release_identifier(
    *, carrier_id: int, identifier: str, product_key: str, user: AbstractUser, on: date
) -> ServiceIdentifier:
    """End a product's hold of an identifier: the day is the first one on which it is free."""
    may_change(user)
    product = product_named(carrier_id, product_key)
    mine = _open(product, on).select_for_update()
    found = mine.filter(identifier=identifier, valid_from__lte=on).first()
    if found is None:
        raise IdentifierNotHeld(
            f"{product_key} does not hold it on {on}", field="identifier", value=identifier,
            cure="see `crossbill product show ACCOUNT`",
        )  # fmt: skip
    found.valid_to = on
    found.save(update_fields=["valid_to"])
    return found


def holder_on(*, carrier_id: int, identifier: str, day: date) -> str:
    """The key of the product that holds an identifier on a day."""
    rows = ServiceIdentifier.objects.filter(carrier_id=carrier_id, identifier=identifier)
    then = rows.filter(open_after(day), valid_from__lte=day).select_related("product")
    holder = then.first()
    if holder is not None:
        return holder.product.product_key
    raise IdentifierNotHeld(
        f"Nobody holds it on {day}", field="identifier", value=identifier,
        cure=f"see `crossbill product identifier show {identifier}`",
    )  # fmt: skip


def carry_identifiers(product: Product, result: Product, day: date) -> None:
    """From the day on the other product holds what this one holds."""
    for row in _open(product, day).select_for_update():
        begins, ends = max(row.valid_from, day), row.valid_to
        row.valid_to = begins
        row.save(update_fields=["valid_to"])
        ServiceIdentifier.objects.create(
            carrier_id=row.carrier_id,
            identifier=row.identifier,
            product=result,
            valid_from=begins,
            valid_to=ends,
        )


def release_all(product: Product, day: date) -> None:
    """From the day on nobody holds what this product holds."""
    for row in _open(product, day).select_for_update():
        row.valid_to = max(row.valid_from, day)
        row.save(update_fields=["valid_to"])


def give_back_identifiers(product: Product, day: date) -> None:
    """Let a product hold again what it gave up on the day, where nobody has taken it since."""
    for row in product.identifiers.select_for_update().filter(valid_to=day):
        later = ServiceIdentifier.objects.filter(
            open_after(day), carrier_id=row.carrier_id, identifier=row.identifier
        )
        if not later.exclude(pk=row.pk).exists():
            row.valid_to = None
            row.save(update_fields=["valid_to"])


def _open(product: Product, day: date) -> "QuerySet[ServiceIdentifier]":
    """What the product holds on the day or later."""
    return product.identifiers.filter(open_after(day))


def _holder(
    carrier_id: int, identifier: str, first: date, end: date | None
) -> ServiceIdentifier | None:
    """Who holds the identifier first on the days from the first up to the end, if anybody does."""
    for each in holders_of(carrier_id=carrier_id, identifier=identifier):
        over, later = each.valid_to or date.max, end is not None and each.valid_from >= end
        if over > first and not later:
            return each
    return None


def _taken(
    carrier_id: int, identifier: str, valid_from: date, valid_to: date | None
) -> IdentifierTaken:
    """The refusal that names the first holder on one of the days."""
    what, first = "Another product holds the identifier", "release it there"
    holder = _holder(carrier_id, identifier, valid_from, valid_to)
    if holder is not None:
        until = f" to {holder.valid_to}" if holder.valid_to else ""
        key = holder.product.product_key
        what = f"{key} holds the identifier from {holder.valid_from}{until}"
        first = f"release it from {key}"
    cure = f"{first} on {valid_from} or earlier, or take a day on which it is free"
    return IdentifierTaken(what, field="identifier", value=identifier, cure=cure)


def _refuse_impossible(
    identifier: str, product: Product, valid_from: date, valid_to: date | None
) -> None:
    what = None
    if not identifier.strip() or len(identifier) > LONGEST:
        what = f"An identifier has 1 to {LONGEST} characters"
    elif valid_to is not None and valid_to < valid_from:
        what = "It would end before it starts"
    elif valid_from < product.start_date:
        what = f"{product.product_key} is not held before {product.start_date}"
    elif product.end_date is not None and valid_from >= product.end_date:
        what = f"{product.product_key} ended on {product.end_date}"
    if what is not None:
        cure = "mend what is named; nothing was assigned"
        raise IdentifierNotPossible(what, field="identifier", value=identifier, cure=cure)
