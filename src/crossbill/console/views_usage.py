"""An account's usage: its rated events and why each costs what it costs, and its allowances."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from crossbill.config.environment import read_environment
from crossbill.console import charts
from crossbill.console.access import page
from crossbill.console.pages import ROWS, move_of, replacement_of, text
from crossbill.engine.store import Store
from crossbill.platform.rating.calendars import local_date
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.explain import EventUnknown, explain
from crossbill.platform.usage.guide import RETAIL, WHOLESALE
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.models import AccountMove, Replacement
from crossbill.replacement.reconciliation.account_usage import (
    AccountUsage,
    Bucket,
    ChargeSum,
    OpenUsage,
    Row,
    buckets,
)

READ = "migration.view_accountmove"
RATED_IN = "bill"  # the stage that suspends usage which cannot be rated
MOST_SUSPENDED = 200
Context = dict[str, object]


@dataclass(frozen=True)
class Shown:
    """The account of a page, its stored usage, and the catalogue that rates it."""

    replacement: Replacement
    move: AccountMove
    usage: AccountUsage | None
    catalogue: Current | None

    @property
    def context(self) -> Context:
        """What every page of an account's usage says."""
        key, carrier_id = self.move.account_key, self.replacement.carrier_id
        return {
            "replacement": self.replacement,
            "move": self.move,
            "name": migration.account_names(carrier_id, [key]).get(key, ""),
            "usage": self.usage,
            "catalogue": self.catalogue.catalogue if self.catalogue else None,
        }


def _shown(carrier: str, account_key: str) -> Shown:
    replacement = replacement_of(carrier)
    move = move_of(replacement, account_key)
    return Shown(
        replacement, move, _stored(replacement, move), migration.rating_catalogue(replacement)
    )


def _stored(replacement: Replacement, move: AccountMove) -> AccountUsage | None:
    """The usage of the account's wave, once it has been rated."""
    if move.wave is None:
        return None
    store = Store(read_environment().store_url)
    usage = AccountUsage(store, replacement.carrier.code, move.wave.position, move.account_key)
    return usage if usage.is_stored else None


@page(READ)
def usage(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """The rated events of an account by charge, the newest first, and what could not be rated."""
    shown = _shown(carrier, account_key)
    records = migration.suspended_records(shown.replacement.id, account_key)
    context = shown.context | {"suspended": records.filter(stage=RATED_IN)[:MOST_SUSPENDED]}
    if shown.usage is not None:
        with shown.usage.opened() as tables:
            context |= _events(request, tables)
    return render(request, "console/usage.html", context)


def _events(request: HttpRequest, tables: OpenUsage) -> Context:
    sums = tables.sums()
    charge = text(request, "charge")
    chosen = [each for each in sums if charge in ("", each.charge_code)]
    found = Paginator(_Events(tables, charge, chosen), ROWS).get_page(request.GET.get("page", "1"))
    return {"sums": sums, "charge": charge, "found": found, "rows": list(found)}


class _Events:
    """The events of an account as a paginator cuts them: only one page is ever read."""

    def __init__(self, tables: OpenUsage, charge: str, sums: list[ChargeSum]) -> None:
        self.tables, self.charge = tables, charge
        self.events = sum(each.events for each in sums)

    def __len__(self) -> int:
        return self.events

    def __getitem__(self, part: slice) -> list[Row]:
        return self.tables.events(self.charge, part.start, part.stop)


@page(READ)
def event(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """Why one event of an account costs what it costs."""
    shown = _shown(carrier, account_key)
    key, leg = text(request, "key"), text(request, "leg") or RETAIL
    if shown.usage is None or shown.catalogue is None or not key or leg not in (RETAIL, WHOLESALE):
        raise Http404("No rated usage of this account")
    periods = migration.billed_periods(shown.replacement)
    with shown.usage.opened() as tables:
        stored = tables.stored_event(key, leg)
        try:
            answer = explain(tables.again(shown.catalogue, periods), key, leg)
        except EventUnknown as unknown:
            raise Http404(str(unknown)) from unknown
    context = {"event_key": key, "answer": answer, "stored": stored}
    return render(request, "console/event.html", shown.context | context)


@page(READ)
def allowances(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """What an account was granted, what of it is left, and how it went."""
    shown = _shown(carrier, account_key)
    context = shown.context
    if shown.usage is not None and shown.catalogue is not None:
        with shown.usage.opened() as tables:
            rated = tables.again(shown.catalogue, migration.billed_periods(shown.replacement))
            found = buckets(rated)
        zone = shown.catalogue.catalogue.zone
        context["buckets"] = [
            (each, _bar(each), _burn_down(each), _days(each, zone)) for each in found
        ]
    return render(request, "console/allowances.html", context)


def _bar(bucket: Bucket) -> list[charts.Segment]:
    return charts.stacked([("taken", bucket.taken), ("left", bucket.left)])


def _burn_down(bucket: Bucket) -> charts.Line:
    takes = [(_second(at), taken) for at, taken in bucket.taken_at]
    ends = _second(bucket.valid_from), _second(bucket.valid_to)
    return charts.burn_down(bucket.granted, takes, *ends)


def _days(bucket: Bucket, zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last day on which it can be used."""
    first_s, end_s = _second(bucket.valid_from), _second(bucket.valid_to)
    return local_date(first_s, zone), local_date(end_s - 1, zone)


def _second(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1)).total_seconds())
