"""Entry checks of how accounts pay: dunning, mandates and deposits.

What is wrong between the records, as a debit without a mandate, is a control's to find: the account
can be taken over, and somebody has to see to it.
"""

import ibis.expr.types as ir

from crossbill.replacement.migration.checks import Check, Tables, orphan, other_currency, unknown

METHODS = ("direct_debit", "invoice")
HIGHEST_LEVEL = 9


def collection(table: ir.Table, tables: Tables) -> list[Check]:
    """How an account pays is a known way, and its dunning a known level."""
    return [
        orphan(table, tables),
        unknown("PAYMENT_METHOD_UNKNOWN", table.payment_method, METHODS),
        Check(
            "DUNNING_LEVEL_INVALID",
            "SENTINEL",
            "dunning_level",
            f"The level of dunning is not from 0 to {HIGHEST_LEVEL}; if it means 'none', map it",
            ~table.dunning_level.between(0, HIGHEST_LEVEL),
        ),
    ]


def mandate(table: ir.Table, tables: Tables) -> list[Check]:
    """A mandate is an account's, and does not end before it is signed."""
    return [
        orphan(table, tables),
        Check(
            "MANDATE_ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "end_date",
            "The mandate ends before it is signed",
            (table.end_date < table.signed_date).fill_null(False),
        ),
    ]


def deposit(table: ir.Table, tables: Tables) -> list[Check]:
    """A deposit is money that came in, of which no more than all was given back."""
    return [
        orphan(table, tables),
        other_currency(table, tables),
        Check(
            "DEPOSIT_NOT_POSITIVE",
            "SENTINEL",
            "received_minor",
            "The deposit is not above nothing; what was given back has an amount of its own",
            table.received_minor <= 0,
        ),
        Check(
            "REFUND_OVER_DEPOSIT",
            "SOURCE_DEFECT",
            "refunded_minor",
            "More was given back than was paid in, or less than nothing",
            ~table.refunded_minor.between(0, table.received_minor),
        ),
    ]
