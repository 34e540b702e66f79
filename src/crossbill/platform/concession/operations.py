"""Writes to the concessions of accounts: taken over, and granted and ended by people."""

from collections.abc import Callable
from datetime import date
from itertools import count
from typing import ClassVar

import pyarrow as pa
from django.contrib.auth.models import AbstractUser
from django.db import transaction

from crossbill.core.ids import identity
from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import refuse_long
from crossbill.platform.bulk import copy_in
from crossbill.platform.concession.grants import (
    DiscountAsked,
    DiscountEnd,
    ExemptionAsked,
    ExemptionEnd,
    planned_discount,
    planned_end,
    planned_exemption,
)
from crossbill.platform.concession.models import Commitment, Discount, Exemption
from crossbill.platform.concession.queries import (
    DISCOUNT_COLUMNS,
    EXEMPTION_COLUMNS,
    discount_row,
    exemption_row,
    holder_of,
)
from crossbill.platform.customer.account_operations import (
    AccountReasonTooLong,
    may_change_account,
)
from crossbill.platform.customer.amendments import Amendment
from crossbill.platform.customer.models import AccountChange, BillingAccount
from crossbill.platform.customer.payer_operations import (
    payers_concerned,
    payers_plan,
    write_payers,
)
from crossbill.platform.customer.payer_rules import PayersAsked
from crossbill.platform.customer.queries import account_named
from crossbill.platform.dated import exactly
from crossbill.platform.product.change_operations import lock_accounts
from crossbill.platform.product.models import ProductOffering

Asked = DiscountAsked | DiscountEnd | ExemptionAsked | ExemptionEnd | PayersAsked


class AmendedMeanwhile(Refusal):
    """Somebody else has amended the account since the cost was shown. Look at it again."""

    code: ClassVar[str] = "AMENDED_MEANWHILE"


def take_over_discounts(*, rows: pa.Table) -> int:
    """Add discounts; a key that is there already fails the whole chunk."""
    return copy_in(Discount, rows)


def take_over_exemptions(*, rows: pa.Table) -> int:
    """Add exemptions; one that is there already fails the whole chunk."""
    return copy_in(Exemption, rows)


def take_over_commitments(*, rows: pa.Table) -> int:
    """Add commitments; a key that is there already fails the whole chunk."""
    return copy_in(Commitment, rows)


def amendment_plan(carrier_id: int, asked: Asked, today: date) -> Amendment:
    """What is asked for would do this as the books are now; a Refusal where it cannot be."""
    if isinstance(asked, PayersAsked):
        return payers_plan(carrier_id, asked, today)
    account = account_named(carrier_id, asked.account_key)
    if isinstance(asked, DiscountAsked):
        holder = holder_of(account, asked.valid_from, _free_key(account))
        return planned_discount(asked, holder, today)
    if isinstance(asked, ExemptionAsked):
        return planned_exemption(asked, holder_of(account, asked.valid_from), today)
    return _end_plan(account, asked, today)


def _end_plan(account: BillingAccount, asked: DiscountEnd | ExemptionEnd, today: date) -> Amendment:
    holder = holder_of(account, asked.valid_to)
    if isinstance(asked, DiscountEnd):
        discount = account.discounts.filter(discount_key=asked.discount_key).first()
        row = discount_row(discount, account) if discount else None
        return planned_end("discount", row, asked.valid_to, holder, today)
    exemption = account.exemptions.filter(pk=asked.number).first()
    row = exemption_row(exemption, account) if exemption else None
    return planned_end("exemption", row, asked.valid_to, holder, today)


@transaction.atomic
def amend_account(  # noqa: PLR0913 - what an amendment is
    *,
    carrier_id: int,
    asked: Asked,
    user: AbstractUser,
    today: date,
    reason: str = "",
    shown: Amendment | None = None,
) -> AccountChange:
    """Grant or end what is asked for; ``shown`` is the plan whose cost somebody has agreed to.

    Of two at once on one account the second waits, and then sees what the first has made.
    """
    may_change_account(user)
    refuse_long(reason, AccountReasonTooLong)
    account = account_named(carrier_id, asked.account_key)
    lock_accounts(carrier_id, concerned(asked))
    plan = amendment_plan(carrier_id, asked, today)
    if shown is not None and plan != shown:
        what = f"{account.account_key} was amended since the cost was shown"
        raise AmendedMeanwhile(what, cure="look at it again; nothing was changed")
    WRITERS[plan.table](account, plan)
    return AccountChange.objects.create(
        account=account, field=plan.table, before=plan.before, after=plan.after,
        effective_date=plan.effective_date, made_by=user, reason=reason,
    )  # fmt: skip


def concerned(asked: Asked) -> set[str]:
    """The accounts whose bills are other ones afterwards."""
    return payers_concerned(asked) if isinstance(asked, PayersAsked) else {asked.account_key}


def _write_discount(account: BillingAccount, plan: Amendment) -> None:
    for row in plan.ends:
        held = account.discounts.filter(discount_key=row["discount_key"])
        held.update(valid_to=plan.effective_date)
    for row in plan.begins:
        Discount.objects.create(
            id=identity(account.carrier.code, "discount", row["discount_key"]),
            carrier=account.carrier,
            account=account,
            product=account.products.filter(product_key=row["product_key"]).first(),
            offering=_offering(account, row["offering_code"]),
            **{name: row[name] for name in DISCOUNT_COLUMNS},
        )


def _offering(account: BillingAccount, code: str | None) -> ProductOffering | None:
    return ProductOffering.objects.filter(carrier_id=account.carrier_id, code=code).first()


def _write_exemption(account: BillingAccount, plan: Amendment) -> None:
    for row in plan.ends:
        same = exactly({name: row[name] for name in EXEMPTION_COLUMNS})
        account.exemptions.filter(same).update(valid_to=plan.effective_date)
    for row in plan.begins:
        terms = {name: row[name] for name in EXEMPTION_COLUMNS}
        Exemption.objects.create(account=account, **terms)


WRITERS: dict[str, Callable[[BillingAccount, Amendment], None]] = {
    "discount": _write_discount,
    "exemption": _write_exemption,
    "payer": write_payers,
}


def _free_key(account: BillingAccount) -> str:
    """The first of ACCOUNT-D1, -D2 and so on that no discount of the carrier has."""
    taken = Discount.objects.filter(carrier_id=account.carrier_id)
    keys = (f"{account.account_key}-D{number}" for number in count(1))
    return next(key for key in keys if not taken.filter(discount_key=key).exists())
