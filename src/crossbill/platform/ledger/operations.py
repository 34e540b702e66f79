"""Writes to the ledger: always new, balanced entries; a correction reverses an earlier one."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
from django.db import connection

from crossbill.platform.bulk import copy_in
from crossbill.platform.ledger.models import Deposit, JournalEntry, OpenItem, Posting


def post_entries(
    *,
    entries: pa.Table,
    postings: pa.Table,
    open_items: pa.Table | None,
    deposits: pa.Table | None = None,
) -> int:
    """Post entries with all their postings, and the open items and deposits behind them.

    PostgreSQL refuses the whole when an entry does not balance in a currency.
    """
    copy_in(JournalEntry, entries)
    copy_in(Posting, postings)
    if open_items is not None:
        copy_in(OpenItem, open_items)
    if deposits is not None:
        copy_in(Deposit, deposits)
    return entries.num_rows


def reverse_openings(*, carrier_id: int, account_keys: Sequence[str], entry_date: date) -> int:
    """Take back the opening balance of accounts that stay on the old system; returns how many."""
    parameters = {
        "carrier": carrier_id,
        "sources": [f"opening|{key}" for key in account_keys],
        "day": entry_date,
    }
    with connection.cursor() as cursor:
        cursor.execute(REVERSE_ENTRIES, parameters)
        count = cursor.rowcount
        cursor.execute(REVERSE_POSTINGS, parameters)
    return int(count)


REVERSE_ENTRIES = """
    INSERT INTO ledger_journalentry (id, carrier_id, source, kind, entry_date, reverses_id)
    SELECT md5('reversal|' || id::text)::uuid, carrier_id, 'reversal|' || source, 'reversal',
           %(day)s, id
    FROM ledger_journalentry
    WHERE carrier_id = %(carrier)s AND source = ANY(%(sources)s)
    ORDER BY source
"""
REVERSE_POSTINGS = """
    INSERT INTO ledger_posting (entry_id, account_id, gl_account, currency, amount_minor)
    SELECT reversal.id, posting.account_id, posting.gl_account, posting.currency,
           -posting.amount_minor
    FROM ledger_journalentry reversal
    JOIN ledger_journalentry opening ON opening.id = reversal.reverses_id
    JOIN ledger_posting posting ON posting.entry_id = opening.id
    WHERE opening.carrier_id = %(carrier)s AND opening.source = ANY(%(sources)s)
    ORDER BY posting.id
"""
