"""The catalogue's pages: what they show, who may publish, and how a text is edited."""

import re
from html import unescape

import catalogue_estate
import estate
import pytest

from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.catalogue_operations import load_draft, take_over
from crossbill.platform.product.models import CatalogueVersion


def version(number: int) -> CatalogueVersion:
    return CatalogueVersion.objects.get(number=number)


def words(answer) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def place(number: int, action: str = "") -> str:
    return f"/catalogue/versions/{version(number).id}/{action}"


class TestList:
    def test_versions_stand_newest_first(self, replacement, signed_in):
        text = words(signed_in("viewer").get("/catalogue/"))
        assert re.search(r"residential 2 Draft 2099-01-01 product.manager", text)
        assert re.search(r"residential 1 Published billed by today 2024-05-01", text)
        assert text.index("residential 2") < text.index("residential 1")

    def test_carrier_without_a_version_says_what_to_do(self, replacement, signed_in):
        Carrier.objects.create(code="new", name="New Carrier")
        text = words(signed_in("viewer").get("/catalogue/?carrier=new"))
        assert "crossbill catalogue load FILE --carrier new" in text

    def test_version_that_was_taken_over_names_nobody(self, replacement, signed_in):
        moved = Carrier.objects.create(code="moved", name="Moved")
        said = catalogue_estate.TEXT.replace("taxes:", "tax_providers: {NY01: table}\ntaxes:", 1)
        made = take_over(carrier_id=moved.id, text=said, file="catalogue.yaml")
        client = signed_in("viewer")
        text = words(client.get("/catalogue/?carrier=moved"))
        assert re.search("billed by today 2020-01-01 taken over .* with the accounts", text)
        text = words(client.get(f"/catalogue/versions/{made.id}/"))
        assert "Taken over with the accounts of the old system" in text
        assert "The taxes of NY01, and of what lies in it, are as the provider table says" in text


class TestVersion:
    def test_prices_stand_with_their_days(self, replacement, signed_in):
        text = words(signed_in("viewer").get(place(2)))
        assert "49.00 USD from 2023-01-01 to 2024-04-30" in text
        assert "52.90 USD from 2099-01-01" in text
        assert "monthly recurring, every month, in arrears; always whole, never a share" in text
        bundle = "bundle; contains fibre-100, tv; its contract goes to fibre-100"
        assert f"{bundle}; usage taxed as standard, on top No price" in text
        assert "NY01 sales tax standard 2020-01-01 8.875 %" in text

    def test_changes_since_the_published_version(self, replacement, signed_in):
        text = words(signed_in("viewer").get(place(2)))
        assert "Changes since residential 1" in text
        assert "Added Version fibre-100/monthly 2099 – 52.90 USD, from 2099-01-01" in text  # noqa: RUF001 - the dash of no value
        assert "3 changes" in text

    def test_first_version_has_nothing_before_it(self, replacement, signed_in):
        text = words(signed_in("viewer").get(place(1)))
        assert "This is the first version of the catalogue" in text
        assert "Effect on the bills Not computed" in text

    def test_effect_with_its_largest_changes(self, replacement, signed_in):
        text = words(signed_in("viewer").get(place(2)))
        assert "All bills of 2099-01 by policy old-2024 , compared with published version 1" in text
        assert "Dearer 2 100.00 %" in text
        assert "+6.00 USD 14,132.00 USD before, 14,138.00 USD after" in text
        assert f"{estate.DIFFERING} 2099-01-01 70.66 USD 73.66 USD +3.00 USD" in text
        assert "1 product cannot be charged by this version (before: 0)" in text

    def test_text_that_is_no_longer_read_is_no_error(self, replacement, signed_in, monkeypatch):
        monkeypatch.setattr(
            "crossbill.platform.product.catalogue_queries.parse_product_catalogue",
            lambda text, name: catalogue_estate.refused(name),
        )
        answer = signed_in("viewer").get(place(2))
        assert answer.status_code == 200
        assert "This release no longer reads this version" in words(answer)


class TestPublishing:
    def publish(self, client, number=2):
        answer = client.post(place(number, "publish/"), follow=True)
        return " ".join(str(message) for message in answer.context["messages"])

    @pytest.mark.parametrize(
        ("roles", "name", "sees"),
        [
            (("viewer",), "someone", False),
            (("operator",), "someone", False),
            (("approver",), "someone", True),
            (("operator", "approver"), catalogue_estate.AUTHOR, False),
        ],
        ids=["viewer", "operator", "approver", "who loaded it"],
    )
    def test_who_sees_the_button(self, roles, name, sees, replacement, signed_in):
        text = words(signed_in(*roles, name=name).get(place(2)))
        assert ("Publish residential 2" in text) is sees
        assert ("A second person has to publish it" in text) is (name == catalogue_estate.AUTHOR)

    def test_second_person_publishes(self, replacement, signed_in):
        said = self.publish(signed_in("approver", name="eve"))
        assert "You published residential 2. It is billed by from 2099-01-01." in said
        assert (version(2).status, version(2).published_by.username) == ("published", "eve")

    def test_author_is_refused(self, replacement, signed_in):
        client = signed_in("approver", name=catalogue_estate.AUTHOR)
        assert "a second person has to publish it" in self.publish(client)
        assert version(2).status == "draft"

    def test_published_version_is_not_published_again(self, replacement, signed_in):
        assert "is published already" in self.publish(signed_in("approver"), number=1)
        assert "Publish residential 1" not in words(signed_in("approver").get(place(1)))


class TestEditing:
    def send(self, client, text, day="2099-02-01", **more):
        given = {"text": text.replace("\n", "\r\n"), "valid_from": day} | more
        return client.post(place(2, "edit/"), given, follow=True)

    def test_form_begins_with_the_text_and_the_day(self, replacement, signed_in):
        answer = signed_in("operator").get(place(2, "edit/"))
        assert catalogue_estate.DEARER in unescape(answer.content.decode())
        assert b'value="2099-01-01"' in answer.content

    def test_what_is_written_becomes_a_new_draft(self, replacement, signed_in):
        text = catalogue_estate.DEARER.replace("17.20", "18.20")
        answer = self.send(signed_in("operator", name="eve"), text)
        assert "Saved as residential 3, a draft" in words(answer)
        made = version(3)
        assert (made.status, made.content, made.drafted_by.username) == ("draft", text, "eve")
        assert str(made.valid_from) == "2099-02-01"
        assert version(2).content == catalogue_estate.DEARER

    def test_refusal_stands_beside_the_text_with_line_and_field(self, replacement, signed_in):
        wrong = catalogue_estate.DEARER.replace("timing: arrears", "timing: <later>")
        answer = self.send(signed_in("operator"), wrong)
        text = words(answer)
        assert "Not saved: The value is not known Line 27 Field offerings.1.prices.0.timing" in text
        assert "Value <later>" in text
        assert b"<later>" not in answer.content
        assert b'data-line="27"' in answer.content
        assert re.search(
            r'class="wrong-line"><span class="line-number">27</span>', str(answer.content)
        )
        assert wrong in unescape(answer.content.decode())
        assert CatalogueVersion.objects.count() == 2

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "Not a mapping of keys to values"),
            ("name: [", "The file is not readable YAML"),
            ("name: \x00", "The file is not readable YAML"),
            (catalogue_estate.DEARER, "Version 2 of residential says the same from the same day"),
        ],
        ids=["nothing", "no YAML", "control signs", "no change"],
    )
    def test_what_is_not_a_new_catalogue_is_refused(self, text, says, replacement, signed_in):
        answer = self.send(signed_in("operator"), text, day="2099-01-01")
        assert answer.status_code == 200
        assert says in words(answer)
        assert CatalogueVersion.objects.count() == 2

    @pytest.mark.parametrize("day", ["", "tomorrow", "2099-13-01", "01.01.2099"])
    def test_day_that_is_none_is_refused(self, day, replacement, signed_in):
        answer = self.send(signed_in("operator"), catalogue_estate.DEARER + "# x\n", day)
        assert "Not a date. Write it as 2026-03-31." in words(answer)
        assert CatalogueVersion.objects.count() == 2

    def test_check_saves_nothing(self, replacement, signed_in):
        text = catalogue_estate.DEARER.replace("17.20", "18.20")
        said = words(self.send(signed_in("operator"), text, check="1"))
        assert "The text is sound. Nothing was saved. 1 change from residential 2:" in said
        assert "Version tv/monthly 2023 amount 17.20 USD 18.20 USD" in said
        assert CatalogueVersion.objects.count() == 2

    def test_large_text_is_edited_elsewhere(self, replacement, signed_in):
        text = catalogue_estate.DEARER + "# " + "x" * 1_000_000 + "\n"
        carrier = Carrier.objects.get(code=estate.CARRIER)
        author = estate.person(catalogue_estate.AUTHOR)
        load_draft(
            carrier_id=carrier.id, text=text, user=author, valid_from=catalogue_estate.NEXT_DAY
        )
        answer = signed_in("operator").get(place(3, "edit/"))
        assert "Too large to edit here" in words(answer)
        assert b"<textarea" not in answer.content
