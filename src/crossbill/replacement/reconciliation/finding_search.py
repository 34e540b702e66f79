"""Findings of a reconciliation, from its differences to rows that people read."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.replacement.reconciliation import finding_rows, fixes
from crossbill.replacement.reconciliation.findings import Found, find, marked
from crossbill.replacement.reconciliation.traits import account_traits, product_traits

Tables = Mapping[str, ir.Table]


@dataclass(frozen=True)
class Findings:
    """``finding`` (FINDING), ``member`` (FINDING_MEMBER), and what was found on the way."""

    finding: ir.Table
    member: ir.Table
    found: Found


def search(backend: Backend, done: Tables, known: ir.Table, owners: Mapping[str, str]) -> Findings:
    """Reads the tables of a ``reconciliation``; ``known`` is what else is known of accounts.

    ``known`` is keyed by account_key, with any columns of text; ``owners`` are people by class.
    """
    found = find(backend, *_marked_and_traits(backend, done, known))
    left = _left(backend, found, done)
    finding = _kept(backend, "row", finding_rows.rows(found, left, owners))
    return Findings(finding, finding_rows.members(found), found)


def _marked_and_traits(
    backend: Backend, done: Tables, known: ir.Table
) -> tuple[ir.Table, ir.Table, ir.Table]:
    account, customer = done["old_account"], done["old_customer"]
    accounts = account_traits(account, customer, known)
    products = product_traits(
        done["old_product"], done["product"], done["old_bill_line"], done["charge"]
    )
    return (
        marked(done["difference"], account),
        _kept(backend, "account_trait", accounts),
        _kept(backend, "product_trait", products),
    )


def _left(backend: Backend, found: Found, done: Tables) -> ir.Table:
    """Apply the fixes to a copy, charge again, compare again."""
    known = _kept(backend, "change", fixes.changes(found, done["explained"], done["charge"]))
    rows = _kept(backend, "changed", fixes.changed(found, known, done["charge"]))
    again = _kept(backend, "again", fixes.charged_again(rows))
    before = _kept(backend, "before", fixes.before(rows, done["old_bill_line"]))
    return fixes.left(found, rows, before, again)


def _kept(backend: Backend, name: str, rows: ir.Table) -> ir.Table:
    return backend.create_table(f"finding_{name}", rows, temp=True, overwrite=True)
