"""What-if: asking what a change does to all bills, its progress, and the answer in charts."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from crossbill.console import charts
from crossbill.console.access import action, form, page
from crossbill.console.change_form import MISSING, words
from crossbill.console.pages import number, page_of, text
from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.platform.billing.compute import NotABillPeriod, parse_policy
from crossbill.platform.billing.models import WhatIf
from crossbill.platform.billing.tasks import work_out_what_if
from crossbill.platform.billing.what_if_operations import ASK, ask_what_if
from crossbill.platform.billing.what_if_parts import NEW, UNCHANGED
from crossbill.platform.customer.models import Carrier
from crossbill.platform.customer.queries import carriers
from crossbill.platform.product.catalogue_queries import versions
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.queries import replacements
from crossbill.runs import queries as runs

READ = "billing.view_whatif"
OLD, NEW_CODE, WRITTEN = "old", "new", "written"
MOST_WRITTEN = 2000
SPREAD_NAMES = {
    -5: "20 % lower or more", -4: "10 to 20 % lower", -3: "5 to 10 % lower", -2: "1 to 5 % lower",
    -1: "less than 1 % lower", 1: "less than 1 % higher", 2: "1 to 5 % higher",
    3: "5 to 10 % higher", 4: "10 to 20 % higher", 5: "20 % higher or more",
    NEW: "a bill where there was none",
}  # fmt: skip
STOPPED = ("interrupted", "failed")
Context = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


class WhatIfForm(forms.Form):
    """Which catalogue and which rules, before and after, in which month."""

    before = forms.ChoiceField(label="Catalogue before", required=False)
    version = forms.ChoiceField(label="Catalogue after", required=False)
    rules = forms.ChoiceField(label="Rules before")
    other_rules = forms.ChoiceField(label="Rules after")
    written = forms.CharField(
        label="Rules written out", required=False, max_length=MOST_WRITTEN,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="for “those written below”: a policy, line by line as its file has it",
    )  # fmt: skip
    period = forms.CharField(
        label="Bills of", max_length=10, help_text="a month, as 2026-03",
        error_messages={"required": "This has to be said."},
    )  # fmt: skip

    def __init__(self, data: Any, *, carrier: Carrier, policies: Mapping[str, Policy], **more: Any):
        super().__init__(data, use_required_attribute=False, **more)
        self.versions = {str(each.pk): each for each in versions(carrier.pk)}
        named = [
            (key, f"{each}, {each.status}, from {each.valid_from}")
            for key, each in self.versions.items()
        ]
        self.fields["before"].choices = [("", "what is in force then"), *named]
        self.fields["version"].choices = [("", "as before"), *named]
        self.policies = policies
        for name in ("rules", "other_rules"):
            self.fields[name].choices = [
                *((key, _named(key, policy)) for key, policy in policies.items()),
                (WRITTEN, "Those written below"),
            ]
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"about-{name}"
            field.error_messages["invalid_choice"] = "Choose one of the list."

    def clean_written(self) -> Policy | None:
        """The rules as a policy, where some are written."""
        said: str = self.cleaned_data["written"].strip()
        if not said:
            return None
        try:
            return parse_policy(said, name="the rules")
        except Refusal as refusal:
            named = f"{refusal.field}: " if refusal.field else ""
            raise forms.ValidationError(named + words(refusal)) from None

    def clean(self) -> dict[str, Any]:
        """Who asks for what is written has to write it."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        asked_for = WRITTEN in (found.get("rules"), found.get("other_rules"))
        if asked_for and "written" not in self.errors and found.get("written") is None:
            self.add_error("written", MISSING)
        return found

    def policy(self, name: str) -> Policy:
        """The rules that are chosen on one side of a form without errors."""
        key = self.cleaned_data[name]
        chosen: Policy = self.cleaned_data["written"] if key == WRITTEN else self.policies[key]
        return chosen


def _named(key: str, policy: Policy) -> str:
    return f"{NAMES.get(key, 'As asked before')} ({policy.policy_code})"


NAMES = {OLD: "The old system's rules", NEW_CODE: "New rules"}


@page(READ)
def what_ifs(request: HttpRequest) -> HttpResponse:
    """The questions that were asked, the newest first."""
    carrier, every = _carrier(request)
    context: Context = {"carrier": carrier, "carriers": every if len(every) > 1 else []}
    if carrier is not None:
        joined = ("run", "asked_by", "version", "compared_with")
        found = page_of(request, WhatIf.objects.filter(carrier=carrier).select_related(*joined))
        context |= {
            "found": found,
            "rows": [(each, _standing(each)) for each in found],
            "can_ask": request.user.has_perm(ASK),
        }
    return render(request, "console/what_ifs.html", context)


def _carrier(request: HttpRequest) -> tuple[Carrier | None, list[Carrier]]:
    """The carrier of the address, else that of the newest change-over, else the first."""
    every, code = carriers(), text(request, "carrier")
    if code:
        named = [carrier for carrier in every if carrier.code == code]
        if not named:
            raise Http404(f"No carrier {code!r}")
        return named[0], every
    newest = replacements().first()
    return (newest.carrier if newest else next(iter(every), None)), every


def _standing(asked: WhatIf) -> str:
    """Answered, waiting for a worker, or how its run stands."""
    if asked.answer is not None:
        return "done"
    return "waiting" if asked.run is None else runs.standing(asked.run)


@form(ASK)
def ask(request: HttpRequest, carrier: str) -> HttpResponse:
    """Ask, and hand the question to a worker."""
    owner = get_object_or_404(Carrier, code=carrier)
    policies = _policies(owner)
    asked = WhatIfForm(
        request.POST if request.method == "POST" else None,
        carrier=owner, policies=policies, initial=_begun(request, owner, policies),
    )  # fmt: skip
    if request.method == "POST" and asked.is_valid():
        try:
            made = _asked(request, owner, asked)
        except Refusal as refusal:
            asked.add_error(_field(refusal, asked), words(refusal))
        else:
            return redirect("what_if", made.pk)
    context = {"carrier": owner, "form": asked}
    return render(request, "console/what_if_ask.html", context)


def _field(refusal: Refusal, asked: WhatIfForm) -> str | None:
    """Where the form asks for what is refused."""
    name = "period" if isinstance(refusal, NotABillPeriod) else refusal.field
    return name if name in asked.fields else None


def _policies(carrier: Carrier) -> dict[str, Policy]:
    """The rules that can be chosen: those of the old system, where it is known, new ones, and all
    that somebody has written before.
    """
    replacement = replacements().filter(carrier=carrier).first()
    known = {OLD: migration.old_policy(replacement)} if replacement else {}
    known[NEW_CODE] = migration.carriers_new_policy(carrier.pk)
    for asked in WhatIf.objects.filter(carrier=carrier).order_by("id"):
        for row in (asked.policy, asked.other_policy):
            if row not in [policy.as_row() for policy in known.values()]:
                known[f"{asked.pk}-{row['policy_code']}"] = Policy.from_mapping(row)
    return known


def _begun(request: HttpRequest, carrier: Carrier, policies: Mapping[str, Policy]) -> Context:
    """The version of the address from its first month, else the month that was billed last."""
    version = versions(carrier.pk).filter(pk=number(request, "version")).first()
    replacement = replacements().filter(carrier=carrier).first()
    billed = migration.billed_periods(replacement) if replacement else []
    last = max((period_from for period_from, _ in billed), default=timezone.localdate())
    month: date = version.valid_from if version else last
    rules = next(iter(policies))
    return {
        "version": version.pk if version else "",
        "period": f"{month:%Y-%m}",
        "rules": rules,
        "other_rules": rules,
    }


def _asked(request: HttpRequest, carrier: Carrier, asked: WhatIfForm) -> WhatIf:
    found = asked.cleaned_data
    with transaction.atomic():
        made = ask_what_if(
            carrier_id=carrier.pk,
            period=found["period"].strip(),
            version=asked.versions.get(found["version"]),
            before=asked.versions.get(found["before"]),
            policy=asked.policy("rules"),
            other_policy=asked.policy("other_rules"),
            user=cast("AbstractUser", request.user),
        )
        work_out_what_if.configure(queueing_lock=f"what-if-{made.pk}").defer(what_if_id=made.pk)
    return made


@page(READ)
def what_if(request: HttpRequest, what_if_id: int) -> HttpResponse:
    """A question with its answer, or how far it is."""
    return render(request, "console/what_if.html", _answered(request, what_if_id))


@page(READ)
def what_if_progress(request: HttpRequest, what_if_id: int) -> HttpResponse:
    """The part of the page that changes, for the page to fetch again."""
    return render(request, "console/_what_if.html", _answered(request, what_if_id))


@action(ASK)
def again(request: HttpRequest, what_if_id: int) -> HttpResponse:
    """Hand a question whose run stopped to a worker again."""
    asked = get_object_or_404(WhatIf, pk=what_if_id)
    if _standing(asked) not in STOPPED:
        messages.info(request, "It has not stopped; there is nothing to do again.")
        return redirect("what_if", asked.pk)
    job = work_out_what_if.configure(queueing_lock=f"what-if-{asked.pk}")
    try:
        with transaction.atomic():
            job.defer(what_if_id=asked.pk)
        messages.success(request, "It goes on as soon as a worker is free.")
    except AlreadyEnqueued:
        messages.info(request, "It is waiting for a worker already.")
    return redirect("what_if", asked.pk)


def _answered(request: HttpRequest, what_if_id: int) -> Context:
    joined = ("carrier", "run", "asked_by", "version", "compared_with")
    asked = get_object_or_404(WhatIf.objects.select_related(*joined), pk=what_if_id)
    standing = _standing(asked)
    return {
        "asked": asked,
        "standing": standing,
        "progress": runs.progress(asked.run) if asked.run else None,
        "can_repeat": standing in STOPPED and request.user.has_perm(ASK),
        "has_accounts": replacements().filter(carrier=asked.carrier).exists(),
        "sides": _sides(asked.answer) if asked.answer is not None else [],
    }


def _sides(answer: Mapping[str, Rows]) -> list[Context]:
    """The answer by currency, as it is drawn."""
    return [_side(answer, row) for row in answer["totals"]]


def _side(answer: Mapping[str, Rows], totals: Mapping[str, Any]) -> Context:
    mine = {
        name: [row for row in answer[name] if row["currency"] == totals["currency"]]
        for name in ("spread", "categories", "largest")
    }
    categories = [
        row | {"difference_minor": row["after_minor"] - row["before_minor"]}
        for row in mine["categories"]
    ]
    return {
        "totals": totals,
        "spread": _spread(mine["spread"]),
        "categories": _with_bars(categories),
        "largest": _with_bars(mine["largest"]),
    }


def _spread(rows: Rows) -> list[Context]:
    """All steps from the first that occurs to the last, with the bars of those that change."""
    found = {row["step"]: row for row in rows if row["step"] != UNCHANGED}
    most = max((row["bills"] for row in found.values()), default=0)
    shown = [step for step in SPREAD_NAMES if found and min(found) <= step <= max(found)]
    return [
        {
            "name": SPREAD_NAMES[step],
            "bills": found[step]["bills"] if step in found else 0,
            "difference_minor": found[step]["difference_minor"] if step in found else 0,
            "bar": charts.stacked(
                [("under" if step < 0 else "over", found[step]["bills"] if step in found else 0)],
                most,
            ),
        }
        for step in shown
    ]


def _with_bars(rows: Rows) -> list[Context]:
    """Rows with a bar to the left for less and to the right for more, all on one scale."""
    changes = [row["difference_minor"] for row in rows]
    greatest = charts.greatest_amount((min(each, 0), max(each, 0)) for each in changes)
    return [
        {**row, "bar": charts.diverging(min(each, 0), max(each, 0), greatest)}
        for row, each in zip(rows, changes, strict=True)
    ]
