"""The pages of rating: decks, what would it cost, price models, an account's usage."""

import re
from html import unescape
from types import ModuleType
from typing import Literal
from urllib.parse import urlencode

import estate
import pyarrow.compute as pc
import pytest
import rated_estate
from pydantic import Field

from crossbill.config.environment import read_environment
from crossbill.console import charts
from crossbill.console.templatetags.crossbill_rating import in_units, measured
from crossbill.console.terms_form import TermsForm
from crossbill.core import plugins
from crossbill.engine.rating_datasets import RATED_USAGE
from crossbill.engine.store import Store
from crossbill.platform.rating.price_models import form, price_models
from crossbill.platform.rating.prices import per_unit
from crossbill.platform.rating.terms import Money, Percent, PriceTerms
from crossbill.replacement.migration.models import Replacement

ACCOUNT = f"{estate.CARRIER}/{estate.DIFFERING}"
QUESTION = {
    "plan": "mobile-m", "service": "", "usage_type": "voice", "destination": "+1 212 555 0199",
    "network": "", "started_at": "2024-05-25T19:59", "time_zone": "America/New_York",
    "quantity": "180", "policy": "cents-1", "allowances": "used up", "carried": "",
}  # fmt: skip


def plain(answer) -> str:
    """What a page says, without its markup."""
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", unescape(text)).replace(" , ", ", ")


class HappyTerms(PriceTerms):
    """One of each kind of value."""

    price: Money = Field(description="for each unit")
    rounds: Literal["one", "two"] = "one"
    happy: bool = False
    share: Percent = Field(0, description="of it")


def happy_hour() -> ModuleType:
    """A price model as another distribution would bring it."""
    model = ModuleType("happy_hour", "A unit costs less in a happy hour.")
    model.Terms, model.amounts = HappyTerms, per_unit.amounts
    model.tiers = lambda terms: [{"price_nanos": terms.price // (2 if terms.happy else 1)}]
    return model


@pytest.fixture
def viewer(replacement, signed_in):
    return signed_in("viewer")


class TestDecks:
    def page(self, viewer, **query) -> str:
        answer = viewer.get("/rating/decks/?" + urlencode({"on": "2024-05-20"} | query))
        assert answer.status_code == 200
        return plain(answer)

    def test_each_deck_says_how_much_is_in_it(self, viewer):
        text = self.page(viewer)
        assert "dialled 78 7 2 number called calls" in text
        assert "networks 2 2 1 network visited roaming" in text
        assert "1 to 50 of 78 prefixes" in text

    def test_another_day_shows_another_version(self, viewer):
        assert "dialled 77 7 2" in self.page(viewer, on="2024-04-30")

    def test_number_shows_all_that_fits_and_which_decides(self, viewer):
        text = self.page(viewer, search="+1 (250) 555-1234")
        fitting = text.index("12505551234 in this deck")
        national, canada, mobile = (
            text.index(z, fitting) for z in ("national", "canada", "mobile")
        )
        assert national < canada < mobile
        assert "fits with 1 digit only" in text
        assert "decides 5 digits fit: the longest prefix wins" in text
        assert "0.50 / min at most 5.00" in text
        assert "day 0.12 / min at least 1 min, in steps of 1 min night 0.06 / min" in text

    def test_number_that_nothing_fits_is_said_to_be_suspended(self, viewer):
        assert "such usage would be suspended" in self.page(viewer, search="8881234")

    def test_first_digits_show_what_begins_with_them(self, viewer):
        text = self.page(viewer, search="125")
        assert "Prefixes that begin with 125" in text
        assert "2 prefixes" in text

    def test_zone_is_found_by_a_part_of_its_name(self, viewer):
        assert "3 prefixes" in self.page(viewer, search="MOBI")
        assert "No zone's name holds these words" in self.page(viewer, search="atlantis")

    def test_prefix_with_its_own_price(self, viewer):
        text = self.page(viewer, deck="partner")
        assert (
            "44 United Kingdom 0.015 / min in steps of 6 s, first 5 s free, connect fee 0.01"
            in text
        )

    def test_steps_of_a_price(self, viewer):
        text = self.page(viewer, deck="networks")
        assert "from 0: 0.35 / min; from 10 min: 0.25 / min" in text

    def test_price_that_the_event_carries(self, viewer):
        assert "the event's own price x 1.1" in self.page(viewer, search="premium")

    @pytest.mark.parametrize(
        "query",
        [{"on": "31.5.2024"}, {"on": "2024-13-01"}, {"on": "0001-01-01"}, {"deck": "none"},
         {"tariff": "none"}, {"page": "x"}, {"search": "٣٤"}, {"search": "1" * 99},
         {"search": "' OR 1=1 --"}, {"search": "<script>"}],
    )  # fmt: skip
    def test_nonsense_is_no_error(self, viewer, query):
        assert "Prefixes of dialled" in self.page(viewer, **query)

    def test_day_that_is_none_is_answered(self, viewer):
        assert "Not a date" in self.page(viewer, on="31.5.2024")


class TestTry:
    def ask(self, viewer, **changes):
        answer = viewer.get("/rating/try/?" + urlencode(QUESTION | changes))
        assert answer.status_code == 200
        return answer

    def test_call_is_split_at_the_edge_of_a_band(self, viewer):
        text = plain(self.ask(viewer))
        assert "0.24 USD ✓ worked out a second time from the steps: the same" in text
        assert "begins with 1, the longest prefix of deck dialled that fits: zone national" in text
        assert "from 0 to 60 in band day" in text
        assert "from 60 to 180 in band night" in text

    @pytest.mark.parametrize(
        ("changes", "amount"),
        [
            ({"allowances": "untouched"}, "0.00 USD"),
            ({"allowances": "untouched", "quantity": "1260"}, "0.06 USD"),
            ({"policy": "exact-1"}, "0.36 USD"),  # the band of the start, for all of it
            ({"destination": "12505551234", "quantity": "601"}, "5.00 USD"),  # the most it costs
            ({"destination": "1900", "carried": "2.50"}, "2.75 USD"),
            ({"plan": "", "service": "12125550100"}, "0.24 USD"),
            ({"plan": "transit", "service": "12125550100"}, "0.24 USD"),
            ({"usage_type": "roaming", "network": "33420", "quantity": "660"}, "3.75 USD"),
            ({"usage_type": "data", "destination": "", "quantity": "1"}, "0.02 USD"),
            ({"quantity": "0"}, "0.00 USD"),
        ],
    )
    def test_amount(self, viewer, changes, amount):
        assert f"The answer {amount} " in plain(self.ask(viewer, **changes))

    def test_the_catalogue_of_the_day_counts(self, viewer):
        call = {"destination": "447123456", "quantity": "60"}
        assert "0.35 USD" in plain(self.ask(viewer, started_at="2024-04-30T12:00", **call))
        assert "0.50 USD" in plain(self.ask(viewer, started_at="2024-05-01T12:00", **call))

    def test_what_cannot_be_rated_says_why_and_what_to_do(self, viewer):
        text = plain(self.ask(viewer, destination="8881234"))
        assert "It cannot be rated" in text
        assert "no prefix of the deck fits (destination '8881234') [DESTINATION_UNKNOWN]" in text

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("plan", "", "Choose a plan, or write a service number."),
            ("plan", "gold", "Choose one of the list."),
            ("service", "nobody", "Nobody holds this service."),
            ("usage_type", "fax", "Choose one of the list."),
            ("usage_type", "transit", "The plan mobile-m charges voice, roaming, data only."),
            ("destination", "", "Which number? The price depends on it."),
            ("destination", "abc", "Write 1 to 15 digits"),
            ("destination", "1" * 16, "Write 1 to 15 digits"),
            ("started_at", "tomorrow", "Not a date and time."),
            ("started_at", "2024-05-25T19:59+02:00", "Not a date and time."),
            ("started_at", "1999-01-01T00:00", "Choose a year from 2000 to 2060."),
            ("started_at", "9999-12-31T23:59", "Choose a year from 2000 to 2060."),
            ("started_at", "2024-03-10T02:30", "The clocks skip this time there."),
            ("started_at", "", "This has to be said."),
            ("time_zone", "Mars/Olympus", "No such time zone."),
            ("time_zone", "../../etc/passwd", "No such time zone."),
            ("quantity", "-1", "Write a whole number of base units"),
            ("quantity", "3:05", "Write a whole number of base units"),
            ("quantity", "1" * 5000, "Write a whole number of base units"),
            ("policy", "none", "Choose one of the list."),
            ("carried", "1,5", "Not a decimal amount."),
            ("carried", "-1", "Write an amount from 0 to 1000000."),
        ],
    )  # fmt: skip
    def test_wrong_input_is_answered_beside_the_field(self, viewer, field, value, words):
        answer = self.ask(viewer, **{field: value})
        assert words in unescape(" ".join(answer.context["form"].errors[field]))
        assert f'id="about-{field}"><span class="mistake">' in answer.content.decode()

    def test_a_network_is_asked_for_where_the_price_needs_it(self, viewer):
        text = plain(self.ask(viewer, usage_type="roaming", destination=""))
        assert "Which network?" in text

    def test_page_without_a_question_is_a_form(self, viewer):
        assert "Describe an event" in plain(viewer.get("/rating/try/"))


class TestModels:
    def try_it(self, viewer, **query):
        answer = viewer.get("/rating/models/?" + urlencode(query))
        assert answer.status_code == 200
        return answer

    def test_every_model_is_there_with_what_it_does(self, viewer):
        text = plain(self.try_it(viewer))
        for name, module in price_models().items():
            assert f"{name} {form(module)['about']}" in text

    @pytest.mark.parametrize("name", price_models())
    def test_every_model_has_a_form_of_its_terms(self, viewer, name):
        content = self.try_it(viewer, model=name).content.decode()
        for key in form(price_models()[name])["schema"]["properties"]:
            assert re.search(rf'name="{key}("|\.0\.)', content), key

    def test_quantity_is_priced_by_the_engine(self, viewer):
        answer = self.try_it(
            viewer, model="graduated", rows="3", quantity="250",
            **{"tiers.0.up_to": "100", "tiers.0.price": "0.10", "tiers.1.price": "0.05"},
        )  # fmt: skip
        assert "The result 17.50 for 250 units in 1 event" in plain(answer)
        assert answer.context["trial"].curve[-1] == (500, 30_000_000_000)

    def test_events_have_blanks_between_them(self, viewer):
        answer = self.try_it(
            viewer, model="percentage_per_event", percent="1.5", fixed="0.10", free_events="1",
            quantity="100 200 300",
        )  # fmt: skip
        assert "The result 7.70 for 600 units in 3 events" in plain(answer)

    def test_priced_unit_of_many_base_units(self, viewer):
        answer = self.try_it(viewer, model="per_unit", unit="1000000000", price="2", quantity="2.5")
        assert "The result 5.00 for 2.5 units" in plain(answer)

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ({"price": "x", "quantity": "1"}, "Not an amount"),
            ({"quantity": "1"}, "Field required."),
            ({"price": "1", "quantity": ""}, "Write a quantity"),
            ({"price": "1", "quantity": "many"}, "Write digits"),
            ({"price": "1", "quantity": "-1"}, "write 0 to"),
            ({"price": "1", "quantity": "0.5"}, "no whole number of base units"),
            ({"price": "1", "quantity": "9" * 90}, "Write digits"),
            ({"price": "1", "quantity": "1 " * 51}, "at most 50"),
            ({"price": "1", "unit": "0", "quantity": "1"}, "greater than or equal"),
            ({"price": "1", "unit": "two", "quantity": "1"}, "valid integer"),
            ({"price": "1000000000", "quantity": "9000000000"}, "AMOUNT_OVERFLOW"),
            ({"model": "graduated", "quantity": "1"}, "at least 1 item"),
            ({"model": "graduated", "tiers.0.price": "1", "tiers.2.up_to": "5", "quantity": "1"},
             "Only the last tier has no end"),
            ({"model": "graduated", "tiers.1.up_to": "9", "tiers.2.price": "-", "quantity": "1"},
             "Not an amount"),
        ],
    )  # fmt: skip
    def test_wrong_terms_are_answered_beside_the_field(self, viewer, query, words):
        answer = self.try_it(viewer, **{"model": "per_unit"} | query)
        assert words in plain(answer)
        assert "trial" not in answer.context

    def test_one_more_row(self, viewer):
        answer = self.try_it(viewer, model="graduated", rows="3", more="1", quantity="7")
        assert 'name="tiers.3.price"' in answer.content.decode()
        assert 'value="7"' in answer.content.decode()

    @pytest.mark.parametrize("rows", ["0", "-1", "x", "99999999"])
    def test_nonsense_rows(self, viewer, rows):
        self.try_it(viewer, model="graduated", rows=rows)

    def test_unknown_model_is_not_found(self, viewer):
        assert viewer.get("/rating/models/?model=none").status_code == 404

    def test_a_model_that_is_added_as_one_file_has_its_form(self, viewer, monkeypatch):
        monkeypatch.setattr(plugins, "_registered", lambda group: [("happy_hour", happy_hour())])
        text = plain(self.try_it(viewer, model="happy_hour"))
        assert "happy_hour A unit costs less in a happy hour." in text
        assert "Share, % (optional)" in text
        asked = {"price": "2", "rounds": "one", "happy": "true", "quantity": "3"}
        assert "The result 3.00" in plain(self.try_it(viewer, model="happy_hour", **asked))
        wrong = plain(self.try_it(viewer, model="happy_hour", **asked | {"rounds": "three"}))
        assert "Input should be 'one' or 'two'" in wrong

    def test_faults_find_their_row_past_empty_ones(self):
        schema = form(price_models()["graduated"])["schema"]
        asked = TermsForm(schema, {"tiers.1.up_to": "9", "tiers.2.price": "x"})
        assert asked.written() == {"tiers": [{"up_to": "9"}, {"price": "x"}]}
        assert asked._place(("tiers", 1, "price")) is asked.parts[1].rows[2][1].errors

    def test_defaults_stand_as_people_write_them(self):
        schema = form(price_models()["event_price"])["schema"]
        assert [part.default for part in TermsForm(schema, {}).parts] == ["1000000000", "1"]


class TestUsage:
    def test_sums_and_events_of_an_account(self, viewer):
        text = plain(viewer.get(f"/usage/{ACCOUNT}/"))
        assert "calls 62 1 h 4 min 30 s 20 min 44 min 30 s 4.34 USD" in text
        assert "data 1 1,536 KiB 0 2 MiB 0.04 USD" in text
        assert "2024-05-27 15:00:00 data" in text
        assert "1 to 50 of 63 events" in text

    def test_events_are_paged_and_chosen_by_charge(self, viewer):
        answer = viewer.get(f"/usage/{ACCOUNT}/?page=2")
        assert len(answer.context["rows"]) == 13
        answer = viewer.get(f"/usage/{ACCOUNT}/?charge=data")
        assert [row["usage_key"] for row in answer.context["rows"]] == [rated_estate.DATA]
        assert "No event of this charge" in plain(viewer.get(f"/usage/{ACCOUNT}/?charge=' OR 1=1"))

    def test_suspended_usage_has_its_reason(self, viewer):
        text = plain(viewer.get(f"/usage/{ACCOUNT}/"))
        assert "No prefix of the deck fits: add the prefix to the deck" in text
        assert "Explain X0004" in text

    def test_account_without_rated_usage_says_so(self, viewer):
        text = plain(viewer.get(f"/usage/{estate.CARRIER}/{estate.key(70)}/"))
        assert "is rated when the wave is billed in the shadow" in text

    def test_change_over_without_rating_says_so(self, viewer, replacement: Replacement):
        replacement.spec["replacement"].pop("rating")
        replacement.save()
        place = f"{estate.CARRIER}/{estate.key(70)}"
        assert "names no catalogue of rating" in plain(viewer.get(f"/usage/{place}/"))
        for page in ("decks", "try"):
            assert "No catalogue of rating" in plain(viewer.get(f"/rating/{page}/"))
        assert viewer.get("/rating/models/").status_code == 200

    def test_catalogue_that_is_gone_is_a_refusal_in_words(self, viewer, replacement: Replacement):
        replacement.spec["replacement"]["rating"]["catalogue"] = "gone.yaml"
        replacement.save()
        answer = viewer.get("/rating/decks/")
        assert answer.status_code == 400
        assert "The file does not exist" in plain(answer)


class TestEvent:
    def page(self, viewer, key, **query):
        return viewer.get(f"/events/{ACCOUNT}/?" + urlencode({"key": key} | query))

    def test_explanation_agrees_with_the_stored_amount(self, viewer):
        text = plain(self.page(viewer, rated_estate.CANADA))
        assert "0.50 USD" in text
        assert "Rated again just now: it agrees with the amount that was billed." in text
        assert "Connect fee 0.05" in text

    def test_allowance_is_that_of_all_usage_of_the_month(self, viewer):
        assert "gives 60, which pays for 60" in plain(self.page(viewer, "U0019"))
        assert "Allowance" not in plain(self.page(viewer, "U0020")).partition("Usage voice")[2]

    def test_suspended_event(self, viewer):
        text = plain(self.page(viewer, rated_estate.UNKNOWN))
        assert "cannot be rated" in text
        assert "It is suspended in the store too" in text

    def test_stored_amount_that_differs_is_said(self, viewer):
        store = Store(read_environment().store_url)
        path = store.path(estate.CARRIER, "wave-1", "rated_usage.parquet")
        rows = store.read(path)
        dearer = pc.add(rows["amount_nanos"], 10_000_000)
        changed = rows.set_column(
            rows.schema.get_field_index("amount_nanos"), "amount_nanos", dearer
        )
        store.write_table(path, changed, RATED_USAGE)
        text = plain(self.page(viewer, rated_estate.CANADA))
        assert "Billed at 0.51 USD, rated again at 0.50 USD" in text

    @pytest.mark.parametrize(
        ("key", "query"),
        [("none", {}), ("", {}), ("X0001", {"leg": "wholesale"}), ("X0001", {"leg": "x"}),
         ("' OR 1=1 --", {})],
    )  # fmt: skip
    def test_what_is_not_there_is_not_found(self, viewer, key, query):
        assert self.page(viewer, key, **query).status_code == 404

    def test_an_event_of_another_account_is_not_found(self, viewer):
        place = f"/events/{estate.CARRIER}/{estate.CLEAN}/?key={rated_estate.CANADA}"
        assert viewer.get(place).status_code == 404


class TestAllowances:
    def test_state_by_month(self, viewer):
        text = plain(viewer.get(f"/allowances/{ACCOUNT}/"))
        assert "minutes-20 granted for May 2024 0 left of 20 min" in text
        assert "20 events took from it" in text
        assert "Valid to 2024-05-31 Pays for voice Of the product C0000000003-M1" in text
        assert "minutes-20 granted for April 2024 20 min left of 20 min" in text

    def test_account_without_any(self, viewer):
        text = plain(viewer.get(f"/allowances/{estate.CARRIER}/{estate.CLEAN}/"))
        assert "No plan of this account grants one" in text


@pytest.mark.parametrize("page", ["usage", "events", "allowances"])
@pytest.mark.parametrize("place", [f"{estate.CARRIER}/C9", "nobody/C1"])
def test_unknown_account_is_not_found(page, place, viewer):
    assert viewer.get(f"/{page}/{place}/?key=U0001").status_code == 404


class TestWords:
    @pytest.mark.parametrize(
        ("quantity", "unit", "words"),
        [
            (0, "seconds", "0"), (1, "seconds", "1 s"), (185, "seconds", "3 min 5 s"),
            (3600, "seconds", "1 h"), (90061, "seconds", "25 h 1 min 1 s"),
            (1 << 30, "bytes", "1 GiB"), (1025, "bytes", "1,025 bytes"),
            (1, "messages", "1 message"),
            (-5, "seconds", "-5 s"),
        ],
    )  # fmt: skip
    def test_quantity(self, quantity, unit, words):
        assert measured(quantity, unit) == words

    @pytest.mark.parametrize(
        ("quantity", "unit", "words"),
        [(250, 1, "250"), (2_500_000_000, 10**9, "2.5"), (5_000_000, 10**9, "0.005"),
         (1537, 1024, "1,537")],
    )  # fmt: skip
    def test_units_are_exact(self, quantity, unit, words):
        assert in_units(quantity, unit) == words


class TestBurnDown:
    def test_steps_down_at_each_take(self):
        line = charts.burn_down(100, [(10, 25), (60, 75)], 10, 110)
        assert line.points == "0,0 0,0 0,50 500,50 500,200 1000,200"

    def test_nothing_granted_and_nothing_taken(self):
        assert charts.burn_down(0, [], 0, 10).points == "0,200 1000,200"
