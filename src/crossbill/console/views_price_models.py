"""Price models: what each does, a form made of its terms, and what a quantity would cost."""

from collections.abc import Sequence
from types import ModuleType

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from pydantic import ValidationError

from crossbill.console import charts
from crossbill.console.access import page
from crossbill.console.pages import number, text
from crossbill.console.terms_form import FIRST_ROWS, MOST_ROWS, TermsForm
from crossbill.console.views_rating import READ, Context, with_catalogue
from crossbill.core.money import NANO_DIGITS, NANOS_PER_MAJOR, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.platform.rating.model_trial import Trial, tried
from crossbill.platform.rating.price_models import form, price_models, price_terms
from crossbill.platform.rating.terms import PriceTerms

MOST_EVENTS = 50
LARGEST_BASE = 10**15


class NotQuantities(ValueError):
    """What was written is no list of quantities; the message says why."""


@page(READ)
def models(request: HttpRequest) -> HttpResponse:
    """All price models, and one of them to try."""
    _, _, context = with_catalogue(request)
    known = price_models()
    name = text(request, "model") or next(iter(known))
    if name not in known:
        raise Http404(f"No price model {name!r}")
    described = {each: form(module) for each, module in known.items()}
    context |= {
        "models": [(each, described[each]["about"]) for each in known],
        "model": name,
        "about": described[name]["about"],
        **_tried(request, name, known[name], described[name]["schema"]),
    }
    return render(request, "console/rating_models.html", context)


def _tried(request: HttpRequest, name: str, module: ModuleType, schema: object) -> Context:
    """The form, and what the quantity costs where one was written."""
    rows = min(max(number(request, "rows") or FIRST_ROWS, 1), MOST_ROWS)
    if "more" in request.GET:
        rows = min(rows + 1, MOST_ROWS)
    answers = {key: text(request, key) for key in request.GET}
    asked = TermsForm(schema, answers, rows)  # type: ignore[arg-type] # a JSON schema is a mapping
    written = request.GET.get("quantity", "").replace("\x00", "").strip()
    context: Context = {"form": asked, "quantity": written, "rows": rows, "most": MOST_ROWS}
    if "quantity" not in request.GET or "more" in request.GET:
        return context
    try:
        terms = price_terms(module, asked.written())
        assert isinstance(terms, PriceTerms), "the terms of every price model have a unit"
        trial = tried(name, terms, _events(terms, written))
    except ValidationError as error:
        asked.add_errors(error)
        return context
    except NotQuantities as error:
        return context | {"quantity_error": str(error)}
    except Refusal as refusal:
        asked.errors.append(str(refusal))
        return context
    return context | {"trial": trial, "curve": _curve(trial), "unit": terms.unit}


def _events(terms: PriceTerms, written: str) -> list[int]:
    """The quantities of the events in base units, with blanks between them."""
    words = written.split()
    if not words:
        raise NotQuantities("Write a quantity, such as 250.")
    if len(words) > MOST_EVENTS:
        raise NotQuantities(f"Write at most {MOST_EVENTS} events.")
    return [_base(terms, word) for word in words]


def _base(terms: PriceTerms, word: str) -> int:
    try:
        scaled = parse_scaled(word, digits=NANO_DIGITS)
    except Refusal as refusal:
        raise NotQuantities(f"{word}: {refusal.what}. Write digits, such as 250.") from None
    whole, rest = divmod(scaled * terms.unit, NANOS_PER_MAJOR)
    if rest:
        raise NotQuantities(f"{word} is no whole number of base units; a unit has {terms.unit:,}.")
    if not 0 <= whole <= LARGEST_BASE:
        raise NotQuantities(f"{word}: write 0 to {LARGEST_BASE // terms.unit:,}.")
    return whole


def _curve(trial: Trial) -> charts.Line:
    """The amount by quantity, from nothing to twice what was asked."""
    points: Sequence[tuple[int, int]] = trial.curve
    return charts.line(points, points[-1][0], max(amount for _, amount in points))
