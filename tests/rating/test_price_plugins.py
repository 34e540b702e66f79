"""A price model or adjustment that another distribution brings works without any other edit."""

import sys
from types import SimpleNamespace

import ibis
import outside
import pyarrow as pa
import pytest
from metering import ENGINE, Line, priced
from pydantic import ValidationError

from crossbill.core.plugins import PluginDoubled, PluginUnknown
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.rating.metered import INPUTS, metered_pricing
from crossbill.platform.rating.price_models import (
    adjustments,
    form,
    price_models,
    price_terms,
    tier_rows,
)

MODEL = '''
"""Every unit costs the same, and the line a fee."""

from pydantic import Field

from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, PriceTerms
from crossbill.platform.rating.tiers import tiered


class Terms(PriceTerms):
    """Price and fee."""

    price: Money = Field(description="for each unit")
    fee: Money = Field(0, description="once")


def tiers(terms):
    return [{"price_nanos": terms.price, "flat_nanos": terms.fee, "unit": terms.unit}]


def amounts(line, event, tier):
    rows = tiered(line, tier)
    cost = exact.priced(rows, rows.quantity, rows.price_nanos, rows.unit)
    return exact.raised(cost, cost.flat_nanos)
'''
ADJUSTMENT = '''
"""A fixed amount is added."""

from pydantic import Field

from crossbill.platform.rating import exact
from crossbill.platform.rating.terms import Money, Written


class Terms(Written):
    """The amount."""

    amount: Money = Field(description="added to each line")


def row(terms):
    return {"amount_nanos": terms.amount}


def adjusted(line):
    return exact.raised(line, line.amount_nanos)
'''
POINTS = """[crossbill.prices]
with_fee = others_with_fee
[crossbill.adjustments]
surplus = others_surplus
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Another distribution with two modules."""
    modules = {"others_with_fee": MODEL, "others_surplus": ADJUSTMENT}
    yield outside.installed(monkeypatch, tmp_path, POINTS, modules)
    for name in modules:
        sys.modules.pop(name, None)


def test_a_model_from_outside_prices_lines_beside_ours(installed):
    theirs = {"price": "0.25", "fee": "1"}
    found = priced(
        [
            Line("theirs", "with_fee", theirs, 10, adjustments=[{"surplus": {"amount": "0.5"}}]),
            Line("later", "with_fee", theirs, 10, earlier_quantity=4),
            Line(
                "ours", "per_unit", {"price": "2"}, 3, adjustments=[{"discount": {"percent": 50}}]
            ),
        ]
    )
    assert {key: line.amount_nanos for key, line in found.items()} == {
        "theirs": 4_000_000_000,
        "later": 2_500_000_000,
        "ours": 3_000_000_000,
    }
    assert found["theirs"].steps == (("with_fee", 3_500_000_000), ("surplus", 500_000_000))


def test_a_model_from_outside_has_a_form(installed):
    asked = form(price_models()["with_fee"])
    assert asked["about"] == "Every unit costs the same, and the line a fee."
    assert set(asked["schema"]["properties"]) == {"unit", "price", "fee"}


def test_without_the_distribution_its_models_are_unknown(installed):
    assert "with_fee" in price_models()
    (installed / "entry_points.txt").unlink()
    with pytest.raises(PluginUnknown):
        priced([Line("theirs", "with_fee", {"price": "1"}, 1)])


def test_a_model_of_a_name_that_we_have_is_refused(installed):
    (installed / "entry_points.txt").write_text("[crossbill.prices]\nvolume = others_with_fee\n")
    with pytest.raises(PluginDoubled):
        price_models()


@pytest.mark.parametrize("kind", [price_models, adjustments])
def test_every_plugin_says_what_it_does_and_describes_each_of_its_fields(kind):
    for name, plugin in kind().items():
        asked = form(plugin)
        assert asked["about"].endswith("."), name
        schemas = [asked["schema"], *asked["schema"].get("$defs", {}).values()]
        fields = {k: v for schema in schemas for k, v in schema["properties"].items()}
        assert fields, name
        assert all("description" in field for field in fields.values()), name


def test_a_form_asks_for_amounts_as_text():
    price = form(price_models()["per_unit"])["schema"]["properties"]["price"]
    assert price["type"] == "string"
    assert price["format"] == "money"


TIERED = {"graduated": "price", "volume": "price", "graduated_percentage": "percent"}


@pytest.mark.parametrize(
    ("model", "terms", "fault"),
    [
        ("per_unit", {"price": 0.1}, "Not an amount"),
        ("per_unit", {"price": "-1"}, "negative"),
        ("per_unit", {"price": "0.0000000001"}, "more than 9 digits"),
        ("per_unit", {"price": "1", "prise": "1"}, "not permitted"),
        ("per_unit", {"price": "1", "unit": 0}, "greater than or equal to 1"),
        ("per_unit", {"price": "9999.999999999", "unit": 10**9}, "too large to be exact"),
        ("package", {"size": 0, "price": "1"}, "greater than 0"),
        ("package", {"size": "1.5", "price": "1"}, "no whole number of base units"),
        ("percentage", {"percent": "1", "free_events": 0}, "greater than or equal to 1"),
        ("percentage_per_event", {"percent": "1", "minimum": "2", "maximum": "1"}, "below"),
        ("blocks", {"tiers": [{"size": 1, "price": "1", "blocks": 9}]}, "last has none"),
        ("blocks", {"tiers": []}, "at least 1"),
        *(
            (model, {"tiers": tiers}, fault)
            for model, price in TIERED.items()
            for tiers, fault in [
                ([], "at least 1"),
                ([{"up_to": 5, price: "1"}], "Nothing prices"),
                ([{price: "1"}, {price: "1"}], "Only the last tier"),
                ([{"up_to": 5}, {"up_to": 5}, {}], "out of order"),
                ([{"up_to": "0.5"}, {}], "no whole number of base units"),
            ]
        ),
    ],
)
def test_terms_that_make_no_sense_are_refused(model, terms, fault):
    with pytest.raises(ValidationError) as caught:
        price_terms(price_models()[model], terms)
    assert fault in str(caught.value)


def test_a_discount_of_more_than_everything_is_refused():
    with pytest.raises(ValidationError):
        adjustments()["discount"].Terms.model_validate({"percent": 101})


def test_a_price_by_gigabyte_is_kept_for_the_smallest_quantity():
    model = price_models()["per_unit"]
    terms = price_terms(model, {"unit": 10**9, "price": "10"})
    (row,) = tier_rows("terms", "per_unit", model, terms)
    assert (row["price_nanos"], row["unit"]) == (10, 1)


# What can only be a bug stops the calculation


def run(rows: dict[str, list[dict]], **models) -> list[dict]:
    """One calculation over rows as they stand."""
    calculation = metered_pricing(models or price_models(), adjustments(), positions=1)
    tables = {d.name: pa.Table.from_pylist(rows.get(d.name, []), schema=d.arrow) for d in INPUTS}
    with refusing_overflow():
        done = calculation.run(ENGINE, {n: ibis.memtable(t) for n, t in tables.items()})
        return ENGINE.to_pyarrow(done["metered_proof"]).to_pylist()


LINE = {
    "line_key": "L1", "terms_key": "T1", "quantity": 1, "selecting_quantity": 1, "events": 0,
    "earlier_events": 0, "earlier_nanos": 0, "last_line": True, "rounding_mode": "half_up",
    "rounding_digits": 2,
}  # fmt: skip
TIER = {
    "terms_key": "T1", "price_model": "per_unit", "tier": 0, "from_quantity": 0, "to_quantity": 9,
    "flat_nanos": 0, "price_nanos": 1, "unit": 1, "block": 1, "whole_quantity": False,
    "free_quantity": 0, "free_events": 0, "event_nanos": 0, "event_minimum_nanos": 0,
    "event_maximum_nanos": 0,
}  # fmt: skip
AT_LEAST = {
    "terms_key": "T1", "position": 0, "adjustment": "minimum", "amount_nanos": 1, "numerator": 1,
    "denominator": 1,
}  # fmt: skip


def test_lines_in_are_lines_out():
    (proof,) = run({"metered": [LINE], "price_tier": [TIER]})
    assert proof["balanced"]
    assert proof["lines_out"] == 1


def test_a_line_twice_does_not_balance():
    (proof,) = run({"metered": [LINE, LINE], "price_tier": [TIER]})
    assert not proof["balanced"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metered": [LINE | {"terms_key": "T2"}]}, "no price model has priced the line L1"),
        ({"price_tier": [TIER | {"price_model": "gone"}]}, "no price model has priced the line L1"),
        ({"price_adjustment": [AT_LEAST | {"adjustment": "gone"}]}, "no such adjustment: gone"),
        ({"metered": [LINE | {"rounding_mode": "upwards"}]}, "unknown rounding mode: upwards"),
        ({"metered": [LINE | {"rounding_digits": 10}]}, "keeps -9 to 9 digits, not 10"),
    ],
)
def test_what_cannot_be_priced_stops_the_calculation(changed, message):
    with pytest.raises(Exception, match=message):
        run({"metered": [LINE], "price_tier": [TIER], **changed})


def test_a_model_that_loses_a_line_is_caught():
    per_unit = price_models()["per_unit"]
    loses = SimpleNamespace(amounts=lambda *tables: per_unit.amounts(*tables).limit(0))
    with pytest.raises(Exception, match="no price model has priced the line L1"):
        run({"metered": [LINE], "price_tier": [TIER]}, per_unit=loses)
