"""The quarterly report as a page, with the same report to take along as PDF and Markdown."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from crossbill.console.access import page
from crossbill.console.pages import Chosen, chosen, text, to_save
from crossbill.replacement.document.blocks import Cell, Column, Document, Section, Table
from crossbill.replacement.document.markdown import markdown
from crossbill.replacement.document.pdf import pdf
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.programme.facts import QuarterlyFacts
from crossbill.replacement.programme.operations import report_name
from crossbill.replacement.programme.quarter import Quarter
from crossbill.replacement.programme.queries import (
    NoReplacement,
    latest_quarter,
    quarterly_facts,
    quarters_with_data,
)
from crossbill.replacement.programme.report import quarterly_report as report_of

MAY_READ = "programme.view_report"


@page(MAY_READ)
def quarterly_report(request: HttpRequest) -> HttpResponse:
    """The report of one quarter of one change-over."""
    choice = chosen(request)
    context: dict[str, object] = {"chosen": choice}
    if choice.replacement is not None:
        facts = _facts(request, choice.replacement)
        document = report_of(facts)
        context |= {
            "document": document,
            "sections": list(_sections(document)),
            "quarter": str(facts.quarter),
            "quarters": [str(q) for q in quarters_with_data(replacement_id=choice.replacement.pk)],
            "carrier_code": facts.carrier_code,
        }
    return render(request, "console/reports/quarterly.html", context)


@page(MAY_READ)
def quarterly_report_pdf(request: HttpRequest) -> HttpResponse:
    """The report on paper."""
    facts = _facts(request, _there_is(chosen(request)))
    return to_save(pdf(report_of(facts)), f"{report_name(facts)}.pdf", "application/pdf")


@page(MAY_READ)
def quarterly_report_markdown(request: HttpRequest) -> HttpResponse:
    """The report as text."""
    facts = _facts(request, _there_is(chosen(request)))
    content = markdown(report_of(facts)).encode()
    return to_save(content, f"{report_name(facts)}.md", "text/markdown; charset=utf-8")


def _there_is(choice: Chosen) -> Replacement:
    if choice.replacement is None:
        raise NoReplacement("There is no replacement to report on", cure="run: crossbill demo")
    return choice.replacement


def _facts(request: HttpRequest, replacement: Replacement) -> QuarterlyFacts:
    asked = text(request, "quarter")
    quarter = Quarter.parse(asked) if asked else latest_quarter(replacement_id=replacement.pk)
    return quarterly_facts(
        replacement_id=replacement.pk,
        quarter=quarter,
        as_of_date=quarter.as_of(timezone.localdate()),
    )


def _sections(document: Document) -> Iterator[tuple[Section, list[dict[str, object]]]]:
    for section in document.sections:
        yield section, [{"block": block, "rows": list(_rows(block))} for block in section.blocks]


def _rows(block: object) -> Iterator[tuple[bool, list[tuple[Column, Cell]]]]:
    """A table's rows, each cell with its column, and whether the row is a total."""
    if isinstance(block, Table):
        first_total = len(block.rows) - block.total_rows
        for at, row in enumerate(block.rows):
            yield at >= first_total, list(zip(block.columns, row, strict=True))


report_urlpatterns = [
    path("reports/quarterly/", quarterly_report, name="quarterly_report"),
    path("reports/quarterly/pdf/", quarterly_report_pdf, name="quarterly_report_pdf"),
    path(
        "reports/quarterly/markdown/", quarterly_report_markdown, name="quarterly_report_markdown"
    ),
]
