"""The next bill of an account: what is charged and why, by the old rules and by new ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from crossbill.config.environment import read_environment
from crossbill.console import bill_words
from crossbill.console.access import page
from crossbill.console.pages import head_of, replacement_of, text
from crossbill.console.templatetags.crossbill_console import category_words
from crossbill.core.policy import TaxScope
from crossbill.engine.store import Store
from crossbill.platform.billing.compute import MONTH, AccountNotThere
from crossbill.platform.billing.explain_bill import BillExplained, LineExplained
from crossbill.platform.billing.preview import Preview, preview
from crossbill.platform.billing.resolve import USAGE
from crossbill.platform.product.queries import offering_names
from crossbill.replacement.migration import queries as migration
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.reconciliation.stored_usage import usage_totals_of

OLD, NEW = "old", "new"
RULES = {OLD: "Old system's rules", NEW: "New rules"}
COMPARED = {"net_minor": "Net", "tax_minor": "Tax", "total_minor": "Total"}
YEARS = range(1970, 2200)  # of bills that anybody asks for
Context = dict[str, object]


@dataclass(frozen=True)
class ProductLines:
    """The lines of a bill that belong to one product; what belongs to none has no key."""

    product_key: str | None
    lines: list[LineExplained]

    @property
    def offering_code(self) -> str:
        """What the product was sold as."""
        return str(self.lines[0].line["offering_code"])

    @property
    def used_by(self) -> str | None:
        """The account that used it, where this one pays for another."""
        return cast("str | None", self.lines[0].line["used_by"])

    @property
    def named(self) -> list[tuple[str, LineExplained]]:
        """Each line with what it is: which price where there are several, and which discount."""
        prices = {_price(each.line) for each in self.lines} - {""}
        return [(_words(each.line, several=len(prices) > 1), each) for each in self.lines]

    @property
    def net_minor(self) -> int:
        """What the product costs on this bill."""
        return sum(int(each.line["net_minor"]) for each in self.lines)


def _price(line: Mapping[str, Any]) -> str:
    """The price that a line charges, or takes something off; as the catalogue's offering has it.

    Usage has none: the whole of it is one line.
    """
    if line["category"] == USAGE:
        return ""
    return str(line["taken_from"] or line["price_code"] or "").rpartition("/")[2]


def _words(line: Mapping[str, Any], *, several: bool) -> str:
    kind = category_words(line["category"])
    named = f"{kind} {line['discount_key']}" if line["discount_key"] else kind
    return f"{named}, {_price(line)}" if several and _price(line) else named


@page("migration.view_accountmove")
def bill(request: HttpRequest, carrier: str, account_key: str) -> HttpResponse:
    """The bill of a month by the chosen rules, and its totals by both."""
    replacement = replacement_of(carrier)
    head = head_of(replacement, account_key)
    month, mistake = _month(request, replacement)
    chosen = NEW if text(request, "policy") == NEW else OLD
    context = {
        **head,
        "month": f"{month:%Y-%m}",
        "months": {"before": _moved(month, -1), "after": _moved(month, 1)},
        "mistake": mistake,
        "rules": RULES,
        "chosen": chosen,
        **_billed(replacement, account_key, f"{month:%Y-%m}", chosen),
    }
    return render(request, "console/bill.html", context)


def _month(request: HttpRequest, replacement: Replacement) -> tuple[date, str]:
    """The month of the address, else the first that nobody has billed yet; and what is wrong."""
    written = text(request, "month")
    usual = _usual_month(replacement)
    if not written:
        return usual, ""
    found = MONTH.fullmatch(written)
    year, month = (int(part) for part in found.groups()) if found else (0, 0)
    if year not in YEARS or not 1 <= month <= 12:
        return usual, f"Not a month. Write it as 2024-04; {usual:%Y-%m} is shown."
    return date(year, month, 1), ""


def _usual_month(replacement: Replacement) -> date:
    """The month after the last compared period, or this one."""
    ends = [period_to for _, period_to in migration.billed_periods(replacement)]
    return max(ends, default=timezone.localdate()).replace(day=1)


def _moved(month: date, by: int) -> str:
    year, number = divmod(12 * month.year + month.month - 1 + by, 12)
    return f"{year:04}-{number + 1:02}"


def _billed(replacement: Replacement, account_key: str, month: str, chosen: str) -> Context:
    """What is billed, or that the account is not in the books."""
    new = migration.carriers_new_policy(replacement.carrier_id)
    policies = {OLD: migration.old_policy(replacement), NEW: new}
    try:
        found = preview(
            carrier_id=replacement.carrier_id,
            account_key=account_key,
            period=month,
            policies=policies,
            used=usage_totals_of(
                carrier_id=replacement.carrier_id,
                account_key=account_key,
                store=Store(read_environment().store_url),
            ),
        )
    except AccountNotThere:
        return {"not_there": True}
    names = offering_names(replacement.carrier_id)
    return {
        "words": bill_words.rules(policies[chosen]),
        "taxed_by_line": policies[chosen].tax_scope == TaxScope.LINE,
        "bills": [(each, _by_product(each)) for each in found[chosen].bills],
        "uncharged": [_uncharged(row) for row in found[chosen].unresolved],
        "names": names,
        "compared": _compared(found),
        "currency": _currency(found),
        "only_one": _only_one(found),
    }


def _by_product(found: BillExplained) -> list[ProductLines]:
    """The lines as they are printed, which is product by product."""
    groups = groupby(found.lines, key=lambda each: each.line["product_key"])
    return [ProductLines(key, list(lines)) for key, lines in groups]


def _uncharged(row: Mapping[str, Any]) -> dict[str, Any]:
    """A product that cannot be charged, with the words for its code."""
    what, cure = bill_words.UNCHARGED.get(row["code"], ("It cannot be charged", "mend the field"))
    return {**row, "what": what, "cure": cure}


def _compared(found: Mapping[str, Preview]) -> list[dict[str, Any]]:
    """Net, tax and total by the old rules and by the new ones, and the difference."""
    return [
        {"name": name, "old": old, "new": new, "difference": new - old, "is_last": name == "Total"}
        for column, name in COMPARED.items()
        for old, new in [(_sum(found[OLD], column), _sum(found[NEW], column))]
    ]


def _sum(side: Preview, column: str) -> int:
    return sum(int(each.bill[column]) for each in side.bills)


def _currency(found: Mapping[str, Preview]) -> str:
    return next((str(each.bill["currency"]) for side in found.values() for each in side.bills), "")


def _only_one(found: Mapping[str, Preview]) -> bool:
    """Whether the sides charge different things, so that their difference is not of rules alone."""
    old, new = ({row["product_key"] for row in found[side].unresolved} for side in (OLD, NEW))
    return old != new
