"""A catalogue of rating: what may stand in it, and what is refused with its place and cure."""

import re
from datetime import date, datetime
from itertools import combinations
from pathlib import Path

import pytest

from crossbill.platform.rating.catalogue import BadRatingCatalogue, read_catalogue
from crossbill.platform.rating.decks import BadDeck
from crossbill.platform.rating.services import services

EXAMPLE = Path(__file__).parents[2] / "examples" / "rating" / "catalogue.yaml"

FOLDER = Path(__file__).parent
SMALL = (FOLDER / "small.yaml").read_text("utf-8")


@pytest.fixture
def read(tmp_path):
    """Read the small catalogue with some texts in it replaced."""

    def changed(*changes):
        text = SMALL
        for old, new in changes:
            assert text.count(old) >= 1, f"{old!r} is not in the small catalogue"
            text = text.replace(old, new, 1)
        path = tmp_path / "small.yaml"
        path.write_text(text, "utf-8")
        return read_catalogue(path)

    return changed


# What may stand in it


def test_example_holds_together():
    catalogue = read_catalogue(EXAMPLE)
    assert catalogue.spec.name == "mobile-2024"
    assert [charge.spec.model for charge in catalogue.metered_charges] == ["graduated"]
    assert services(catalogue).num_rows == 9


def test_plain_words_and_numbers_mean_what_is_written(read):
    """What YAML 1.1 would read as false, as 480 minutes and as a binary fraction."""
    catalogue = read()
    assert catalogue.spec.calendars["day-night"][1].band == "off"
    assert catalogue.spec.calendars["day-night"][2].on == "holidays"
    assert catalogue.spec.calendars["day-night"][0].from_s == 8 * 3600
    assert catalogue.spec.tariffs["national"].rates[0].steps[0].price == 200_000_000
    assert [row.prefix for row in catalogue.decks["zones"].versions[0].rows] == ["41", "4179"]


def test_own_days_are_holidays_beside_the_public_ones(read):
    holidays = read().holidays
    assert date(2024, 8, 1) in holidays
    assert date(2024, 12, 24) in holidays
    assert date(2024, 12, 23) not in holidays
    own = read(("country: CH, subdivision: ZH, ", "")).holidays
    assert date(2024, 8, 1) not in own
    assert date(2024, 12, 24) in own


def test_defaults_of_a_service(read):
    (row,) = services(read()).to_pylist()
    assert row == {
        "service_key": "41790000001",
        "leg": "retail",
        "valid_from": datetime(2023, 12, 31, 23),  # midnight in Zurich
        "valid_to": None,
        "account_key": "41790000001",
        "product_key": "41790000001",
        "plan_code": "s",
        "policy_code": "exact-1",
        "time_zone": "Europe/Zurich",
        "currency": "EUR",
        "share_key": None,
        "start_date": None,
    }


def test_versions_without_an_end_end_where_the_next_begins(read):
    read((", valid_to: 2024-04-01", ""))


def test_gap_is_none_where_a_more_general_rate_holds(read):
    read(
        ("valid_to: 2024-04-01", "valid_to: 2024-03-01"),
        ("{zone: CH, band: off", "{zone: CH, price: 0.15, per: 60}\n    - {zone: CH, band: off"),
    )


def test_charge_of_another_time_may_price_the_same_usage_type(read):
    read(
        ("tariff: messages\n", "tariff: messages\n        valid_to: 2024-02-01\n"),
        (
            "    allowances: [free]",
            "      - {charge: messages, usage_type: message, tariff: messages, "
            "valid_from: 2024-02-01}\n    allowances: [free]",
        ),
    )


# What is refused


def cases(text):
    """The cases of a table: what is replaced, by what, and all that is said of it."""
    for block in re.split(r"\n(?:\s*\n)+", text):
        lines = [line for line in block.splitlines() if line[:2] in ("- ", "+ ", "! ")]
        parts = [line.split(" ", 1) for line in lines]
        found = {sign: [t.replace("\\n", "\n") for s, t in parts if s == sign] for sign in "-+!"}
        if parts:
            yield found["-"][0], (found["+"] or [""])[0], found["!"]


REFUSALS = list(cases((FOLDER / "catalogue_refusals.txt").read_text("utf-8")))


@pytest.mark.parametrize(("old", "new", "said"), REFUSALS, ids=[said[0] for *_, said in REFUSALS])
def test_fault_is_refused_with_its_place(read, old, new, said):
    with pytest.raises(BadRatingCatalogue) as refused:
        read((old, new))
    message = str(refused.value)
    assert not [text for text in said if text not in message], message
    assert "[BAD_RATING_CATALOGUE]" in message
    assert "What to do: " in message


PRICED = "prefix,destination,connect_fee,included_seconds,rate_per_minute,increment_seconds\n"


def test_deck_that_prices_a_tariff_must_have_prices(read, tmp_path):
    own_prices = ("  messages:\n    - {price: 0.09}", "  messages: {deck: own}")
    listed = ("decks:\n", "decks:\n  own: {file: own.csv}\n")
    (tmp_path / "own.csv").write_text("prefix,destination\n41,CH\n")
    with pytest.raises(BadRatingCatalogue, match="The prefixes of the deck have no prices"):
        read(listed, own_prices)
    (tmp_path / "own.csv").write_text(PRICED + "41,CH,0,0,0.10,1\n")
    read(listed, own_prices)
    another = ("tariff: messages", "tariff: messages\n        deck: zones")
    with pytest.raises(BadRatingCatalogue, match="The tariff has the prices of another deck"):
        read(listed, own_prices, another)


def test_fault_in_a_deck_file_names_that_file(read, tmp_path):
    (tmp_path / "own.csv").write_text("prefix,destination\n41,CH\n0x,CH\n")
    with pytest.raises(BadDeck, match=r"not only digits .own\.csv:3, field prefix"):
        read(("decks:\n", "decks:\n  own: {file: own.csv}\n"))


def test_more_scopes_than_bits_are_refused(read):
    scopes = [
        f"  free{n}: {{quantity: 1, applies_to: {{zones: [{zones}], bands: [{bands}]}}}}\n"
        for n, (zones, bands) in enumerate(
            (", ".join(zones), ", ".join(bands))
            for zones in subsets("A", "B", "C", "D")
            for bands in subsets("any", "off", "peak")
        )
    ]
    deck = ("4179: CH mobile", "4179: CH mobile, 1: A, 2: B, 3: C, 4: D")
    assert len(scopes) == 15 * 7
    read(deck, ("  free:", "".join(scopes[:61]) + "  free:"))
    with pytest.raises(BadRatingCatalogue, match=r"too many different things .*value '63'"):
        read(deck, ("  free:", "".join(scopes[:62]) + "  free:"))


def subsets(*names):
    return [some for size in range(1, len(names) + 1) for some in combinations(names, size)]


# Services in a file


@pytest.fixture
def read_services(read, tmp_path):
    """Read the small catalogue with its services in a file of some lines."""
    inline = SMALL[SMALL.index("services:") :]

    def given(*lines):
        (tmp_path / "held.csv").write_text("\n".join(lines) + "\n", "utf-8-sig")
        return services(read((inline, "services: held.csv\n"))).to_pylist()

    return given


def test_services_come_from_a_file_beside_the_catalogue(read_services):
    first, second = read_services(
        "plan_code,service_key,valid_from,valid_to,leg,share_key,start_date",
        "s,2,2024-07-01,2024-07-01T12:00:00+05:45,,G,2024-07-01",
        "",
        "s,1,2024-01-01T00:00:00Z,,wholesale,,",
    )
    assert [first["service_key"], first["leg"]] == ["1", "wholesale"]
    assert [first["valid_from"], first["valid_to"]] == [datetime(2024, 1, 1), None]
    assert [second["valid_from"], second["valid_to"]] == [
        datetime(2024, 6, 30, 22),
        datetime(2024, 7, 1, 6, 15),
    ]
    assert [second["leg"], second["share_key"]] == ["retail", "G"]
    assert second["start_date"] == date(2024, 7, 1)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["service_key,valid_from"], "The column is missing (held.csv:1, field plan_code)"),
        (["service_key,valid_from,plan_code,x"], "unknown or doubled (held.csv:1, field x)"),
        (["service_key,valid_from,plan_code", "1,2024-01-01,s", "", "2,2024-01-01,m"],
         "The value is not known (held.csv:4, field plan_code, value 'm')"),
        (["service_key,valid_from,plan_code", "1,,s"], "is missing (held.csv:2, field valid_from)"),
        (["service_key,valid_from,plan_code", "1,2024-01-01"], "The file is not CSV"),
        (["service_key,valid_from,plan_code,start_date", "1,2024-01-01,s,2024-13-01"],
         "Not a date (held.csv:2, field start_date, value '2024-13-01')"),
    ],
)  # fmt: skip
def test_fault_in_the_services_file_names_its_line(read_services, lines, said):
    with pytest.raises(BadRatingCatalogue) as refused:
        read_services(*lines)
    assert said in str(refused.value)


def test_services_file_without_a_row_is_none(read_services):
    assert read_services("service_key,valid_from,plan_code") == []


def test_table_of_refusals_is_read_whole():
    text = (FOLDER / "catalogue_refusals.txt").read_text("utf-8")
    assert len(REFUSALS) == len(re.findall("^- ", text, re.MULTILINE))
    assert len(REFUSALS) > 80
