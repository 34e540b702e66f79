"""Every page: who may open it, what it shows, and that its links lead somewhere."""

import re
from collections import Counter
from html import unescape

import estate
import pytest
import rated_estate
from django.test import Client
from django.urls import get_resolver

from crossbill.console.middleware import CONTENT_SECURITY_POLICY
from crossbill.platform.billing.models import WhatIf
from crossbill.platform.concession.models import Discount, Exemption
from crossbill.platform.product.models import CatalogueVersion
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation.models import (
    Attachment,
    ControlRun,
    Finding,
    Gate,
)
from crossbill.runs.models import Run

# Each page by the name of its address.
PAGES = {
    "overview": "/",
    "wave": "/waves/{wave}/",
    "accounts": "/accounts/?search=C00&state=live&hard=",
    "account": f"/accounts/{estate.CARRIER}/{estate.DIFFERING}/",
    "account_pdf": f"/comparison/{estate.CARRIER}/{estate.DIFFERING}/",
    "products": f"/products/{estate.CARRIER}/{estate.DIFFERING}/",
    "bill": f"/bill/{estate.CARRIER}/{estate.DIFFERING}/?month=2024-06&policy=new",
    "usage": f"/usage/{estate.CARRIER}/{estate.DIFFERING}/",
    "event": f"/events/{estate.CARRIER}/{estate.DIFFERING}/?key={rated_estate.CROSSING}",
    "allowances": f"/allowances/{estate.CARRIER}/{estate.DIFFERING}/",
    "rating_decks": "/rating/decks/?search=12505551234",
    "rating_try": "/rating/try/",
    "rating_models": "/rating/models/",
    "catalogue": f"/catalogue/?carrier={estate.CARRIER}",
    "catalogue_version": "/catalogue/versions/{draft}/",
    "terms": f"/terms/{estate.CARRIER}/{estate.DIFFERING}/",
    "concessions": f"/concessions/{estate.CARRIER}/{estate.DIFFERING}/",
    "what_ifs": f"/what-if/?carrier={estate.CARRIER}",
    "what_if": "/what-if/{what_if}/",
    "what_if_progress": "/what-if/{what_if}/progress/",
    "differences": "/differences/?class=ROUNDING&decision=accept",
    "findings": "/findings/?class=ROUNDING",
    "finding": "/findings/{finding}/",
    "work": "/worklist/?status=open&owner=billing",
    "attachment": "/attachments/{attachment}/",
    "specification": f"/specification/{estate.CARRIER}/",
    "trend": "/trend/",
    "controls": "/controls/",
    "control_run": "/controls/runs/{control_run}/?all=1",
    "runs": "/runs/",
    "run": "/runs/{run}/",
    "run_progress": "/runs/{run}/progress/",
    "quarterly_report": "/reports/quarterly/",
    "quarterly_report_pdf": "/reports/quarterly/pdf/",
    "quarterly_report_markdown": "/reports/quarterly/markdown/",
}
ACTIONS = {
    "sign_gate": "/gates/{gate}/sign/",
    "preview_gate": "/waves/{wave}/preview/",
    "submit_wave": "/waves/{wave}/submit/",
    "accept_again": "/waves/{wave}/accept-again/",
    "accept_work": "/worklist/accept/",
    "assign_work": "/worklist/assign/",
    "accept_finding": "/findings/{finding}/accept/",
    "accept_control": "/controls/runs/{control_run}/accept/",
    "comment_finding": "/findings/{finding}/comment/",
    "resume_run": "/runs/{run}/resume/",
    "change_terms": f"/change-terms/{estate.CARRIER}/{estate.DIFFERING}/",
    "repeat_what_if": "/what-if/{what_if}/again/",
    "publish_catalogue": "/catalogue/versions/{draft}/publish/",
}
FORMS = {
    "edit_catalogue": ("operator", "/catalogue/versions/{draft}/edit/"),
    "change_product": ("operator", f"/change/{estate.CARRIER}/{estate.DIFFERING}-TV/"),
    "ask_what_if": ("operator", f"/what-if/ask/{estate.CARRIER}/?version={{draft}}"),
    "order_product": ("operator", f"/order/{estate.CARRIER}/{estate.DIFFERING}/"),
    "grant_discount": ("operator", f"/discount/{estate.CARRIER}/{estate.DIFFERING}/"),
    "end_discount": ("operator", f"/end-discount/{estate.CARRIER}/{{discount}}/"),
    "exempt": ("operator", f"/exempt/{estate.CARRIER}/{estate.DIFFERING}/"),
    "end_exemption": ("operator", f"/end-exemption/{estate.CARRIER}/{{exemption}}/"),
    "set_payers": ("operator", f"/payers/{estate.CARRIER}/{estate.DIFFERING}/"),
}
OPEN = {"sign_in": "/sign-in/", "health": "/health/"}
NOT_A_PAGE = {"sign_out"}


def address(pattern: str) -> str:
    """The address with the identities of this test's rows."""
    return pattern.format(
        wave=Wave.objects.order_by("position")[1].id,
        run=Run.objects.get().id,
        finding=Finding.objects.order_by("-accounts")[0].id,
        attachment=Attachment.objects.get().id,
        control_run=ControlRun.objects.filter(control="tax")[0].id,
        gate=Gate.objects.order_by("wave__position")[1].id,
        draft=CatalogueVersion.objects.get(status="draft").id,
        what_if=WhatIf.objects.get().id,
        discount=Discount.objects.all()[0].discount_key,
        exemption=Exemption.objects.all()[0].id,
    )


def test_every_address_is_tested():
    names = {pattern.name for pattern in get_resolver().url_patterns}
    assert names == {*PAGES, *ACTIONS, *FORMS, *OPEN, *NOT_A_PAGE}


@pytest.fixture
def pages(replacement) -> dict[str, str]:
    """The address of each page: filling takes longer than looking at all of them."""
    return {name: address(place) for name, place in PAGES.items()}


class TestWhoMayOpen:
    def test_anonymous_is_sent_to_sign_in(self, pages, client):
        for name, place in pages.items():
            answer = client.get(place)
            assert answer.status_code == 302, name
            assert answer["Location"].startswith("/sign-in/?next=/"), name

    def test_somebody_without_a_role_is_turned_away(self, pages, signed_in):
        nobody = signed_in()
        for name, place in pages.items():
            answer = nobody.get(place)
            assert answer.status_code == 403, name
            assert b"Your role does not open this page" in answer.content, name

    def test_a_viewer_reads(self, pages, signed_in):
        viewer = signed_in("viewer")
        for name, place in pages.items():
            answer = viewer.get(place)
            assert answer.status_code == 200, name
            assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY, name
            assert "no-store" in answer["Cache-Control"], name

    def test_nobody_writes_by_reading(self, pages, signed_in):
        viewer = signed_in("viewer")
        assert {name: viewer.post(place).status_code for name, place in pages.items()} == (
            dict.fromkeys(pages, 405)
        )


@pytest.fixture
def buttons(replacement) -> dict[str, str]:
    """Where each button sends its form."""
    return {name: address(place) for name, place in ACTIONS.items()}


class TestButtons:
    def test_anonymous_is_sent_to_sign_in(self, buttons, client):
        for name, place in buttons.items():
            assert client.post(place)["Location"].startswith("/sign-in/?next=/"), name

    def test_a_viewer_is_turned_away(self, buttons, signed_in):
        viewer = signed_in("viewer")
        for name, place in buttons.items():
            assert viewer.post(place).status_code == 403, name

    def test_following_a_link_does_nothing(self, buttons, signed_in):
        client = signed_in("viewer", "operator", "approver")
        for name, place in buttons.items():
            assert client.get(place).status_code == 405, name

    def test_another_site_cannot_press_it(self, buttons, signed_in):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = signed_in("viewer", "operator", "approver").cookies
        for name, place in buttons.items():
            assert strict.post(place).status_code == 403, name


@pytest.mark.parametrize("name", FORMS)
class TestForms:
    def test_only_its_role_opens_it(self, name, replacement, signed_in, client):
        role, place = FORMS[name][0], address(FORMS[name][1])
        for answer in (client.get(place), client.post(place)):
            assert answer["Location"].startswith("/sign-in/?next=/")
        others = signed_in(*({"viewer", "operator", "approver"} - {role}), name="others")
        assert [others.get(place).status_code, others.post(place).status_code] == [403, 403]
        assert signed_in(role).get(place).status_code == 200

    def test_another_site_cannot_send_it(self, name, replacement, signed_in):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = signed_in("viewer", "operator", "approver").cookies
        assert strict.post(address(FORMS[name][1])).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("name", OPEN)
def test_open_to_all(name, client):
    assert client.get(OPEN[name]).status_code == 200


@pytest.mark.parametrize(
    "name", ["overview", "accounts", "catalogue", "controls", "differences", "findings", "runs"]
)
def test_an_empty_database_says_what_to_do(name, signed_in):
    content = signed_in("viewer").get(PAGES[name].partition("?")[0]).content.decode()
    assert "crossbill demo" in content


def links(answer) -> list[str]:
    """The addresses that a page leads to, on this server."""
    found = re.findall(r'(?:href|src|action)="([^"]+)"', answer.content.decode())
    addresses = (unescape(link).partition("#")[0] for link in found)
    return [address for address in addresses if address]


EACH = 5  # of a kind: of the accounts' pages five show what all have


def kind(link: str) -> str:
    """What tells a page's kind: its address without numbers, and without what it asks for."""
    return re.sub(r"\d+", "#", link.partition("?")[0])


def test_no_link_is_dead(replacement, signed_in):
    client = signed_in("viewer", "operator", "approver")
    waiting, seen, visits = ["/"], {"/"}, Counter()
    for link in waiting:
        visits[kind(link)] += 1
        does = re.search("(sign|resume|publish|again|accept|comment|out)/$|^/change-terms/", link)
        if does or link.startswith("/static/") or visits[kind(link)] > EACH:
            continue
        answer = client.get(link)
        assert answer.status_code == 200, link
        if answer["Content-Type"].startswith("text/html"):
            assert 'style="' not in answer.content.decode()
            base = link.partition("?")[0]
            found = [base + to if to.startswith("?") else to for to in links(answer)]
            waiting += [to for to in dict.fromkeys(found) if to not in seen]
            seen.update(found)
    assert {f"/waves/{wave.id}/" for wave in Wave.objects.all()} <= seen
    assert any("page=2" in link for link in seen)
    assert len(visits) > len(PAGES)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place",
    [
        "/static/console/console.css",
        "/static/console/refresh.js",
        "/static/console/catalogue.css",
        "/static/console/catalogue.js",
    ],
)
def test_static_files_are_there(place, client):
    assert client.get(place).status_code == 200


NOT_THERE = [
    "/nowhere/",
    "/waves/999999/",
    "/catalogue/versions/999999/",
    "/catalogue/?carrier=nobody",
    "/runs/999999/",
    "/findings/999999/",
    "/controls/runs/999999/",
    "/accounts/nobody/C1/",
    f"/accounts/{estate.CARRIER}/C9/",
    "/?carrier=nobody",
    f"/accounts/{estate.CARRIER}/' OR 1=1 --/",
]


def test_what_is_not_there_is_a_page_in_style(replacement, signed_in):
    viewer = signed_in("viewer")
    for place in NOT_THERE:
        answer = viewer.get(place)
        assert answer.status_code == 404, place
        assert b"There is no such page" in answer.content, place


NONSENSE = [
    "page=0", "page=-1", "page=x", "page=99999999999999999999", "wave=x", "wave=1e9",
    "wave=99999999999999999999", "search=%00", "search=%25", "search=' OR 1=1 --",
    "state=nonsense", "search=" + "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("page", ["/accounts/", "/differences/", "/findings/"])
def test_nonsense_in_an_address_is_no_error(page, replacement, signed_in):
    viewer = signed_in("viewer")
    for query in NONSENSE:
        assert viewer.get(f"{page}?{query}").status_code == 200, query


def test_markup_in_data_stays_text(replacement: Replacement, signed_in):
    content = signed_in("viewer").get("/accounts/?search=<script>alert(1)</script>").content
    assert b"<script>alert" not in content


class TestAccount:
    def page(self, signed_in, account_key):
        answer = signed_in("viewer").get(f"/accounts/{estate.CARRIER}/{account_key}/")
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())))

    def test_old_and_new_line_stand_side_by_side_with_the_reason(self, replacement, signed_in):
        text = self.page(signed_in, estate.DIFFERING)
        assert "49.00 USD 4.34 USD 49.90 USD 4.42 USD +0.98 USD" in text
        assert "Other version of the price" in text
        assert "version 2023 of fibre-100 gives the old 49.00" in text
        assert "Total 69.68 USD 70.66 USD +0.98 USD" in text

    def test_equal_bills_are_said_to_be_equal(self, replacement, signed_in):
        text = self.page(signed_in, estate.CLEAN)
        assert text.count("total equal to the cent") == 2
        assert "Accents garbled" in text  # the bill's printed name
        assert "Written differently" in text  # the account's postcode

    def test_suspended_record_shows_its_raw_line(self, replacement, signed_in):
        text = self.page(signed_in, estate.SUSPENDED)
        assert "SVCINV.CSV:17" in text
        assert (
            r"S000000171;C0000000005;ZZ07;1;20190301;99991231;;;;;20190301120000 M\xfcller" in text
        )
        assert text.count("no new bill") == 2

    def test_what_the_account_need_not_pay_stands_with_its_days(self, replacement, signed_in):
        text = self.page(signed_in, estate.CLEAN)
        said = "7.5 % off usage of Television, at most 5.00 USD"
        days = "2024-05-01 to 2024-05-31"
        assert f"1. D-{estate.CLEAN} {said} {days}" in text
        assert f"Exempt from tax sales, {days} certificate 7" in text

    def test_open_items_and_postings(self, replacement, signed_in):
        text = self.page(signed_in, estate.CLEAN)
        assert "Invoice R2024050001" in text
        assert "1290 Migration clearing" in text


class TestOverview:
    def test_figures(self, replacement, signed_in):
        text = signed_in("viewer").get("/").content.decode()
        plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(text)))
        assert "Accounts moved 59 24.58 % of 240" in plain
        assert "Bills equal to the cent 98.30 % 348 of 354 compared" in plain
        assert "2 signatures missing" in plain

    def test_over_and_under_are_never_netted(self, replacement, signed_in):
        text = signed_in("viewer").get("/").content.decode()
        plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(text)))
        assert "Other tax rate TAX 1 1 −0.67 USD 0.00 USD" in plain  # noqa: RUF001 - a true minus
        assert "No known reason UNEXPLAINED 1 1 0.00 USD +3.37 USD 1 block" in plain


FOUND = {
    "search=C0000000003": 1,
    "search=müller": 2,
    "state=fallout": 3,
    "state=live": 59,
    "hard=1": 60,
    "state=fallout&class=MAPPING": 1,
    "wave=0": 0,
}


def test_search_finds(replacement, signed_in):
    viewer = signed_in("viewer")
    answers = {query: viewer.get(f"/accounts/?{query}") for query in FOUND}
    found = {query: each.context["found"].paginator.count for query, each in answers.items()}
    assert found == FOUND
    one, two = (answers[query].content.decode() for query in list(FOUND)[:2])
    assert ">1 account<" in one
    assert ">2 accounts<" in two


class TestRunPage:
    def test_control_totals_add_up_on_the_page(self, replacement, signed_in):
        text = signed_in("viewer").get(address(PAGES["run"])).content.decode()
        plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(text)))
        assert "Land the extract 2 of 2 1,000 990 4 6" in plain
        assert "PRODUCT.price_override 149.70 99.80 0.00 49.90" in plain
        assert "Interrupted" in plain
        assert "42 %" in plain

    def test_only_an_operator_sees_the_button(self, replacement, signed_in):
        place = address(PAGES["run"])
        assert b">Resume<" not in signed_in("viewer", name="a").get(place).content
        assert b">Resume<" in signed_in("operator", name="b").get(place).content
