"""The catalogue: its versions, what one says and does, publishing it, and editing a new draft."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from crossbill.console.access import action, form, page
from crossbill.console.pages import page_of, text
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.platform.customer.models import Carrier
from crossbill.platform.customer.queries import carriers
from crossbill.platform.product import catalogue_operations as operations
from crossbill.platform.product import catalogue_queries as queries
from crossbill.platform.product.catalogue_diff import Difference, differences
from crossbill.platform.product.catalogue_file import ProductCatalogue, parse_product_catalogue
from crossbill.platform.product.catalogue_operations import ADD, PUBLISH
from crossbill.platform.product.models import CatalogueVersion
from crossbill.replacement.migration.queries import replacements

READ = "product.view_catalogueversion"
MOST_EDITED = 1_000_000  # signs of a text that a form still sends
AROUND = 3  # lines shown before and after the one that is wrong
Context = dict[str, Any]


@page(READ)
def catalogue(request: HttpRequest) -> HttpResponse:
    """The versions of a carrier's catalogues, the newest first."""
    every = carriers()
    shown = _carrier(request, every)
    context: Context = {"carrier": shown, "carriers": every if len(every) > 1 else []}
    if shown is not None:
        found = page_of(request, queries.versions(shown.id))
        today = queries.in_force(shown.id, timezone.localdate())
        context |= {"found": found, "rows": [(each, each.id in today) for each in found]}
    return render(request, "console/catalogue.html", context)


def _carrier(request: HttpRequest, every: list[Carrier]) -> Carrier | None:
    """The carrier in the address, else that of the newest change-over, else the first."""
    code = text(request, "carrier")
    if code:
        named = next((carrier for carrier in every if carrier.code == code), None)
        if named is None:
            raise Http404(f"No carrier {code!r}")
        return named
    newest = replacements().first()
    return newest.carrier if newest else next(iter(every), None)


@page(READ)
def version(request: HttpRequest, version_id: int) -> HttpResponse:
    """What a version says, how it differs from the one before, and what it does to the bills."""
    shown = _version(version_id)
    before = queries.version_before(shown)
    says, refusal = _read(shown)
    context = {
        "version": shown,
        "in_force": shown.id in queries.in_force(shown.carrier_id, timezone.localdate()),
        "says": says,
        "refusal": refusal,
        "before": before,
        "has_accounts": replacements().filter(carrier_id=shown.carrier_id).exists(),
        **_publishing(request, shown),
    }
    if says is not None:
        context |= {
            "changes": page_of(request, _changes(before, says), "changes_page"),
            "offerings": page_of(request, says.spec.offerings),
            "taxes": says.spec.taxes,
        }
    return render(request, "console/catalogue_version.html", context)


def _version(version_id: int) -> CatalogueVersion:
    every = CatalogueVersion.objects.select_related("carrier", "drafted_by", "published_by")
    return get_object_or_404(every, id=version_id)


def _read(version: CatalogueVersion) -> tuple[ProductCatalogue | None, Refusal | None]:
    """What a version says; a later release may no longer read it, and then why."""
    try:
        return queries.catalogue_of(version), None
    except Refusal as refusal:
        return None, refusal


def _changes(before: CatalogueVersion | None, says: ProductCatalogue) -> list[Difference]:
    known, _ = _read(before) if before else (None, None)
    return differences(known, says) if known else []


def _publishing(request: HttpRequest, shown: CatalogueVersion) -> Context:
    is_draft = shown.status == CatalogueVersion.Status.DRAFT
    may, own = request.user.has_perm(PUBLISH), shown.drafted_by_id == request.user.pk
    return {
        "can_publish": is_draft and may and not own,
        "needs_another": is_draft and may and own,
        "can_edit": request.user.has_perm(ADD),
    }


@action(PUBLISH)
def publish(request: HttpRequest, version_id: int) -> HttpResponse:
    """Publish a draft as the person signed in."""
    shown = _version(version_id)
    try:
        operations.publish(version_id=shown.id, user=request.user)
        words = f"You published {shown}. It is billed by from {shown.valid_from}."
        messages.success(request, words)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("catalogue_version", version_id=shown.id)


@form(ADD)
def edit(request: HttpRequest, version_id: int) -> HttpResponse:
    """Write a new draft, beginning with the text of a version."""
    shown = _version(version_id)
    today = timezone.localdate()
    context: Context = {
        "version": shown,
        "text": shown.content,
        "valid_from": str(max(today, shown.valid_from)),
        "too_large": len(shown.content) > MOST_EDITED,
    }
    if request.method != "POST":
        return render(request, "console/catalogue_edit.html", context)
    context |= {
        "text": request.POST.get("text", "").replace("\r\n", "\n"),
        "valid_from": request.POST.get("valid_from", "").strip(),
    }
    return _sent(request, shown, context)


def _sent(request: HttpRequest, shown: CatalogueVersion, context: Context) -> HttpResponse:
    """Save what was written, or say what is wrong with it; a mere check saves nothing."""
    day = _day(context["valid_from"])
    if day is None:
        context["day_mistake"] = "Not a date. Write it as 2026-03-31."
    try:
        says = parse_product_catalogue(context["text"], name="text")
        if "check" not in request.POST and day is not None:
            made = _saved(request, shown, context["text"], day)
            messages.success(request, f"Saved as {made}, a draft. Somebody else can publish it.")
            return redirect("catalogue_version", version_id=made.id)
        context |= {"sound": True, "changes": _changes(shown, says)}
    except Refusal as refusal:
        context |= {"refusal": refusal, "around": _around(context["text"], refusal.line)}
    return render(request, "console/catalogue_edit.html", context)


def _day(written: str) -> date | None:
    try:
        return read_day(written)
    except ValueError:
        return None


def _saved(
    request: HttpRequest, shown: CatalogueVersion, written: str, day: date
) -> CatalogueVersion:
    return operations.load_draft(
        carrier_id=shown.carrier_id, text=written, user=request.user, valid_from=day, file="text"
    )


def _around(written: str, line: int | None) -> list[tuple[int, str, bool]]:
    """The lines around the one that is wrong: number, text, and whether it is that one."""
    if line is None:
        return []
    lines = written.split("\n")
    first = max(line - AROUND, 1)
    last = min(line + AROUND, len(lines))
    return [(number, lines[number - 1], number == line) for number in range(first, last + 1)]
