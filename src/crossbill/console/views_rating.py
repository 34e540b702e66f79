"""Rates: the decks of a carrier's catalogue, and what an event would cost and why."""

from datetime import date, datetime, time
from threading import Thread

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from crossbill.console.access import page
from crossbill.console.ask_form import UNTOUCHED, AskForm
from crossbill.console.pages import ROWS, Chosen, chosen, text
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.platform.rating import queries
from crossbill.platform.rating.ask import ask, get_ready
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.decks import DeckRow
from crossbill.replacement.migration.queries import rating_catalogue

READ = "product.view_productofferingprice"
MOST_CANDIDATES = 15  # a number has no more digits, so no more prefixes
Context = dict[str, object]


def with_catalogue(request: HttpRequest) -> tuple[Chosen, Current | None, Context]:
    """The change-over of the page, its catalogue, and what the templates need of both."""
    choice = chosen(request)
    known = rating_catalogue(choice.replacement) if choice.replacement else None
    context: Context = {
        "chosen": choice,
        "replacement": choice.replacement,
        "catalogue": known.catalogue if known else None,
    }
    return choice, known, context


@page(READ)
def decks(request: HttpRequest) -> HttpResponse:
    """Every deck, and the prefixes of one with their prices."""
    _, known, context = with_catalogue(request)
    if known is not None:
        context |= _decks(request, known)
    return render(request, "console/rating_decks.html", context)


def _decks(request: HttpRequest, known: Current) -> Context:
    day, mistake = _day(request)
    standings = queries.decks(known, day)
    wanted = text(request, "deck")
    shown = next((each for each in standings if each.deck.code == wanted), None)
    shown = shown or next(iter(standings), None)
    context: Context = {"day": day, "day_mistake": mistake, "standings": standings, "shown": shown}
    if shown is None:
        return context
    tariff = text(request, "tariff")
    tariff = tariff if tariff in shown.tariffs else next(iter(shown.tariffs), "")
    return context | {"tariff": tariff} | _prefixes(request, known, shown.deck.code, tariff, day)


def _day(request: HttpRequest) -> tuple[date, str]:
    """The day of the prices: that of the address, else today; and what is wrong with the first."""
    written = text(request, "on")
    if not written:
        return timezone.localdate(), ""
    try:
        return read_day(written), ""
    except ValueError:
        return timezone.localdate(), "Not a date. Write it as 2024-05-31; today's are shown."


def _prefixes(request: HttpRequest, known: Current, deck: str, tariff: str, day: date) -> Context:
    rows = queries.rows_on(known, deck, day)
    search = text(request, "search")
    number = "".join(sign for sign in search if sign not in " +()-./")
    by_number = number.isascii() and number.isdecimal()
    found: list[DeckRow] = list(rows)
    if by_number:
        found = queries.beginning_with(rows, number)
    elif search:
        found = queries.in_zone(rows, search)
    unit = queries.tariff_unit(known.catalogue, tariff) if tariff else ""

    def priced(row: DeckRow) -> tuple[DeckRow, object]:
        return row, queries.prices(known.catalogue, tariff, row, day) if tariff else []

    shown = Paginator(found, ROWS).get_page(request.GET.get("page", "1"))
    return {
        "search": search,
        "number": number if by_number else "",
        "candidates": [(each, priced(each.row)[1]) for each in queries.candidates(rows, number)]
        if by_number
        else [],
        "found": shown,
        "rows": [priced(row) for row in shown],
        "unit": unit,
        "currency": known.catalogue.spec.currency,
    }


@page(READ)
def try_it(request: HttpRequest) -> HttpResponse:
    """What would this event cost, and why."""
    choice, known, context = with_catalogue(request)
    if known is None or choice.replacement is None:
        return render(request, "console/rating_try.html", context)
    asked = "usage_type" in request.GET
    form = AskForm(
        request.GET if asked else None,
        current=known,
        carrier_id=choice.replacement.carrier_id,
        initial=_first_question(known),
    )
    context["form"] = form
    if not asked and form.initial["plan"]:
        Thread(target=get_ready, args=(known, form.initial["plan"]), daemon=True).start()
    if asked and form.is_valid():
        try:
            context["answer"] = ask(known, form.question())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    return render(request, "console/rating_try.html", context)


def _first_question(known: Current) -> dict[str, object]:
    """What the form says before anybody has asked."""
    catalogue = known.catalogue
    first = catalogue.event_charges[0] if catalogue.event_charges else None
    return {
        "plan": first.plan_code if first else "",
        "usage_type": first.spec.usage_type if first else "",
        "started_at": datetime.combine(timezone.localdate(), time(12)).isoformat(),
        "time_zone": catalogue.spec.time_zone,
        "quantity": 185,
        "policy": catalogue.spec.policies[0].policy_code,
        "allowances": UNTOUCHED,
    }
