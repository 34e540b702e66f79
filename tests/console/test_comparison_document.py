"""An account's bills on paper say what its page says: every line, every amount, every reason."""

import io
import re
from dataclasses import replace
from pathlib import Path

import estate
import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from crossbill.cli import app
from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.replacement.document.markdown import markdown
from crossbill.replacement.document.pdf import DocumentNotWritten, pdf
from crossbill.replacement.migration.models import AccountMove
from crossbill.replacement.reconciliation.compared_account import compared_account
from crossbill.replacement.reconciliation.comparison_document import comparison, file_name
from crossbill.replacement.reconciliation.printed_bills import read_back

GOLDEN = Path(__file__).with_name("comparison.md")
NAMES = {"fibre-100": "Fibre 100"}
PLACE = f"/comparison/{estate.CARRIER}/{{}}/"


def compared_of(replacement, key):
    move = AccountMove.objects.get(replacement=replacement, account_key=key)
    return compared_account(Store(read_environment().store_url), replacement, move)


def text_of(replacement, key):
    return markdown(comparison(compared_of(replacement, key), NAMES))


def on_paper(content):
    pages = PdfReader(io.BytesIO(content)).pages
    return "".join("".join(page.extract_text().split()) for page in pages)


def test_every_line_stands_there_and_what_differs_is_told_with_its_reason(replacement):
    assert text_of(replacement, estate.DIFFERING) == GOLDEN.read_text(encoding="utf-8")


def test_what_people_accepted_is_told_as_on_the_page(replacement):
    compared = compared_of(replacement, estate.DIFFERING)
    for each in (d for bill in compared.bills for line in bill.lines for d in line.differences):
        each.decision, each.by_people = "block", True
    assert "(accepted by people; catalogue decides)" in markdown(comparison(compared, NAMES))


def test_lines_that_agree_only_together_say_so(replacement):
    compared = compared_of(replacement, estate.DIFFERING)
    for each in (d for bill in compared.bills for line in bill.lines for d in line.differences):
        each.class_code = "SPLIT"
    told = markdown(comparison(compared, NAMES))
    assert ("together equal" in told, "one line for several" in told) == (True, True)


def test_an_account_that_stays_says_why_and_that_there_is_no_new_bill(replacement):
    text = text_of(replacement, estate.SUSPENDED)
    assert "fallout, by the extract of 2024-06-01. Stays on the old system: " in text
    assert re.search(r"New less old \| +- \| one of the two is missing", text)


def test_what_stands_on_paper_is_read_back_to_the_cent_with_thousands_and_below_nothing(
    replacement,
):
    compared = compared_of(replacement, estate.DIFFERING)
    for row in (row for bill in compared.bills for row in bill.new):
        row["total_minor"] *= -1_000
    for line in (line.new for bill in compared.bills for line in bill.lines if line.new):
        line["tax_minor"] = 1_234_567
    expected = {
        bill.period_from: {
            "old_total": bill.total("old", "total_minor"),
            "new_total": bill.total("new", "total_minor"),
            "new_lines": sum(line.new["net_minor"] + 1_234_567 for line in bill.lines if line.new),
        }
        for bill in compared.bills
    }
    assert read_back(pdf(comparison(compared, NAMES)), "USD") == expected


def test_where_there_is_no_bill_it_says_so(replacement):
    nothing = replace(compared_of(replacement, estate.CLEAN), bills=[], rest=[])
    assert "Neither system has a bill of this account." in markdown(comparison(nothing, NAMES))


def test_the_page_leads_to_the_paper_which_says_the_same(replacement, signed_in):
    client = signed_in("viewer")
    account = client.get(f"/accounts/{estate.CARRIER}/{estate.DIFFERING}/").content.decode()
    assert PLACE.format(estate.DIFFERING) in account
    answer = client.get(PLACE.format(estate.DIFFERING))
    assert answer["Content-Type"] == "application/pdf"
    paper = on_paper(answer.content)
    figures = set(re.findall(r"[-+]?\d+\.\d\d", GOLDEN.read_text(encoding="utf-8")))
    assert figures and not {figure for figure in figures if figure not in paper}


def test_nobody_reads_it_without_the_permission_of_the_page(replacement, signed_in, client):
    assert signed_in().get(PLACE.format(estate.DIFFERING)).status_code == 403
    assert client.get(PLACE.format(estate.DIFFERING)).status_code == 302
    assert signed_in("viewer", name="other").get(PLACE.format("C9")).status_code == 404


def test_the_command_writes_it_too(replacement, tmp_path):
    out = tmp_path / "bills.pdf"
    words = ["reconcile", "explain", estate.CARRIER, estate.DIFFERING, "--pdf", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "+0.98" in on_paper(out.read_bytes())


def test_a_place_that_cannot_be_written_is_refused(replacement, tmp_path):
    words = [
        "reconcile",
        "explain",
        estate.CARRIER,
        estate.DIFFERING,
        "--pdf",
        str(tmp_path / "no" / "b.pdf"),
    ]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, DocumentNotWritten)
    assert "name another file (No such file or directory)" in str(result.exception)


@pytest.mark.parametrize(
    ("key", "name"), [("C0000000003", "C0000000003"), ("../a b/7", "..-a-b-7"), ('"x"', "-x-")]
)
def test_the_key_names_the_file(key, name):
    assert file_name(key) == name
