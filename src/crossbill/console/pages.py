"""What pages share: which change-over and account they show, lists, and numbers in addresses."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header

from crossbill.platform.customer.models import BillingAccount
from crossbill.replacement.migration.models import AccountMove, Replacement
from crossbill.replacement.migration.queries import account_names, replacements

ROWS = 50
LONGEST_SEARCH = 100


@dataclass(frozen=True)
class Chosen:
    """The change-over that a page shows, and the others that could be chosen."""

    replacement: Replacement | None
    others: list[Replacement]


def chosen(request: HttpRequest) -> Chosen:
    """The change-over of the carrier in the address, else the newest; 404 where there is none."""
    every = list(replacements())
    code = request.GET.get("carrier", "")
    fitting = [r for r in every if r.carrier.code == code] if code else every
    if code and not fitting:
        raise Http404(f"No change-over of a carrier {code!r}")
    return Chosen(fitting[0] if fitting else None, every if len(every) > 1 else [])


def replacement_of(carrier: str) -> Replacement:
    """The change-over of a carrier, or 404."""
    replacement = replacements().filter(carrier__code=carrier).first()
    if replacement is None:
        raise Http404(f"No change-over of a carrier {carrier!r}")
    return replacement


def move_of(replacement: Replacement, account_key: str) -> AccountMove:
    """Where an account of the change-over stands, with its wave, or 404."""
    moves = AccountMove.objects.select_related("wave")
    return get_object_or_404(moves, replacement=replacement, account_key=account_key)


def head_of(replacement: Replacement, account_key: str) -> dict[str, Any]:
    """What every page of an account is headed with: the change-over, the move and the name."""
    names = account_names(replacement.carrier_id, [account_key])
    return {
        "replacement": replacement,
        "move": move_of(replacement, account_key),
        "name": names.get(account_key, ""),
    }


def booked(replacement: Replacement, account_key: str) -> BillingAccount | None:
    """The account in the new books, with its customer; none where they do not hold it."""
    accounts = BillingAccount.objects.filter(carrier_id=replacement.carrier_id)
    return accounts.select_related("customer").filter(account_key=account_key).first()


def page_of(request: HttpRequest, rows: "QuerySet[Any]", name: str = "page") -> "Page[Any]":
    """The rows of the page that the address asks for; beyond the end it is the last."""
    return Paginator(rows, ROWS).get_page(request.GET.get(name, "1"))


def text(request: HttpRequest, name: str) -> str:
    """A word of the address, without blanks around it and without what no database takes."""
    return request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST_SEARCH]


def number(request: HttpRequest, name: str) -> int | None:
    """A whole number of the address, or nothing."""
    value = text(request, name)
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 19 else None


def to_save(content: bytes, name: str, content_type: str) -> HttpResponse:
    """A file to take along, which is saved and never shown as a page of ours."""
    headers = {"Content-Disposition": content_disposition_header(True, name)}
    return HttpResponse(content, content_type=content_type, headers=headers)
