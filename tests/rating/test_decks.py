"""Rate decks: what is refused and where, what is only reported, and what changed between two."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from crossbill.cli_rate_deck import BadPercentage, deck_app
from crossbill.core.versions import ALWAYS, Window
from crossbill.platform.rating.deck_review import (
    Gap,
    Spread,
    difference,
    gaps,
    jumps,
    spreads,
)
from crossbill.platform.rating.decks import BadDeck, DeckPrice, DeckRow, read_deck

PRICED = "prefix,destination,connect_fee,included_seconds,rate_per_minute,increment_seconds"
DATED = PRICED + ",valid_from,valid_to"
ZONED = "prefix,destination"


@pytest.fixture
def deck(tmp_path):
    """Write a deck of some lines, so that it can be read."""

    def write(*lines, name="deck.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding)
        return path

    return write


# Reading


def test_deck_with_prices_is_read_exactly(deck):
    path = deck(PRICED, "41,Switzerland,0.05,10,0.000000001,6", "4179,Swiss Mobile,0,0,1,1", "")
    assert read_deck(path) == (
        DeckRow("41", "Switzerland", ALWAYS, DeckPrice(50_000_000, 10, 1, 6), 2),
        DeckRow("4179", "Swiss Mobile", ALWAYS, DeckPrice(0, 0, 10**9, 1), 3),
    )


def test_deck_without_prices_only_names_zones(deck):
    path = deck("destination,prefix", '"Switzerland, fixed",41', encoding="utf-8-sig")
    assert read_deck(path) == (DeckRow("41", "Switzerland, fixed", ALWAYS, None, 2),)


def test_days_of_a_line_are_half_open(deck):
    path = deck(DATED, "41,CH,0,0,1,1,,2024-02-01", "41,CH,0,0,2,1,2024-02-01,")
    first, second = read_deck(path)
    assert first.valid == Window(date.min, date(2024, 2, 1))
    assert second.valid == Window(date(2024, 2, 1), date.max)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        # the file
        ([], "The column is missing (deck.csv:1, field prefix)"),
        ([ZONED], "The deck has no prefix (deck.csv)"),
        (["prefix"], "The column is missing (deck.csv:1, field destination)"),
        ([ZONED + ",colour"], "The column is unknown or doubled (deck.csv:1, field colour)"),
        ([ZONED + ",prefix"], "The column is unknown or doubled (deck.csv:1, field prefix)"),
        ([ZONED + ",rate_per_minute"], "The column is missing (deck.csv:1, field connect_fee)"),
        ([ZONED, "41,CH,x"], "The line has 3 values, the header 2 (deck.csv:2)"),
        ([ZONED, '41,"CH'], "The file is not CSV: unexpected end of data (deck.csv)"),
        # prefixes
        ([ZONED, "41,CH", ",DE"], "The value is missing (deck.csv:3, field prefix, value '')"),
        ([ZONED, "+41,CH"], "The prefix is not only digits (deck.csv:2, field prefix, value '+41'"),
        ([ZONED, "٤١,CH"], "The prefix is not only digits (deck.csv:2, field prefix"),
        ([ZONED, "1234567890123456,CH"], "The prefix has more than 15 digits, as no number has"),
        ([ZONED, "41,CH", "49,DE", "41,CH"], "listed twice for the same days (deck.csv:4"),
        ([ZONED, "41, "], "The value is missing (deck.csv:2, field destination, value ' ')"),
        # prices
        ([PRICED, "41,CH,0,0,,6"], "The value is missing (deck.csv:2, field rate_per_minute"),
        ([PRICED, "41,CH,0,0,-0.1,6"], "negative or absurdly high (deck.csv:2, field rate_"),
        ([PRICED, "41,CH,0,0,1e3,6"], "Not a decimal amount (deck.csv:2, field rate_per_minute"),
        ([PRICED, "41,CH,1000001,0,1,6"], "negative or absurdly high (deck.csv:2, field conn"),
        ([PRICED, "41,CH,0,0,0.0000000001,6"], "More than 9 digits after the point (deck.csv:2"),
        ([PRICED, "41,CH,0,x,1,6"], "Not a whole number of seconds (deck.csv:2, field included"),
        ([PRICED, "41,CH,0,0,1,0"], "out of range (deck.csv:2, field increment_seconds"),
        # days
        ([DATED, "41,CH,0,0,1,1,2024-02-30,"], "Not a date (deck.csv:2, field valid_from"),
        ([DATED, "41,CH,0,0,1,1,2024-02-01,2024-02-01"], "The line is never valid (deck.csv:2"),
        ([DATED, "41,CH,0,0,1,1,,2024-03-01", "41,CH,0,0,2,1,2024-02-01,"],
         "The prefix is listed twice for the same days (deck.csv:3, field prefix, value '41')"),
    ],
)  # fmt: skip
def test_unusable_deck_is_refused_with_its_line(deck, lines, said):
    with pytest.raises(BadDeck) as refused:
        read_deck(deck(*lines))
    assert said in str(refused.value)
    assert "[BAD_DECK]" in str(refused.value)


def test_deck_in_another_encoding_or_nowhere_is_refused(deck, tmp_path):
    with pytest.raises(BadDeck, match="not UTF-8"):
        read_deck(deck(ZONED, "41,Zürich", encoding="latin-1"))
    with pytest.raises(BadDeck, match="does not exist"):
        read_deck(tmp_path / "none.csv")


@pytest.mark.shared_data
def test_deck_of_a_real_carrier_can_be_used(shared_data):
    rows = read_deck(shared_data / "ratedeck" / "az_rates.csv")
    assert len(rows) == 36_205
    assert len({row.zone for row in rows}) == 1_294
    assert spreads(rows) == []  # of this carrier, each destination has one price
    assert gaps(rows) == []
    assert difference(rows, rows).unchanged == 36_205


# Reviewing


def row(prefix, price, zone="CH", valid=ALWAYS, increment=1):
    return DeckRow(prefix, zone, valid, DeckPrice(0, 0, price, increment), 2)


JANUARY, FEBRUARY, MARCH = (
    Window(date(2024, month, 1), date(2024, month + 1, 1)) for month in (1, 2, 3)
)


def test_days_between_two_lines_of_a_prefix_are_a_gap():
    rows = [row("41", 1, valid=JANUARY), row("41", 1, valid=MARCH), row("49", 1, valid=JANUARY)]
    assert gaps(rows) == [Gap("41", date(2024, 2, 1), date(2024, 3, 1))]
    assert gaps([*rows, row("41", 1, valid=FEBRUARY)]) == []


def test_zone_with_several_prices_at_one_time_is_a_spread():
    rows = [row("41", 5), row("4179", 9), row("4178", 9), row("49", 1, zone="DE")]
    assert spreads(rows) == [Spread("CH", 3, 2, 5, 9)]


def test_zone_whose_price_changes_in_time_is_no_spread():
    rows = [row("41", 5, valid=JANUARY), row("41", 6, valid=FEBRUARY)]
    assert spreads(rows) == []
    assert spreads([*rows, row("42", 5, valid=FEBRUARY)]) == [Spread("CH", 2, 2, 5, 6)]


@pytest.mark.parametrize(
    ("old", "new", "limit_ppm", "jumped"),
    [
        (100, 120, 200_000, False),  # exactly 20 percent
        (100, 121, 200_000, True),
        (100, 79, 200_000, True),
        (100, 80, 200_000, False),
        (3, 4, 333_333, True),  # a third is more than 33.3333 percent
        (0, 1, 10**9, True),  # from nothing, any price is a jump
        (5, 5, 0, False),
    ],
)
def test_price_that_moves_by_more_than_the_limit_jumps(old, new, limit_ppm, jumped):
    within = jumps([row("41", old, valid=JANUARY), row("41", new, valid=FEBRUARY)], limit_ppm)
    between = [
        change
        for change in difference([row("41", old)], [row("41", new)]).changes
        if change.exceeds(limit_ppm)
    ]
    assert [bool(within), bool(between)] == [jumped, jumped]


# Differences


def test_each_prefix_that_differs_is_told_once():
    old = [row("1", 10), row("2", 10), row("3", 10), row("4", 10), row("5", 10), row("6", 10)]
    new = [
        row("1", 10),
        row("2", 15),
        row("3", 7),
        row("4", 10, increment=6),
        row("5", 10, zone="DE"),
        row("61", 10),
    ]
    found = difference(old, new)
    assert [(c.prefix, c.kind, c.change_ppm) for c in found.changes] == [
        ("2", "dearer", 500_000),
        ("3", "cheaper", -300_000),
        ("4", "terms", 0),
        ("5", "renamed", 0),
        ("6", "removed", None),
        ("61", "added", None),
    ]
    assert found.unchanged == 1
    assert found.counts == {
        "added": 1, "removed": 1, "dearer": 1, "cheaper": 1, "terms": 1, "renamed": 1,
    }  # fmt: skip
    assert (found.largest_rise.prefix, found.largest_fall.prefix) == ("2", "3")


def test_of_several_lines_of_a_prefix_the_last_counts():
    old = [row("41", 10, valid=JANUARY), row("41", 20, valid=FEBRUARY)]
    assert difference(old, [row("41", 20)]).changes == ()


decks = st.lists(
    st.builds(
        row, st.sampled_from(["1", "12", "2", "3"]), st.integers(0, 3), st.sampled_from("AB")
    ),
    unique_by=lambda each: each.prefix,
)


@given(decks, decks)
def test_every_prefix_of_both_decks_is_accounted_for(old, new):
    found = difference(old, new)
    assert found.unchanged + sum(found.counts.values()) == len(
        {each.prefix for each in (*old, *new)}
    )
    back = difference(new, old)
    mirrored = {"added": "removed", "removed": "added", "dearer": "cheaper", "cheaper": "dearer"}
    assert [(c.prefix, mirrored.get(c.kind, c.kind)) for c in back.changes] == [
        (c.prefix, c.kind) for c in found.changes
    ]


# The command


def run(*arguments):
    done = CliRunner().invoke(deck_app, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_check_tells_what_to_look_at(deck):
    old = deck(PRICED, "41,CH,0,0,0.10,1", name="old.csv")
    new = deck(PRICED, "41,CH,0,0,0.15,1", "4179,CH,0,0,0.30,1", name="new.csv")
    found = json.loads(run("check", new, "--against", old, "--jump", "20", "--json"))
    assert [found["rows"], found["zones"], found["gaps"]] == [2, 1, []]
    assert found["zones_with_several_prices"] == [
        {"zone": "CH", "prefixes": 2, "prices": 2, "lowest": "0.15", "highest": "0.3"}
    ]
    assert [(jump["prefix"], jump["change_ppm"]) for jump in found["jumps"]] == [("41", 500_000)]
    shown = run("check", new, "--against", old)
    assert "Zones with several prices" in shown
    assert "+50.0000" in shown
    assert "new.csv can be used" in shown


def test_diff_tells_what_changed(deck):
    old = deck(PRICED, *(f"4{n},CH,0,0,0.10,1" for n in range(10, 60)), name="old.csv")
    new = deck(PRICED, *(f"4{n},CH,0,0,0.05,1" for n in range(11, 61)), name="new.csv")
    found = json.loads(run("diff", old, new, "--json"))
    assert [found[kind] for kind in ("added", "removed", "cheaper", "unchanged")] == [1, 1, 49, 0]
    assert found["largest_fall"]["change_ppm"] == -500_000
    assert found["largest_rise"] is None
    assert len(found["changes"]) == 51
    shown = run("diff", old, new)
    assert "-50.0000" in shown
    assert "... and 31 more; --json lists them all" in shown


@pytest.mark.parametrize("percent", ["much", "-1", "1.00001"])
def test_limit_that_is_no_percentage_is_refused(deck, percent):
    with pytest.raises(BadPercentage, match="BAD_PERCENTAGE"):
        run("check", deck(ZONED, "41,CH"), "--jump", percent)


def test_examples_differ_as_their_page_says():
    folder = Path(__file__).parents[2] / "examples" / "rating"
    decks = [read_deck(folder / f"wholesale_2024-{month}.csv") for month in ("01", "04")]
    counts = difference(*decks).counts
    assert [counts[kind] for kind in ("added", "removed", "dearer", "cheaper")] == [1, 1, 1, 1]
