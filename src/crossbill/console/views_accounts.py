"""Accounts: the search, and one account with its old and new bills side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate

from crossbill.config.environment import read_environment
from crossbill.console.access import page
from crossbill.console.pages import chosen, number, page_of, replacement_of, text, to_save
from crossbill.engine.store import Store
from crossbill.platform.concession.queries import (
    discounts_in_words,
    exemptions_of,
    promises_in_words,
    rules_in_words,
)
from crossbill.platform.customer.models import BillingAccount
from crossbill.platform.customer.queries import contacts_on
from crossbill.platform.ledger.models import OpenItem, Posting
from crossbill.platform.product.queries import offering_names
from crossbill.replacement.document.pdf import pdf
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.models import AccountMove, Replacement
from crossbill.replacement.migration.queries import MoveFilter
from crossbill.replacement.reconciliation import queries as reconciliation
from crossbill.replacement.reconciliation.account_tables import Rows
from crossbill.replacement.reconciliation.compared_account import compared_account
from crossbill.replacement.reconciliation.comparison_document import comparison, file_name
from crossbill.replacement.reconciliation.models import Finding
from crossbill.replacement.reconciliation.search import search

MOST_ROWS = 200  # of one account on one page
Tables = dict[str, Rows]


@page("migration.view_accountmove")
def accounts(request: HttpRequest) -> HttpResponse:
    """Search by whatever a customer says, filtered by state, wave, reason and hardness."""
    choice = chosen(request)
    wanted = MoveFilter(
        state=text(request, "state"),
        wave_id=number(request, "wave"),
        class_code=text(request, "class"),
        hard=bool(text(request, "hard")),
    )
    context = {
        "chosen": choice,
        "replacement": choice.replacement,
        "wanted": wanted,
        "search": text(request, "search"),
    }
    if choice.replacement is not None:
        context |= _found(request, choice.replacement, wanted)
    return render(request, "console/accounts.html", context)


def _found(request: HttpRequest, replacement: Replacement, wanted: MoveFilter) -> dict[str, object]:
    said = text(request, "search")
    hits = search(replacement, said) if said else None
    keys = None if hits is None else hits.account_keys
    found = page_of(request, migration.find_moves(replacement, wanted, keys))
    names = migration.account_names(replacement.carrier_id, [m.account_key for m in found])
    return {
        "found": found,
        "hits": hits,
        "rows": [(move, names.get(move.account_key, "")) for move in found],
        "states": AccountMove.State.values,
        "waves": replacement.waves.order_by("position"),
        "fallout_classes": migration.fallout_classes(replacement.id),
    }


@page("migration.view_accountmove")
def account(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """One account: its move, its bills on both sides, and everything that differs."""
    replacement = replacement_of(carrier)
    move = _move_or_404(replacement, account_key)
    return render(
        request,
        "console/account.html",
        {
            "replacement": replacement,
            "move": move,
            "names": offering_names(replacement.carrier_id),
            "suspended": migration.suspended_records(replacement.id, account_key)[:MOST_ROWS],
            "findings": _findings(request, replacement, move),
            **_both_sides(replacement, move),
            **_books(replacement.carrier_id, account_key),
        },
    )


@page("migration.view_accountmove")
def account_pdf(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """The same bills on paper, to send along or to lay beside the printed ones."""
    replacement = replacement_of(carrier)
    move = _move_or_404(replacement, account_key)
    compared = compared_account(Store(read_environment().store_url), replacement, move)
    content = pdf(comparison(compared, offering_names(replacement.carrier_id)))
    return to_save(content, f"{carrier}-{file_name(account_key)}.pdf", "application/pdf")


def _move_or_404(replacement: Replacement, account_key: str) -> AccountMove:
    moves = AccountMove.objects.select_related("wave", "replacement")
    return get_object_or_404(moves, replacement=replacement, account_key=account_key)


def _findings(request: HttpRequest, replacement: Replacement, move: AccountMove) -> list[Finding]:
    """The causes of what differs, for whoever may read them."""
    if move.wave is None or not request.user.has_perm("reconciliation.view_finding"):
        return []
    move.wave.replacement = replacement
    store = Store(read_environment().store_url)
    return reconciliation.findings_of_account(store, move.wave, move.account_key)


def _both_sides(replacement: Replacement, move: AccountMove) -> dict[str, object]:
    store = Store(read_environment().store_url)
    both = compared_account(store, replacement, move)
    return {
        "bills": both.bills,
        "rest": both.rest,
        "products": _paired_products(both.old["product"], both.new["product"]),
        "name": both.name,
        "old_account": both.old_account,
        "payers": both.old["payer"],
        "currency": both.currency,
    }


def _paired_products(old: Rows, new: Rows) -> list[dict[str, object]]:
    """What the account holds on each side, by product."""
    keys = dict.fromkeys(row["product_key"] for row in [*old, *new])
    sides = [{row["product_key"]: row for row in rows} for rows in (old, new)]
    return [
        {"key": key, "old": sides[0].get(key), "new": sides[1].get(key)} for key in sorted(keys)
    ]


def _books(carrier_id: int, account_key: str) -> dict[str, object]:
    """What the new platform holds of the account: itself, concessions, open items, postings."""
    billed = BillingAccount.objects.select_related("customer").filter(
        carrier_id=carrier_id, account_key=account_key
    )
    held = billed.first()
    items = OpenItem.objects.filter(account=held).order_by("document_date", "open_item_key")
    postings = Posting.objects.select_related("entry").filter(account=held).order_by("id")
    return {
        "held": held,
        "contacts": contacts_on(held, localdate()) if held else [],
        "discounts": discounts_in_words(held) if held else [],
        "exemptions": exemptions_of(held) if held else [],
        "promises": promises_in_words(held) if held else [],
        "rules": rules_in_words(held) if held else [],
        "open_items": items[:MOST_ROWS] if held else [],
        "postings": postings[:MOST_ROWS] if held else [],
    }
