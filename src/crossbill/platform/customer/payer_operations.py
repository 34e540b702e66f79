"""Who pays for whom, planned from the books and then written."""

from collections.abc import Collection
from datetime import date

from django.db.models import Q

from crossbill.platform.customer.amendments import Amendment, Billed, Row
from crossbill.platform.customer.models import BillingAccount, Payer
from crossbill.platform.customer.payer_rules import PayersAsked, planned_payers
from crossbill.platform.customer.queries import account_named
from crossbill.platform.dated import exactly

COLUMNS = ("payer_key", "category", "share_ppm", "valid_from", "valid_to")


def payers_plan(carrier_id: int, asked: PayersAsked, today: date) -> Amendment:
    """What a change of payers would do as the books are now; a Refusal where it cannot be."""
    account_named(carrier_id, asked.account_key)
    keys = payers_concerned(asked)
    rules = list(_rules(carrier_id, keys))
    known = keys.union(*((rule["account_key"], rule["payer_key"]) for rule in rules))
    return planned_payers(asked, rules, billed(carrier_id, known), today)


def payers_concerned(asked: PayersAsked) -> set[str]:
    """The accounts between which it changes who pays."""
    return {asked.account_key, *(key for key, _ in asked.shares)}


def billed(carrier_id: int, account_keys: Collection[str]) -> dict[str, Billed]:
    """How these accounts are billed, by key; those that are not there are left out."""
    found = BillingAccount.objects.filter(carrier_id=carrier_id, account_key__in=account_keys)
    return {each.account_key: billed_as(each) for each in found}


def billed_as(account: BillingAccount) -> Billed:
    """An account as the rules see it."""
    closed = account.status == BillingAccount.Status.CLOSED
    return Billed(account.account_key, account.currency, account.bill_cycle_day, closed)


def payer_row(rule: Payer) -> Row:
    """A rule as the canonical table has it."""
    own = {name: getattr(rule, name) for name in COLUMNS}
    return own | {"account_key": rule.account.account_key}


def write_payers(account: BillingAccount, amendment: Amendment) -> None:
    """End and begin the rules of a plan that was made just now, while the account is locked."""
    for rule in amendment.ends:
        same = {name: rule[name] for name in COLUMNS}
        account.payers.filter(exactly(same)).update(valid_to=amendment.effective_date)
    Payer.objects.bulk_create(
        Payer(account=account, **{name: rule[name] for name in COLUMNS})
        for rule in amendment.begins
    )


def _rules(carrier_id: int, keys: Collection[str]) -> Collection[Row]:
    """All rules of those who are paid for by or among these accounts, as the canonical table."""
    rules = Payer.objects.filter(account__carrier_id=carrier_id)
    mine = rules.filter(Q(account__account_key__in=keys) | Q(payer_key__in=keys))
    whole = rules.filter(account__in=mine.values("account")).order_by("id")
    return [payer_row(rule) for rule in whole.select_related("account")]
