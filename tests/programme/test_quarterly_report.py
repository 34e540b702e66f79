"""The report in its forms: Markdown, PDF, command line and page say the same."""

import io
import json
import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from pypdf import PdfReader
from small_programme import build
from typer.testing import CliRunner

from crossbill.cli_report import report_app
from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode
from crossbill.replacement.document.blocks import amount_text, percent_text, share_text
from crossbill.replacement.document.markdown import markdown
from crossbill.replacement.document.pdf import pdf
from crossbill.replacement.programme.operations import FolderUnwritable, write_report
from crossbill.replacement.programme.report import NO_PROGRAMME, quarterly_report

GOLDEN = Path(__file__).with_name("small_report.md")
SECTIONS = [
    "Executive summary",
    "Milestones achieved",
    "Risks and blockers",
    "Objectives for 2024Q3",
    "Resources and budget",
]
FIGURES = re.compile(r"[-+]?\d[\d,]*\.?\d*")


def test_the_markdown_is_the_golden_one(facts):
    assert markdown(quarterly_report(facts)) == GOLDEN.read_text(encoding="utf-8")


def test_the_sections_of_a_board_report_stand_in_their_order(facts):
    titles = [section.title for section in quarterly_report(facts).sections]
    assert titles[:5] == SECTIONS
    assert all(title.startswith("Appendix") for title in titles[5:])


def test_the_same_facts_give_the_same_pdf(facts):
    document = quarterly_report(facts)
    assert pdf(document) == pdf(document)


def test_the_pdf_holds_every_figure_and_heading_of_the_markdown(facts):
    document = quarterly_report(facts)
    pages = PdfReader(io.BytesIO(pdf(document))).pages
    paper = "".join("".join(page.extract_text().split()) for page in pages)
    for section in document.sections:
        assert "".join(section.title.split()) in paper
    missing = {f for f in FIGURES.findall(markdown(document)) if f not in paper}
    assert missing == set()


def test_text_of_people_is_never_taken_for_markup(facts):
    text = markdown(quarterly_report(facts))
    assert r"go \*first\*; the \<hardest\> go last" in text
    assert r"Test scripts \| agreed" in text


def test_without_a_programme_file_the_report_says_where_to_name_one(db, replacement):
    other = build(carrier_code="telco", with_programme=False)
    result = CliRunner().invoke(
        report_app, ["quarterly", "--quarter", "2024Q2", "--carrier", "telco", "--json"]
    )
    assert json.loads(result.stdout)["replacement"] == other.name
    assert json.loads(result.stdout)["has_programme"] is False


def test_the_command_writes_both_files(replacement, tmp_path):
    arguments = ["quarterly", "--quarter", "2024Q2", "--out", str(tmp_path / "new")]
    result = CliRunner().invoke(report_app, arguments)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "opticom-2024Q2.md",
        "opticom-2024Q2.pdf",
    ]
    assert (tmp_path / "new" / "opticom-2024Q2.md").read_text() == GOLDEN.read_text()


def test_json_is_one_object_and_nothing_else(replacement):
    result = CliRunner().invoke(report_app, ["quarterly", "--quarter", "2024Q2", "--json"])
    assert json.loads(result.stdout)["accounts"]["moved"] == 9


def test_a_refusal_reaches_the_face_as_one(replacement):
    result = CliRunner().invoke(report_app, ["quarterly", "--quarter", "spring"])
    assert isinstance(result.exception, Refusal)


def test_a_folder_that_is_a_file_is_refused(facts, tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(FolderUnwritable, match="--out"):
        write_report(facts=facts, folder=tmp_path / "taken")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (252_000_000, "USD", "2,520,000.00"),
        (-5, "USD", "-0.05"),
        (0, "USD", "0.00"),
        (1_234_567, "JPY", "1,234,567"),
        (-1_234_567, "KWD", "-1,234.567"),
    ],
)
def test_amounts_show_all_digits_of_their_currency(amount, currency, text):
    assert amount_text(amount, currency) == text


@pytest.mark.parametrize(
    ("part", "whole", "share", "deviation"),
    [
        (99_999, 100_000, "99.99 %", "100.00 %"),
        (100_000, 100_000, "100.00 %", "100.00 %"),
        (1, 3, "33.33 %", "33.33 %"),
        (0, 0, "-", "-"),
    ],
)
def test_a_share_is_all_only_where_nothing_is_left(part, whole, share, deviation):
    assert share_text(part, whole) == share
    assert percent_text(part, whole, RoundingMode.HALF_UP) == deviation


# the page


@pytest.fixture
def reader(client, db):
    """A signed-in user who may read reports."""
    user = get_user_model().objects.create_user("reader")
    user.user_permissions.add(Permission.objects.get(codename="view_report"))
    client.force_login(user)
    return client


def test_the_page_shows_every_figure_of_the_markdown(reader, facts):
    page = reader.get("/reports/quarterly/?quarter=2024Q2").content.decode()
    for section in SECTIONS:
        assert section in page
    missing = {f for f in FIGURES.findall(markdown(quarterly_report(facts))) if f not in page}
    assert missing == set()
    assert "&lt;hardest&gt;" in page


@pytest.mark.parametrize(
    ("form", "content_type"), [("pdf", "application/pdf"), ("markdown", "text/markdown")]
)
def test_the_page_hands_out_the_same_report(reader, facts, form, content_type):
    answer = reader.get(f"/reports/quarterly/{form}/?quarter=2024Q2")
    assert answer.headers["Content-Type"].startswith(content_type)
    assert "opticom-2024Q2" in answer.headers["Content-Disposition"]
    document = quarterly_report(facts)
    assert answer.content == {"pdf": pdf, "markdown": lambda d: markdown(d).encode()}[form](
        document
    )


def test_without_a_quarter_the_page_shows_the_last_one_in_which_a_wave_went_live(
    reader, replacement
):
    assert "Quarterly report 2024Q2" in reader.get("/reports/quarterly/").content.decode()


@pytest.mark.parametrize("quarter", ["spring", "2019Q1"])
def test_the_page_refuses_in_words(reader, replacement, quarter):
    answer = reader.get("/reports/quarterly/", {"quarter": quarter})
    assert answer.status_code == 400
    assert "What to do" in answer.content.decode() or "use one of" in answer.content.decode()


def test_before_any_change_over_the_page_says_what_to_do(reader):
    assert "crossbill demo" in reader.get("/reports/quarterly/").content.decode()


def test_without_a_programme_the_page_names_the_cure(reader):
    build(with_programme=False)
    assert NO_PROGRAMME in reader.get("/reports/quarterly/?quarter=2024Q2").content.decode()


def test_only_who_may_read_reports_sees_it(client, db):
    assert client.get("/reports/quarterly/").status_code == 302
    client.force_login(get_user_model().objects.create_user("nobody"))
    assert client.get("/reports/quarterly/").status_code == 403
