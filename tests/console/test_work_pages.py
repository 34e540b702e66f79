"""The pages on which people work findings: list, bulk, one finding, files, the way to the gate."""

import hashlib
import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import estate
import pyarrow as pa
import pytest
import reconciled_estate
import worked_estate
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import localdate
from procrastinate.contrib.django.models import ProcrastinateJob

from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation import gate_decision
from crossbill.replacement.reconciliation.models import (
    Acceptance,
    Attachment,
    Comment,
    Finding,
    Gate,
    Revocation,
    Submission,
)
from crossbill.runs.models import Stage

SOON = (localdate() + timedelta(days=9)).isoformat()
TERMS = {"reason": "agreed", "limit": "5.00 USD", "account_limit": "2.00 USD", "until": SOON}


@pytest.fixture(autouse=True)
def wave(replacement) -> Wave:
    return worked_estate.add(Store(read_environment().store_url), replacement)


def number(n: int) -> Finding:
    return Finding.objects.get(wave__position=worked_estate.POSITION, number=n)


def words(answer) -> str:
    """The page's words."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def said(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


class TestList:
    def test_what_is_open_comes_first_with_whose_it_is_and_where_it_is_mended(self, signed_in):
        text = words(signed_in("viewer").get("/worklist/"))
        row = "No known reason 1 account that nothing sets apart Wave 4: the hard ones 1 9.00 USD "
        assert f"{row}Billing 3 Open By hand" in text
        assert "2 2.00 USD Tax 3 Open Mend it in the catalogue" in text
        assert text.index("No known reason") < text.index("Other tax rate: tax code NY01")

    @pytest.mark.parametrize(
        ("query", "found"),
        [("", 7), ("status=by+terms", 1), ("owner=tax", 1), ("class=TAX&status=accepted", 0)],
    )
    def test_filters(self, query, found, signed_in):
        assert (
            signed_in("viewer").get(f"/worklist/?{query}").context["work"].paginator.count == found
        )

    def test_what_is_chosen_is_accepted_within_the_limits(self, signed_in):
        chosen = {"finding": [number(n).id for n in (1, 2, 3)]}
        answer = signed_in("operator").post(
            "/worklist/accept/?owner=tax", TERMS | chosen, follow=True
        )
        assert "1 finding accepted." in said(answer)
        assert "Finding 2 of Wave 4: the hard ones was left out: it is worth 9.00" in said(answer)
        assert "Finding 3 of Wave 4: the hard ones was left out: the gate's terms" in said(answer)
        assert answer.request["QUERY_STRING"] == "owner=tax"
        made = Acceptance.objects.get()
        assert (made.finding, made.limit_minor, made.account_limit_minor) == (number(1), 500, 200)
        assert f"Accepted until {SOON}" in words(answer)

    def test_all_of_the_list_as_it_is_filtered_may_be_meant(self, signed_in):
        place = f"/worklist/accept/?status=open&wave={number(1).wave_id}"
        sent = TERMS | {"all": "yes", "limit": "9 USD", "account_limit": ""}
        answer = signed_in("operator").post(place, sent, follow=True)
        assert "2 findings accepted." in said(answer)

    @pytest.mark.parametrize(
        ("sent", "mistake"),
        [
            ({"reason": ""}, "This has to be said."),
            ({"limit": "5"}, "This is no limit"),
            ({"limit": "5 XXQ"}, "This is no limit: not an active ISO 4217 currency"),
            ({"until": "2020-01-01"}, "the day has passed"),
            ({"finding": ["x", ""]}, "no finding fits"),
        ],
    )
    def test_a_mistake_stands_beside_its_field_and_what_was_ticked_stays(
        self, signed_in, sent, mistake
    ):
        chosen = {"finding": [str(number(1).id)]}
        answer = signed_in("operator").post("/worklist/accept/", TERMS | chosen | sent)
        assert mistake in words(answer)
        if "finding" not in sent:
            assert f'value="{number(1).id}"' in answer.content.decode()
            assert answer.context["ticked"] == [number(1).id]
        assert not Acceptance.objects.exists()

    def test_what_is_chosen_is_given_to_somebody(self, signed_in):
        sent = {"owner": "ann", "finding": [number(1).id]}
        answer = signed_in("approver").post("/worklist/assign/", sent, follow=True)
        assert "1 finding given to ann." in said(answer)
        assert "Ann 3 Open" in words(answer)

    @pytest.mark.parametrize(
        "place",
        [
            "/worklist/accept/",
            "/worklist/assign/",
            "/waves/{wave}/submit/",
            "/waves/{wave}/preview/",
        ],
    )
    def test_who_may_only_read_changes_nothing(self, signed_in, wave, place):
        client = signed_in("viewer")
        assert client.post(place.format(wave=wave.id), TERMS).status_code == 403
        page = client.get("/worklist/").content.decode()
        assert "Accept what is chosen" not in page
        assert 'type="checkbox"' not in page


class TestOne:
    def test_is_accepted_and_taken_back(self, signed_in):
        client, place = signed_in("operator", name="ann"), f"/findings/{number(1).id}/"
        page = words(client.get(place))
        assert "It is worth 2.00 USD in all, and 1.50 USD for the account that differs" in page
        answer = client.post(f"{place}accept/", TERMS | {"do": "accept"}, follow=True)
        assert f"Accepted by ann until {SOON}, up to 5.00 USD in all" in words(answer)
        answer = client.post(f"{place}accept/", {"do": "revoke", "reason": "mistaken"}, follow=True)
        assert "It does not count: ann revoked it." in words(answer)
        assert Revocation.objects.get().reason == "mistaken"

    def test_over_its_limits_it_is_not_accepted_and_the_form_says_so(self, signed_in):
        sent = TERMS | {"do": "accept", "limit": "1.99 USD", "account_limit": ""}
        answer = signed_in("operator").post(f"/findings/{number(1).id}/accept/", sent)
        assert "it is worth 2.00 USD, the limit is 1.99 USD" in words(answer)
        assert 'value="1.99 USD"' in answer.content.decode()

    def test_a_comment_brings_a_file_that_is_saved_and_not_shown(self, signed_in):
        client, place = signed_in("approver", name="bob"), f"/findings/{number(1).id}/"
        file = SimpleUploadedFile("../../wires <b>.txt", "Müller".encode())
        sent = {"do": "comment", "text": "see <b>there</b>", "file": file}
        answer = client.post(f"{place}comment/", sent, follow=True)
        assert "bob said: see <b>there</b> wires <b>.txt 7" in words(answer)
        assert "<b>there" not in answer.content.decode()
        got = client.get(f"/attachments/{Attachment.objects.last().id}/")
        assert got.content == "Müller".encode()
        assert got["Content-Disposition"].startswith("attachment;")
        assert got["X-Content-Type-Options"] == "nosniff"
        assert got["Content-Type"] == "text/plain; charset=utf-8"

    @pytest.mark.parametrize("name", ["page.html", "picture.svg", "program.exe"])
    def test_a_file_that_a_browser_could_run_is_not_taken(self, signed_in, name):
        sent = {"do": "comment", "text": "see there", "file": SimpleUploadedFile(name, b"<svg>")}
        answer = signed_in("operator").post(f"/findings/{number(1).id}/comment/", sent)
        assert "Files of this kind are not attached" in words(answer)
        assert "see there" in words(answer)
        assert Comment.objects.count() == 1  # that of the small change-over

    def test_a_file_that_was_changed_in_the_store_is_not_handed_out(self, signed_in):
        client = signed_in("operator")
        sent = {"do": "comment", "text": "a", "file": SimpleUploadedFile("a.txt", b"old")}
        client.post(f"/findings/{number(1).id}/comment/", sent)
        (path,) = Path(read_environment().store_url.removeprefix("file://")).rglob(
            "attachments/" + hashlib.sha256(b"old").hexdigest()
        )
        path.write_bytes(b"new")
        answer = client.get(f"/attachments/{Attachment.objects.last().id}/", follow=True)
        assert "was changed in the store" in said(answer)

    def test_who_may_only_read_sees_no_form(self, signed_in):
        client, place = signed_in("viewer"), f"/findings/{number(1).id}/"
        assert 'name="do"' not in client.get(place).content.decode()
        for deed in ("accept", "comment"):
            assert client.post(f"{place}{deed}/", {"do": deed}).status_code == 403

    def test_an_unknown_deed_does_nothing(self, signed_in):
        place = f"/findings/{number(1).id}/"
        answer = signed_in("operator").post(f"{place}accept/", {"do": "comment", "text": "a"})
        assert (answer.status_code, answer["Location"]) == (302, place)
        assert Comment.objects.count() == 1  # that of the small change-over


class TestGate:
    def test_the_wave_is_taken_to_its_gate_and_a_worker_goes_on(self, signed_in, wave):
        client = signed_in("operator", name="ann")
        text = words(client.get(f"/waves/{wave.id}/"))
        assert "2 findings are open: their accounts stay on the old system" in text
        answer = client.post(f"/waves/{wave.id}/submit/", follow=True)
        assert "as soon as a worker is free" in said(answer)
        assert "ann took the wave to its gate" in words(answer)
        assert (Submission.objects.count(), ProcrastinateJob.objects.count()) == (1, 1)
        again = client.post(f"/waves/{wave.id}/submit/", follow=True)
        assert "was taken to its gate" in said(again)
        assert ProcrastinateJob.objects.count() == 1
        late = client.post(f"/findings/{number(1).id}/accept/", TERMS | {"do": "accept"})
        assert "was taken to its gate" in words(late)

    def test_what_would_hold_it_is_shown_before_it_is_taken_there(
        self, signed_in, wave, monkeypatch
    ):
        rules = [{"rule": "Accounts that fall out", "found": 3, "limit": 2, "holds": False}]
        staying = pa.table({"class_code": ["TAX", "TAX", ""]})
        found = gate_decision.Decision(staying, {}, rules)
        monkeypatch.setattr(gate_decision, "preview", lambda **_: found)
        client = signed_in("operator", name="ann")
        assert "Show what would hold it" in words(client.get(f"/waves/{wave.id}/"))
        text = words(client.post(f"/waves/{wave.id}/preview/"))
        assert "It would refuse the wave. Nothing was decided, and nothing was changed." in text
        assert "Accounts that fall out 3 2 Broken" in text
        assert "Other tax rate 2" in text

    def test_a_gate_that_is_decided_has_no_preview(self, signed_in):
        decided = Wave.objects.get(position=2)
        answer = signed_in("operator").post(f"/waves/{decided.id}/preview/", follow=True)
        assert "Old and new are not there yet" in said(answer)

    def test_what_a_mock_before_accepted_is_accepted_again(self, signed_in, replacement, wave):
        client = signed_in("operator", name="ann")
        place = f"/waves/{wave.id}/"
        assert "Accept again" not in words(client.get(place))
        mock = reconciled_estate.nothing_yet(replacement, "mock-1")
        Replacement.objects.filter(id=mock.id).update(
            name=replacement.name, created_at=replacement.created_at - timedelta(days=1)
        )
        cause = {name: getattr(number(1), name) for name in ("class_code", "shared", "currency")}
        found = Finding.objects.create(
            replacement=mock, wave=mock.waves.get(), number=1, accounts=1, differences=1,
            over_minor=1, under_minor=0, owner="tax", fix="mend it", description="1", **cause,
        )  # fmt: skip
        Acceptance.objects.create(
            finding=found, reason="agreed then", limit_minor=500, account_limit_minor=500,
            value_minor=1, account_value_minor=1, valid_until_date=SOON,
            made_by=estate.person("bo"),
        )  # fmt: skip
        assert "Accept again" in words(client.get(place))
        answer = client.post(f"{place}accept-again/", follow=True)
        assert "1 finding accepted." in said(answer)
        assert number(1).acceptances.get().reason == "agreed then"

    def test_who_accepted_gets_no_button_to_sign_and_others_do(self, signed_in, wave):
        accepter, other = (signed_in("operator", "approver", name=n) for n in ("ann", "bob"))
        accepter.post(f"/findings/{number(1).id}/accept/", TERMS | {"do": "accept"})
        accepter.post(f"/waves/{wave.id}/submit/")
        facts = Gate.objects.get(wave__position=2).facts
        gate = Gate.objects.create(
            wave=wave, facts=facts, rules=[], result="passed", evidence_sha256=estate.EVIDENCE
        )
        place = f"/waves/{wave.id}/"
        assert "Sign the gate" not in words(accepter.get(place))
        assert "Sign the gate" in words(other.get(place))
        assert "1: Other tax rate 2 accounts agreed ann 2.00 USD 5.00 USD" in words(
            other.get(place)
        )
        answer = accepter.post(f"/gates/{gate.id}/sign/", follow=True)
        assert "ann has accepted differences of this wave" in said(answer)


def test_the_specification_shows_mapping_and_rules_or_why_not(signed_in, replacement):
    client, place = signed_in("viewer"), f"/specification/{estate.CARRIER}/"
    assert "Rules of the bills" in words(client.get(place))
    replacement.spec["spec_path"] = "/nowhere/replacement.yaml"
    replacement.spec["replacement"]["mapping"] = "mapping.yaml"
    replacement.save()
    assert "The file does not exist" in words(client.get(place))
    assert client.get("/specification/nobody/").status_code == 404


def test_the_specification_says_the_rules_in_words(signed_in, replacement):
    terms = replacement.spec["replacement"]
    terms["old_policy"] = {
        "policy_code": "old-1",
        "end_day_counts": True,
        "day_count": "thirty_360",
    }
    terms["new_policy"] = {"policy_code": "new-1", "day_count": "actual_actual"}
    replacement.save()
    text = words(signed_in("viewer").get(f"/specification/{estate.CARRIER}/"))
    assert "Rule Old system old-1 New system new-1" in text
    both = "months of thirty days the days of the calendar"
    assert f"Parts of a month are charged by {both}" in text
    assert "The last day of a part of a month is charged" in text


class TestTrend:
    def test_shows_what_is_left_and_how_the_mocks_went(self, signed_in, replacement):
        Stage.objects.filter(name="reconcile-4").update(
            notes={"bills equal": 90, "bills explained": 8, "bills unexplained": 2}
        )
        other = reconciled_estate.nothing_yet(replacement, "newest")
        other.name = replacement.name
        other.save()
        text = words(signed_in("viewer").get(f"/trend/?carrier={estate.CARRIER}"))
        assert "today: 2 cutover 2024-07-01" in text
        assert "opticom (this one)" in text
        assert "100 90.00 % 8 2 9.00 USD" in text
        assert "No known reason 1" in text
        later = words(signed_in("viewer").get("/trend/?carrier=newest"))
        assert "No wave has been compared yet" in later
        assert "100 90.00 % 8 2 9.00 USD" in later  # beside that of the mock before


class TestControl:
    """What a control found is accepted on the page of its run."""

    TERMS = {"do": "accept", "reason": "paid by hand", "figures": "1", "until": SOON}

    @pytest.fixture
    def run(self, wave):
        run = reconciled_estate.add_run(wave, "mandates", "mandates", ("C1|debit", 1, 0))
        return f"/controls/runs/{run.id}/", run

    def test_is_accepted_and_revoked_by_who_may(self, run, wave, signed_in):
        page, _ = run
        operator = signed_in("operator")
        assert "Nobody has accepted what it found" in words(operator.get(page))
        over = operator.post(f"{page}accept/", self.TERMS | {"figures": "0"})
        assert "1 figure differs in mandates, the limit is 0" in words(over)
        text = words(operator.post(f"{page}accept/", self.TERMS, follow=True))
        assert "paid by hand" in text
        assert "accepted 1 figure in mandates (1 in all)" in text
        assert "mandates , mandates paid by hand" in words(operator.get(f"/waves/{wave.id}/"))
        sent = {"do": "revoke", "reason": "not agreed"}
        text = words(operator.post(f"{page}accept/", sent, follow=True))
        assert re.search("It does not count: .* revoked it", text)

    def test_only_its_last_run(self, run, wave, signed_in):
        reconciled_estate.add_run(wave, "mandates", "mandates", ("C2|debit", 1, 0))
        assert not signed_in("operator").get(run[0]).context["can_accept"]
