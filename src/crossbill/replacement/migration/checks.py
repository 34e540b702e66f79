"""What an entry check is: one thing that must not be, and what it is called where it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir

Tables = Mapping[str, ir.Table]
CHARGED = ("recurring", "usage", "one_time")  # the categories of what is charged


@dataclass(frozen=True)
class Check:
    """One thing that must not be: where ``fails`` holds, the row is suspended."""

    code: str
    class_code: str
    field: str
    message: str
    fails: ir.BooleanValue


def is_not_in(column: ir.Value, other: ir.Column) -> ir.BooleanValue:
    """Where a value is none of those of another column."""
    return ~column.isin(other)


def orphan(table: ir.Table, tables: Tables) -> Check:
    """A record of an account that is not there."""
    return Check(
        "ACCOUNT_MISSING",
        "SOURCE_DEFECT",
        "account_key",
        "The record's account is not in the extract or was suspended; mend the account first",
        is_not_in(table.account_key, tables["account"].account_key),
    )


def other_currency(table: ir.Table, tables: Tables) -> Check:
    """A record in another currency than its account's."""
    account = tables["account"]
    known = account.account_key + "|" + account.currency
    return Check(
        "CURRENCY_DIFFERS",
        "SOURCE_DEFECT",
        "currency",
        "The record's currency is not its account's; correct the one that is wrong",
        is_not_in(table.account_key + "|" + table.currency, known),
    )


def unknown(code: str, column: ir.StringColumn, known: tuple[str, ...]) -> Check:
    """A word that the canonical table does not have."""
    name = column.get_name()
    message = f"The {name} is none of {', '.join(known)}; map the old code"
    return Check(code, "MAPPING", name, message, ~column.isin(known))
