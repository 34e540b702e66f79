"""An explanation is made of the numbers of the rating, and worked out again it agrees."""

from dataclasses import replace

import pytest
from rating.example import rated, written

from crossbill.platform.rating.explain import EventUnknown, explain


def test_every_event_of_the_example_is_explained_and_agrees():
    with rated() as result:
        rows = result.fetch("rated_usage").select(["usage_key", "leg", "amount_nanos"]).to_pylist()
        assert len(rows) > 30
        for row in rows:
            found = explain(result, row["usage_key"], row["leg"])
            assert found.agrees, found
            assert found.amount_nanos == row["amount_nanos"]


def said(result, key, leg="retail"):
    return dict(explain(result, key, leg).steps)


def test_the_steps_say_prefix_version_band_allowance_price_and_rounding():
    with rated() as result:
        steps = said(result, "U006")
        assert "begins with 49, the longest prefix of deck national" in steps["Where to"]
        assert "band peak; prices of version 2023 of tariff national" in steps["Band"]
        assert "policy cents-1, to the nearest, a half up" in steps["Rounding"]
        allowance = said(result, "U001")["Allowance"]
        assert allowance == "minutes-100:2024-02-01:P1 gives 240, which pays for 185"
        assert "in band off" in " ".join(w for _, w in explain(result, "U012").steps)


def test_a_wrong_number_is_seen():
    with rated() as result:
        event = result.tables["rated_usage"]
        wrong_amounts = event.mutate(amount_nanos=event.amount_nanos + 1)
        changed = result.backend.create_view("wrong", wrong_amounts, overwrite=True)
        wrong = replace(result, tables={**result.tables, "rated_usage": changed})
        assert not explain(wrong, "U006").agrees


def test_a_suspended_event_says_why_and_what_to_do():
    with rated() as result:
        steps = said(result, "U016")
    assert steps["Suspended"].startswith("no prefix of the deck fits (destination '99912345')")
    assert steps["What to do"] == "add the prefix to the deck"


@pytest.mark.parametrize(("key", "leg"), [("nobody", "retail"), ("U014", "wholesale")])
def test_an_unknown_event_or_leg_is_refused(key, leg):
    with rated() as result, pytest.raises(EventUnknown):
        explain(result, key, leg)


def test_an_event_of_increments_and_one_of_its_own_price_agree(tmp_path):
    usage = written(
        tmp_path, "p1,41790000002,voice,2024-03-13T14:00:00+01:00,30,41900555666,,,1500000007,EUR,"
    )
    with rated(usage) as result:
        found = explain(result, "p1")
    assert found.agrees
    assert "the event's own price 1.500000007 x 1,100,000 millionths" in dict(found.steps)["Price"]


def test_an_event_of_a_metered_charge_says_that_its_period_is_priced_together():
    with rated() as result:
        found = explain(result, "U027")
    assert dict(found.steps)["Price"].startswith("a price model prices all that the period uses")
    assert found.agrees
