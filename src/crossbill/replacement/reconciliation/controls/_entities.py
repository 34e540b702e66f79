"""The entities that both sides hold."""

import ibis.expr.types as ir

from crossbill.engine.datasets import CANONICAL
from crossbill.replacement.reconciliation.control import Tables


def on_both_sides(t: Tables, *names: str) -> list[tuple[str, ir.Table, ir.Table]]:
    """Name, old and new table of those entities that are compared at all."""
    return [
        (name, t[f"old_{name}"], t[f"new_{name}"])
        for name in names or CANONICAL
        if f"old_{name}" in t and f"new_{name}" in t
    ]


def with_account(rows: ir.Table, account: ir.Table, *columns: str) -> ir.Table:
    """The rows with columns of their account; rows of an account that is not there have none."""
    wanted = account.select("account_key", *(account[name].name(f"of_{name}") for name in columns))
    return rows.left_join(wanted, "account_key", rname="{name}__account")
