"""The pages of controls: the catalogue with results, and one run with figures and trend."""

import re
from html import unescape

import estate
import pytest
import reconciled_estate
from django.contrib.auth.models import Permission

from crossbill.replacement.reconciliation.control import catalogue
from crossbill.replacement.reconciliation.models import ControlRun

pytestmark = pytest.mark.usefixtures("replacement")


def said(client, place: str) -> str:
    """The page's words."""
    answer = client.get(place)
    assert answer.status_code == 200, place
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def place_of(control: str) -> str:
    """The address of the last run of a control."""
    return f"/controls/runs/{ControlRun.objects.filter(control=control).latest('id').id}/"


class TestCatalogue:
    def test_every_control_stands_with_its_last_result_on_each_wave(self, signed_in):
        text = said(signed_in("viewer"), "/controls/")
        for control in catalogue().values():
            assert control.terms.title in text
        tax, ageing = catalogue()["tax"].terms, catalogue()["ageing"].terms
        start = tax.compares[0].upper() + tax.compares[1:]
        assert f"{start} {tax.owner} 54 differ not run not run not run" in text
        assert f"{ageing.owner} No data There is no old open item not run" in text
        assert "No control was run" not in text

    def test_without_a_run_it_says_how_to_make_one(self, replacement, signed_in):
        reconciled_estate.nothing_yet(replacement, "newcomer")
        text = said(signed_in("viewer"), "/controls/?carrier=newcomer")
        assert "crossbill reconcile run newcomer" in text

    def test_who_may_only_read_findings_is_turned_away(self, signed_in):
        client = signed_in(name="findings only")
        own = Permission.objects.get(codename="view_finding")
        estate.person("findings only").user_permissions.add(own)
        assert client.get("/controls/").status_code == 403
        assert client.get(place_of("tax")).status_code == 403
        assert b"/controls/" not in client.get("/findings/").content


class TestRun:
    def test_less_and_more_stand_apart(self, signed_in):
        text = said(signed_in("viewer"), place_of("tax"))
        assert "USD 100 40 0 1,000.00 USD 1,005.20 USD 0.63 USD 5.83 USD 1 " in text
        under = "NY01|C0000000000 USD 10.63 USD 10.00 USD \u22120.63 USD New side less"
        assert under in text
        assert "NY01|C0000000002 USD 10.00 USD 10.11 USD +0.11 USD New side more" in text
        assert "NY01|C0000000001 USD 12.00 USD – – Old side only" in text  # noqa: RUF001 - the dash for no value

    def test_every_figure_stands_on_one_page_of_the_list(self, signed_in):
        client, place = signed_in("viewer"), place_of("tax")
        pages = [client.get(f"{place}?page={n}").context["rows"].object_list for n in (1, 2)]
        keys = [row.key for page in pages for row in page]
        assert [len(page) for page in pages] == [50, 4]
        assert keys == [figure["key"] for figure in reconciled_estate.OFF[:-1]]

    def test_the_trend_is_drawn_and_written(self, signed_in):
        client = signed_in("viewer")
        content = client.get(place_of("tax")).content.decode()
        assert 'aria-label="Figures that differ, run by run: 55, 54"' in content
        assert 'points="0,0 1000,4"' in content
        before = ControlRun.objects.filter(control="tax").earliest("id")
        assert f'href="/controls/runs/{before.id}/"' in content

    def test_without_data_it_says_why_and_has_not_passed(self, signed_in):
        text = said(signed_in("viewer"), place_of("ageing"))
        assert "There is no old open item: the control has not passed" in text
        assert f"crossbill reconcile run {estate.CARRIER} 1 --control ageing" in text
        assert "Sums" not in text
