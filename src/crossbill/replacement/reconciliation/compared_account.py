"""One account as both systems bill it: what its page, its paper and the command line show."""

from dataclasses import dataclass

from crossbill.engine.store import Store
from crossbill.replacement.migration.models import AccountMove, Replacement
from crossbill.replacement.reconciliation import account_tables
from crossbill.replacement.reconciliation.account_tables import Rows
from crossbill.replacement.reconciliation.queries import DifferenceFilter, find_differences
from crossbill.replacement.reconciliation.side_by_side import BillPair, Differing, pair_bills

MOST_DIFFERENCES = 200  # of one account


@dataclass(frozen=True)
class ComparedAccount:
    """Both sides of an account: bills in pairs, what else differs, what it holds on each side."""

    move: AccountMove
    name: str
    old: dict[str, Rows]
    new: dict[str, Rows]
    bills: list[BillPair]
    rest: list[Differing]

    @property
    def old_account(self) -> dict[str, object] | None:
        """The account as the old system has it, mapped; None where it was not extracted."""
        return next(iter(self.old["account"]), None)

    @property
    def currency(self) -> str:
        """Of the account on whichever side it stands; blank where on none."""
        rows = [*self.old["account"], *self.new["account"]]
        return next((str(row["currency"]) for row in rows), "")


def compared_account(store: Store, replacement: Replacement, move: AccountMove) -> ComparedAccount:
    """The account of a move from the stored tables of its carrier, with the differences on record.

    Reads only the parts of the tables that hold the account.
    """
    code, key = replacement.carrier.code, move.account_key
    old = account_tables.old_side(store, code, key)
    new = account_tables.new_side(store, code, move.wave.position if move.wave else None, key)
    found = find_differences(replacement.id, DifferenceFilter(), account_key=key)
    bills, rest = pair_bills(old, new, found[:MOST_DIFFERENCES])
    return ComparedAccount(move, _name(store, code, old["account"]), old, new, bills, rest)


def _name(store: Store, code: str, rows: Rows) -> str:
    return account_tables.customer_name(store, code, rows[0]["customer_key"]) if rows else ""
