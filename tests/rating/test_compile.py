"""What a catalogue of rating is compiled to: the tables by which events are priced."""

from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from crossbill.engine import metered_datasets, rating_datasets
from crossbill.platform.rating.catalogue import BadRatingCatalogue, read_catalogue
from crossbill.platform.rating.compile import compiled

EXAMPLE = Path(__file__).parents[2] / "examples" / "rating" / "catalogue.yaml"
ZURICH = "Europe/Zurich"
LARGEST = 2**63 - 1
PRICED = "prefix,destination,connect_fee,included_seconds,rate_per_minute,increment_seconds\n"


def seconds(text, zone=ZURICH):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


MARCH, APRIL, MAY = (seconds(f"2024-0{month}-01") for month in (3, 4, 5))


POLICY = {
    "policy_code": "p", "rounding_scope": "event", "rounding_mode": "half_even",
    "rounding_digits": 2, "band_crossing": "split", "local_time": "account",
}  # fmt: skip


def base(**parts):
    """A catalogue with one plan that charges calls by one tariff, with some parts replaced."""
    return {
        "rating_catalogue": 1,
        "name": "base",
        "currency": "EUR",
        "time_zone": ZURICH,
        "policies": [POLICY],
        "calendars": {
            "day": [{"band": "off"}, {"band": "peak", "from": "08:00", "to": "20:00", "weight": 1}]
        },
        "decks": {"zones": {"prefixes": {"41": "CH", "49": "DE"}}},
        "tariffs": {"calls": [{"price": "0.06", "per": 60}]},
        "usage_types": {"voice": {"unit": "seconds"}, "message": {"unit": "messages"}},
        "plans": {"s": {"charges": [CALLS]}},
        **parts,
    }


CALLS = {"charge": "calls", "usage_type": "voice", "tariff": "calls"}
BY_ZONE = CALLS | {"deck": "zones", "zone_by": "destination"}


def plan(*charges, **more):
    return {"s": {"charges": list(charges), **more}}


@pytest.fixture
def tables(tmp_path):
    """Compile a catalogue for March and April 2024, as rows by the name of the table."""

    def made(catalogue, *, from_s=MARCH, to_s=MAY, time_zones=(ZURICH,)):
        path = tmp_path / "base.yaml"
        path.write_text(yaml.safe_dump(catalogue, sort_keys=False), "utf-8")
        done = compiled(read_catalogue(path), from_s=from_s, to_s=to_s, time_zones=time_zones)
        return {name: rows.to_pylist() for name, rows in done.items()}

    return made


def only(rows, **wanted):
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def rates(tables, tariff, zone, epoch_id=0):
    """The rates of a zone by band, each as its steps' prices per unit."""
    (found,) = only(tables["rate_set"], tariff_code=tariff, rate_zone=zone, epoch_id=epoch_id)
    names = {row["band_id"]: row["band"] for row in tables["band"]}
    prices: dict = {}
    for row in only(tables["rate"], rate_set_id=found["rate_set_id"]):
        prices.setdefault(names[row["band_id"]], []).append(f"{row['price_nanos']}/{row['unit']}")
    return prices


# Every table


def test_every_table_has_its_schema_and_its_key_once():
    done = compiled(read_catalogue(EXAMPLE), from_s=MARCH, to_s=MAY, time_zones=[ZURICH, "UTC"])
    for name, table in done.items():
        held = rating_datasets if hasattr(rating_datasets, name.upper()) else metered_datasets
        dataset = getattr(held, name.upper())
        assert table.schema == dataset.arrow
        assert table.num_rows > 0, name
        columns = [c.name for c in dataset.columns]
        key = [c for c in columns if c in {*dataset.key, "plan_code"}]
        distinct = {tuple(row[column] for column in key) for row in table.to_pylist()}
        assert len(distinct) == table.num_rows, name
        empty = [c.name for c in dataset.columns if not c.nullable and table[c.name].null_count]
        assert empty == [], name


def test_order_in_the_file_changes_nothing(tables):
    catalogue = base()
    catalogue |= {
        "tariffs": {
            "calls": [{"price": "1", "zone": "CH"}, {"price": "2", "zone": "DE"}],
            "more": [{"price": "3"}],
        },
        "plans": {
            "b": {"charges": [BY_ZONE]},
            "a": {"charges": [{"charge": "m", "usage_type": "message", "tariff": "more"}]},
        },
    }
    turned = {
        name: dict(reversed(part.items())) if isinstance(part, dict) else part
        for name, part in catalogue.items()
    }
    turned["tariffs"] = {**turned["tariffs"], "calls": catalogue["tariffs"]["calls"][::-1]}
    assert tables(catalogue) == tables(turned)


# Epochs and periods


def test_epochs_are_cut_where_a_version_begins_at_local_midnight(tables):
    found = tables(
        base(
            tariffs={
                "calls": [
                    {"price": "1", "valid_to": date(2024, 4, 1)},
                    {"price": "2", "valid_from": date(2024, 4, 1)},
                ]
            }
        )
    )
    assert found["epoch"] == [
        {"epoch_id": 0, "from_s": MARCH, "to_s": APRIL},
        {"epoch_id": 1, "from_s": APRIL, "to_s": MAY},
    ]
    assert datetime.fromtimestamp(APRIL, UTC) == datetime(2024, 3, 31, 22, tzinfo=UTC)
    by_cell = {row["cell"]: row["epoch_id"] for row in found["epoch_cell"]}
    assert [by_cell[s // 900] for s in (MARCH, APRIL - 1, APRIL, MAY - 1)] == [0, 0, 1, 1]
    assert len(by_cell) == (MAY - MARCH) // 900
    assert [rates(found, "calls", "*", n) for n in (0, 1)] == [
        {"any": ["1000000000/1"]},
        {"any": ["2000000000/1"]},
    ]


def test_versions_outside_of_the_time_cut_nothing(tables):
    calls = CALLS | {"valid_from": date(2024, 3, 1), "valid_to": date(2024, 5, 1)}
    assert len(tables(base(plans=plan(calls)))["epoch"]) == 1


def test_months_reach_back_to_their_first_day_with_an_epoch(tables):
    """An allowance is granted on the first of the month, though rating begins in its middle."""
    calls = CALLS | {"valid_from": date(2024, 3, 10)}
    found = tables(base(plans=plan(calls)), from_s=seconds("2024-03-15T12:34:56"), to_s=APRIL + 1)
    assert [(row["period_from"], row["epoch_id"]) for row in found["period"]] == [
        (date(2024, 3, 1), 0),
        (date(2024, 4, 1), 1),
    ]
    assert [row["period_from_s"] for row in found["period"]] == [MARCH, APRIL]
    assert [row["from_s"] for row in found["epoch"]] == [MARCH, seconds("2024-03-10")]
    assert [row["epoch_id"] for row in found["plan_charge"]] == [1]


# Charges and decks


def test_charge_without_deck_and_calendar_has_one_zone_and_one_band(tables):
    found = tables(base())
    assert found["plan_charge"] == [
        {
            "plan_code": "s", "usage_type": "voice", "epoch_id": 0, "charge_code": "calls",
            "zone_by": "none", "deck_code": None, "tariff_code": "calls", "calendar_code": "",
            "timed": True,
        }
    ]  # fmt: skip
    assert found["deck_prefix"] == []
    assert rates(found, "calls", "*") == {"any": ["60000000/60"]}
    assert [row["band"] for row in found["band"]] == ["any"]


def test_deck_is_looked_up_by_what_the_charge_says(tables):
    asked = [BY_ZONE, BY_ZONE | {"usage_type": "message", "charge": "m", "zone_by": "network"}]
    found = tables(base(plans=plan(*asked)))
    assert [(row["usage_type"], row["zone_by"]) for row in found["plan_charge"]] == [
        ("message", "network"),
        ("voice", "destination"),
    ]
    assert [(row["prefix"], row["rate_zone"]) for row in found["deck_prefix"]] == [
        ("41", "CH"),
        ("49", "DE"),
    ]


def test_deck_with_prices_prices_each_prefix(tables, tmp_path):
    (tmp_path / "az.csv").write_text(
        PRICED + "41,CH,0.01,5,0.60,6\n4179,CH,0.01,5,0.60,6\n49,DE,0,0,0.30,1\n"
    )
    found = tables(
        base(
            decks={"az": {"file": "az.csv"}},
            tariffs={"calls": {"deck": "az"}},
            plans=plan(CALLS),
        )
    )
    (charge,) = found["plan_charge"]
    assert [charge["zone_by"], charge["deck_code"]] == ["destination", "az"]
    assert [row["rate_zone"] for row in found["deck_prefix"]] == ["41", "4179", "49"]
    sets = {row["rate_zone"]: row["rate_set_id"] for row in found["rate_set"]}
    assert sets["41"] == sets["4179"] != sets["49"]  # one set of rates for one price
    (rate,) = only(found["rate"], rate_set_id=sets["41"])
    terms = ("price_nanos", "unit", "increment", "minimum", "included", "connect_fee_nanos")
    assert [rate[name] for name in terms] == [600_000_000, 60, 6, 0, 5, 10_000_000]


def test_deck_that_is_used_both_ways_becomes_two(tables, tmp_path):
    (tmp_path / "az.csv").write_text(PRICED + "41,CH,0,0,0.60,6\n")
    found = tables(
        base(
            decks={"az": {"file": "az.csv"}},
            tariffs={"calls": {"deck": "az"}, "messages": [{"price": "0.10", "zone": "CH"}]},
            plans=plan(
                CALLS,
                {"charge": "m", "usage_type": "message", "deck": "az", "tariff": "messages"},
            ),
        )
    )
    assert {row["usage_type"]: row["deck_code"] for row in found["plan_charge"]} == {
        "voice": "az:prefix",
        "message": "az",
    }
    assert {row["deck_code"]: row["rate_zone"] for row in found["deck_prefix"]} == {
        "az:prefix": "41",
        "az": "CH",
    }


def test_versions_of_a_deck_and_of_its_lines_hold_in_their_epochs(tables, tmp_path):
    (tmp_path / "old.csv").write_text(
        "prefix,destination,valid_from,valid_to\n41,CH,,\n49,DE,2024-03-10,2024-09-01\n"
    )
    (tmp_path / "new.csv").write_text("prefix,destination\n41,Switzerland\n")
    zones = [{"file": "new.csv", "valid_from": date(2024, 4, 1)}, {"file": "old.csv"}]
    found = tables(base(decks={"zones": zones}, plans=plan(BY_ZONE)))
    assert [(r["epoch_id"], r["prefix"], r["zone"]) for r in found["deck_prefix"]] == [
        (0, "41", "CH"),
        (1, "41", "CH"),
        (2, "41", "Switzerland"),
        (1, "49", "DE"),
    ]
    assert [row["from_s"] for row in found["epoch"]] == [MARCH, seconds("2024-03-10"), APRIL]


# Rates


def test_more_specific_rate_wins_first_by_zone_then_by_band(tables):
    found = tables(
        base(
            tariffs={
                "calls": [
                    {"price": "1"},
                    {"price": "2", "band": "peak"},
                    {"price": "3", "zone": "CH"},
                    {"price": "4", "zone": "CH", "band": "off"},
                ]
            },
            plans=plan(BY_ZONE | {"calendar": "day"}),
        )
    )
    assert rates(found, "calls", "CH") == {"off": ["4000000000/1"], "peak": ["3000000000/1"]}
    assert rates(found, "calls", "DE") == {"off": ["1000000000/1"], "peak": ["2000000000/1"]}


def test_zone_without_a_rate_has_no_rate_set(tables):
    found = tables(base(tariffs={"calls": [{"price": "1", "zone": "CH"}]}, plans=plan(BY_ZONE)))
    assert [row["rate_zone"] for row in found["rate_set"]] == ["CH"]


def test_rate_has_all_bands_of_all_calendars_that_use_it(tables):
    asked = [
        BY_ZONE | {"calendar": "day", "charge": "a"},
        BY_ZONE | {"usage_type": "message", "charge": "b"},
    ]
    found = tables(base(plans=plan(*asked)))
    assert rates(found, "calls:voice", "CH").keys() == {"off", "peak"}
    assert rates(found, "calls:message", "CH").keys() == {"any"}


def test_steps_follow_each_other_and_the_last_has_no_end(tables):
    steps = [
        {"from": 0, "price": "0.20", "per": 60, "minimum": 60},
        {"from": 600, "price": "0.10", "per": 45, "increment": 5},
    ]
    terms = {"connect_fee": "0.05", "included": 10, "max_cost": "2", "version": "v7"}
    found = tables(base(tariffs={"calls": [{"steps": steps, **terms}]}))
    first, second = found["rate"]
    assert [first["from_quantity"], first["to_quantity"]] == [0, 600]
    assert [second["from_quantity"], second["to_quantity"]] == [600, LARGEST]
    assert [first["minimum"], first["increment"], first["steps"], second["step"]] == [60, 1, 2, 1]
    assert [second["unit"], second["increment"], second["parts"]] == [45, 5, 180]
    assert first["connect_fee_nanos"] == second["connect_fee_nanos"] == 50_000_000
    assert [first["included"], first["max_cost_nanos"]] == [10, 2_000_000_000]
    assert found["rate_set"][0]["price_version"] == "v7"


@pytest.mark.parametrize(
    ("markup", "carried_ppm"), [("0", 1_000_000), ("10", 1_100_000), ("-0.0001", 999_999)]
)
def test_price_that_the_event_carries_with_its_markup(tables, markup, carried_ppm):
    (rate,) = tables(base(tariffs={"calls": [{"price": "carried", "markup": markup}]}))["rate"]
    assert [rate["carried_ppm"], rate["price_nanos"]] == [carried_ppm, 0]


def test_versions_have_their_names(tables):
    versions = [
        {"price": "1", "zone": "CH", "valid_from": date(2024, 4, 1)},
        {"price": "2", "zone": "CH"},
        {"price": "3", "zone": "DE", "version": "summer", "band": "off"},
        {"price": "3", "zone": "DE", "version": "winter"},
    ]
    found = tables(base(tariffs={"calls": versions}, plans=plan(BY_ZONE | {"calendar": "day"})))
    assert [(r["rate_zone"], r["epoch_id"], r["price_version"]) for r in found["rate_set"]] == [
        ("CH", 0, "1"),
        ("CH", 1, "2024-04-01"),
        ("DE", 0, "summer + winter"),
        ("DE", 1, "summer + winter"),
    ]


# Allowances and surcharges


def test_scope_of_an_allowance_is_a_bit_of_the_rates_that_it_pays_for(tables):
    allowances = {
        "all": {"quantity": 1, "priority": 5},
        "same": {"quantity": 2},
        "home": {"quantity": 3, "applies_to": {"zones": ["CH"], "bands": ["peak"]}},
        "text": {"quantity": 4, "applies_to": {"usage_types": ["message"]}},
    }
    charges = [
        BY_ZONE | {"calendar": "day"},
        {"charge": "m", "usage_type": "message", "tariff": "calls"},
    ]
    found = tables(base(allowances=allowances, plans=plan(*charges, allowances=list(allowances))))
    scopes = {row["allowance_code"]: row["scope"] for row in found["allowance"]}
    assert scopes["all"] == scopes["same"]
    assert sorted(set(scopes.values())) == [0, 1, 2]
    names = {row["band_id"]: row["band"] for row in found["band"]}
    paid = {}
    for rate_set in found["rate_set"]:
        for rate in only(found["rate"], rate_set_id=rate_set["rate_set_id"]):
            place = rate_set["tariff_code"], rate_set["rate_zone"], names[rate["band_id"]]
            paid[place] = {c for c, bit in scopes.items() if rate["scope_mask"] >> bit & 1}
    assert paid == {
        ("calls:message", "*", "any"): {"all", "same", "text"},
        ("calls:voice", "CH", "off"): {"all", "same"},
        ("calls:voice", "CH", "peak"): {"all", "same", "home"},
        ("calls:voice", "DE", "off"): {"all", "same"},
        ("calls:voice", "DE", "peak"): {"all", "same"},
    }


def test_versions_of_allowances_and_surcharges_hold_in_their_epochs(tables):
    surcharge = {"surcharge": "vat", "rounding_mode": "down", "rounding_digits": 2}
    surcharges = [
        {**surcharge, "percent": "7.7", "valid_to": date(2024, 4, 1)},
        {**surcharge, "percent": "8.1", "valid_from": date(2024, 4, 1)},
    ]
    free = [{"quantity": 1}, {"quantity": 2, "valid_from": date(2024, 4, 1)}]
    found = tables(
        base(
            allowances={"free": free},
            plans=plan(CALLS | {"surcharges": surcharges}, allowances=["free"]),
        )
    )
    percents = [(row["epoch_id"], row["rate_ppm"]) for row in found["surcharge"]]
    assert percents == [(0, 77_000), (1, 81_000)]
    assert [(r["epoch_id"], r["quantity"]) for r in found["allowance"]] == [(0, 1), (1, 2)]


def test_surcharge_ends_with_its_charge(tables):
    vat = {"surcharge": "vat", "percent": "1", "rounding_mode": "up", "rounding_digits": 2}
    ending = CALLS | {"surcharges": [vat], "valid_to": date(2024, 4, 1)}
    found = tables(base(plans=plan(ending, CALLS | {"valid_from": date(2024, 4, 1)})))
    assert [row["epoch_id"] for row in found["surcharge"]] == [0]
    assert [row["epoch_id"] for row in found["plan_charge"]] == [0, 1]


def test_an_event_of_a_metered_charge_costs_nothing_by_itself(tables):
    metered = {"charge": "m", "usage_type": "message", "model": "per_unit", "terms": {"price": 1}}
    found = tables(base(plans=plan(CALLS, metered)))
    charges = {row["usage_type"]: row["tariff_code"] for row in found["plan_charge"]}
    sets = {row["tariff_code"]: row["rate_set_id"] for row in found["rate_set"]}
    number = sets[charges["message"]]
    assert [r["price_nanos"] for r in found["rate"] if r["rate_set_id"] == number] == [0]
    assert [row["price_model"] for row in found["price_tier"]] == ["per_unit"]


# Calendars


def test_bands_of_each_local_time_are_complete_beyond_the_last_call(tables):
    charge = CALLS | {"calendar": "day"}
    zones = [ZURICH, "Asia/Kathmandu", "Europe/Berlin"]
    found = tables(base(plans=plan(charge)), time_zones=zones)
    ids = {row["time_zone"]: row["calendar_id"] for row in found["calendar_zone"]}
    assert ids["Europe/Berlin"] == ids[ZURICH] != ids["Asia/Kathmandu"]  # the same clock
    for calendar_id in set(ids.values()):
        spans = only(found["band_span"], calendar_id=calendar_id)
        assert [row["span"] for row in spans] == list(range(len(spans)))
        assert [spans[0]["from_s"], spans[-1]["to_s"]] == [MARCH, MAY + 8 * 86_400]
        assert all(a["to_s"] == b["from_s"] for a, b in pairwise(spans))
    names = {row["band_id"]: row["band"] for row in found["band"]}
    assert list(names.values()) == ["off", "peak"]
    kathmandu = only(found["band_span"], calendar_id=ids["Asia/Kathmandu"])
    assert [
        datetime.fromtimestamp(row["from_s"], UTC).strftime("%H:%M") for row in kathmandu[1:3]
    ] == [
        "02:15",
        "14:15",
    ]


def test_every_quarter_of_an_hour_names_the_spans_that_share_it(tables):
    odd = [{"band": "off"}, {"band": "odd", "from": "08:07:30", "to": "08:08", "weight": 1}]
    found = tables(base(calendars={"day": odd}, plans=plan(CALLS | {"calendar": "day"})))
    spans = found["band_span"]
    wanted = [
        {"calendar_id": row["calendar_id"], "cell": cell}
        | {name: row[name] for name in ("span", "from_s", "to_s", "band_id")}
        for row in spans
        for cell in range(MARCH // 900, MAY // 900 + 8 * 96)
        if row["from_s"] < (cell + 1) * 900 and row["to_s"] > cell * 900
    ]
    key = ("calendar_id", "cell", "from_s")
    assert sorted(wanted, key=lambda row: [row[name] for name in key]) == sorted(
        found["band_cell"], key=lambda row: [row[name] for name in key]
    )


def test_zone_that_does_not_exist_is_refused(tables):
    with pytest.raises(BadRatingCatalogue, match="value 'Mars/Olympus'"):
        tables(base(), time_zones=["Mars/Olympus"])


def test_gap_of_a_calendar_on_a_holiday_that_is_far_away_is_refused_when_compiled(tables):
    """Loading looks at the years of one round of the calendar; compiling at the time asked for."""
    far = date(2068, 3, 5)
    catalogue = base(
        holidays={"dates": [far]},
        calendars={"day": [{"band": "work", "on": "workdays"}]},
        plans=plan(CALLS | {"calendar": "day"}),
    )
    start = seconds("2068-03-04")
    with pytest.raises(BadRatingCatalogue, match=r"No rule .* holds .*2068-03-05 00:00"):
        tables(catalogue, from_s=start, to_s=start + 86_400)


# The shape of the telco benchmark


def test_catalogue_of_two_prices_with_taxes_by_charge(tables):
    tax = {"surcharge": "tax", "rounding_mode": "down", "rounding_digits": 2}
    charges = [
        {"charge": kind, "usage_type": kind, "tariff": kind, "surcharges": added}
        for kind, added in {
            "local": [tax | {"percent": "6.75"}],
            "distance": [
                tax | {"percent": "6.75"},
                tax | {"surcharge": "more", "percent": "3.41"},
            ],
        }.items()
    ]
    found = tables(
        base(
            decks={},
            calendars={},
            tariffs={"local": [{"price": "0.0013"}], "distance": [{"price": "0.00894"}]},
            usage_types={"local": {"unit": "seconds"}, "distance": {"unit": "seconds"}},
            plans=plan(*charges),
        )
    )
    assert [(r["charge_code"], r["surcharge_code"], r["rate_ppm"]) for r in found["surcharge"]] == [
        ("distance", "more", 34_100),
        ("distance", "tax", 67_500),
        ("local", "tax", 67_500),
    ]
    assert rates(found, "distance", "*") == {"any": ["8940000/1"]}
    (policy,) = found["rating_policy"]
    assert [policy["rounding_scope"], policy["rounding_mode"], policy["rounding_digits"]] == [
        "event", "half_even", 2,
    ]  # fmt: skip
