"""Writes to customers and billing accounts."""

from datetime import date
from typing import Any

import pyarrow as pa
from django.db.models import QuerySet

from crossbill.platform.bulk import copy_in, copy_in_missing
from crossbill.platform.customer.models import BillingAccount, Contact, Customer, Payer


def take_over_customers(*, rows: pa.Table) -> int:
    """Add customers that are not there yet; one may own accounts in several waves."""
    return copy_in_missing(Customer, rows)


def take_over_contacts(*, rows: pa.Table) -> int:
    """Add contacts of customers that are not there yet, as their customers are added."""
    return copy_in_missing(Contact, rows)


def take_over_accounts(*, rows: pa.Table) -> int:
    """Add billing accounts; a key that is there already fails the whole chunk."""
    return copy_in(BillingAccount, rows)


def take_over_payers(*, rows: pa.Table) -> int:
    """Add who pays for the accounts of a chunk, which are there already."""
    return copy_in(Payer, rows)


def go_live(*, carrier_id: int, account_keys: QuerySet[Any, Any], live_from_date: date) -> int:
    """From this day on the accounts are billed here; the keys are a query, for they may be many."""
    accounts = BillingAccount.objects.filter(carrier_id=carrier_id, account_key__in=account_keys)
    return accounts.update(live_from_date=live_from_date)
