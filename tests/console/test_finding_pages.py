"""The pages of findings: why bills differ, told once for all accounts that differ so."""

import re
from html import unescape

import estate
import pytest
import reconciled_estate
from django.contrib.auth.models import Permission
from django.test import Client

from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.replacement.reconciliation.models import Finding

pytestmark = pytest.mark.usefixtures("replacement")


def said(client: Client, place: str) -> str:
    """The page's words."""
    answer = client.get(place)
    assert answer.status_code == 200, place
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def place_of(class_code: str, number: int | None = None) -> str:
    """The address of a finding."""
    found = Finding.objects.filter(class_code=class_code).order_by("number")
    one = found.get(number=number) if number else found[0]
    return f"/findings/{one.id}/"


class TestList:
    def test_tells_accounts_money_owner_fix_and_what_is_left(self, signed_in):
        text = said(signed_in("viewer"), "/findings/")
        row = (
            f"Rounded differently: {reconciled_estate.SHARED} 55 accounts: "
            f"{reconciled_estate.SHARED}; as in C0000000064: 13.37 Wave 2: consumers "
            "55 \u22120.07 USD +0.55 USD Billing : round as the old system does 2"
        )
        assert row in text
        assert "Data : read the file in its character set not tried" in text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", 4),
            ("class=ROUNDING", 2),
            ("owner=data", 1),
            ("wave={first}", 2),
            ("wave={first}&class=ROUNDING", 0),
            ("owner=nobody", 0),
        ],
    )
    def test_filters(self, query, found, replacement, signed_in):
        first = replacement.waves.order_by("position")[0]
        answer = signed_in("viewer").get(f"/findings/?{query.format(first=first.id)}")
        assert answer.context["findings"].paginator.count == found

    def test_most_accounts_come_first_on_the_overview_too(self, signed_in):
        client = signed_in("viewer")
        for place in ("/", "/findings/"):
            assert client.get(place).context["findings"][0].accounts == 55

    def test_a_wave_leads_to_its_own(self, replacement, signed_in):
        client, wave = signed_in("viewer"), replacement.waves.order_by("position")[1]
        content = client.get(f"/waves/{wave.id}/").content.decode()
        link = re.search(r'href="(/findings/[^"]+)"', content)
        found = client.get(unescape(link[1])).context["findings"]
        assert {finding.wave_id for finding in found} == {wave.id}

    def test_nothing_found_yet_is_said(self, replacement, signed_in):
        reconciled_estate.nothing_yet(replacement, "newcomer")
        client = signed_in("viewer")
        assert "no wave has been reconciled yet" in said(client, "/findings/?carrier=newcomer")
        assert "All findings" not in said(client, "/?carrier=newcomer")


class TestOne:
    def test_says_how_sure_it_is_and_what_the_fix_leaves(self, signed_in):
        text = said(signed_in("viewer"), place_of("ROUNDING", 1))
        assert "Of 56 accounts of this wave that differ in this way (rounded differently), " in text
        assert "55 are explained here (98.21 %)" in text
        shared = f"Of 60 accounts that share {reconciled_estate.SHARED}, 55 differ for this cause"
        assert f"{shared} (91.66 %)" in text
        assert "53 accounts agree after it, 2 would differ , with those that only then do" in text

    def test_what_shares_nothing_says_so(self, signed_in):
        text = said(signed_in("viewer"), place_of("PRICE_VERSION"))
        assert "Nothing that is known of the account sets it apart from others" in text
        assert "1 account agrees after it, none would differ ." in text

    def test_a_fix_that_changes_no_charge_was_not_tried(self, signed_in):
        assert "was not tried" in said(signed_in("viewer"), place_of("ENCODING"))

    def test_each_account_has_its_evidence_its_money_and_a_way_to_its_bills(self, signed_in):
        client = signed_in("viewer")
        text = said(client, place_of("PRICE_VERSION"))
        assert "C0000000003 Müller & Söhne 03 version 2023 of fibre-100 gives the old 49.00" in text
        assert "follows from its lines" not in text
        assert "0.00 USD +0.98 USD" in text
        link = f'href="/accounts/{estate.CARRIER}/{estate.DIFFERING}/"'
        assert link in client.get(place_of("PRICE_VERSION")).content.decode()

    def test_every_account_stands_on_one_page_of_the_list(self, signed_in):
        client, place = signed_in("viewer"), place_of("ROUNDING", 1)
        pages = [client.get(f"{place}?page={n}").context["accounts"] for n in (1, 2)]
        assert [len(page) for page in pages] == [50, 5]
        assert [each.account_key for page in pages for each in page] == reconciled_estate.ROUNDED

    def test_without_its_list_it_says_so(self, signed_in):
        store = Store(read_environment().store_url)
        store.filesystem.rm(store.path(estate.CARRIER, "wave-1", "finding_member.parquet"))
        text = said(signed_in("viewer"), place_of("PRICE_VERSION"))
        assert "not in the store any more" in text


class TestAccount:
    def links(self, client, account_key):
        content = client.get(f"/accounts/{estate.CARRIER}/{account_key}/").content.decode()
        return set(re.findall(r"/findings/\d+/", content))

    def test_a_reason_names_its_finding(self, signed_in):
        client = signed_in("viewer")
        assert self.links(client, estate.DIFFERING) == {place_of("PRICE_VERSION")}

    def test_only_a_finding_about_the_same_value_is_named(self, signed_in):
        """The account differs in its postcode, too, of which there is no finding."""
        assert self.links(signed_in("viewer"), estate.CLEAN) == {place_of("ENCODING")}

    def test_who_may_not_read_findings_gets_no_link(self, signed_in):
        client = signed_in(name="moves only")
        moves = Permission.objects.get(codename="view_accountmove")
        estate.person("moves only").user_permissions.add(moves)
        assert self.links(client, estate.DIFFERING) == set()
        assert client.get(place_of("PRICE_VERSION")).status_code == 403
