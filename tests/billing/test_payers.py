"""Who pays for whom: parents, shares, and rules that are not sound."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbill.core.refusal import Refusal
from crossbill.platform.billing.compute import computed
from crossbill.platform.billing.payers import families

MOBILE = Path(__file__).parents[2] / "examples" / "billing" / "mobile"
POLICY = str(MOBILE / "policy.yaml")
HEAD = "account_key,payer_key,category,share_ppm,valid_from,valid_to\n"


@pytest.fixture
def snapshot(tmp_path):
    shutil.copytree(MOBILE, tmp_path / "snapshot")
    return tmp_path / "snapshot"


def billed(snapshot, rules="", account=None):
    """Bills and lines of March, with these rules of who pays."""
    if rules:
        (snapshot / "payer.csv").write_text(HEAD + rules)
    with computed(snapshot, period="2026-03", policy=POLICY, account=account) as found:
        return found.fetch("bill").to_pylist(), found.fetch("bill_line").to_pylist()


def nets(bills):
    return {bill["account_key"]: bill["net_minor"] for bill in bills}


def test_a_parent_pays_for_its_child_and_the_bill_says_whose_use_it_was(snapshot):
    before = nets(billed(snapshot)[0])
    bills, lines = billed(snapshot, "A1,A4,,1000000,2026-01-01,\n")
    assert nets(bills) == {
        "A2": before["A2"], "A3": before["A3"], "A4": before["A4"] + before["A1"],
    }  # fmt: skip
    used = {line["used_by"] for line in lines if line["account_key"] == "A4"}
    assert used == {None, "A1"}


def test_a_category_may_be_paid_by_somebody_else(snapshot):
    _, before = billed(snapshot)
    rules = "A1,A4,usage,1000000,2026-01-01,\n"
    _, lines = billed(snapshot, rules)
    moved = [line for line in lines if line["used_by"] == "A1"]
    usage = [x for x in before if x["account_key"] == "A1" and x["category"] == "usage"]
    assert sum(x["net_minor"] for x in moved if x["category"] == "usage") == usage[0]["net_minor"]
    taken = {x["taken_from"] for x in moved if x["category"] == "discount"}
    assert taken == {"alpina-s"}, "what is taken off the usage goes with it"
    assert {x["category"] for x in moved} == {"usage", "discount"}


def test_shares_add_up_to_each_line(snapshot):
    _, before = billed(snapshot)
    rules = "A1,A1,,333333,2026-01-01,\nA1,A4,,666667,2026-01-01,\n"
    _, lines = billed(snapshot, rules)
    key = ("product_key", "category", "price_code", "charge_from", "taken_from")
    whole = {tuple(x[k] for k in key): x["net_minor"] for x in before if x["account_key"] == "A1"}
    parts: dict = {}
    for line in lines:
        if line["used_by"] == "A1":
            name = tuple(line[k] for k in key)
            parts[name] = parts.get(name, 0) + line["net_minor"]
    assert parts == whole


def test_a_rule_holds_by_the_periods_first_day(snapshot):
    bills, _ = billed(snapshot, "A1,A4,,1000000,2026-01-01,2026-03-01\n")
    assert "A1" in nets(bills)


def test_a_preview_of_a_payer_is_the_run(snapshot):
    bills, lines = billed(snapshot, "A1,A4,,1000000,2026-01-01,\n")
    alone, own = billed(snapshot, account="A4")
    mine = [bill for bill in bills if bill["account_key"] == "A4"]
    assert [bill for bill in alone if bill["account_key"] == "A4"] == mine
    assert [x for x in own if x["account_key"] == "A4"] == [
        x for x in lines if x["account_key"] == "A4"
    ]


BAD = [
    ("nobody pays", "A1,A9,,1000000,2026-01-01,\n", "payer_key"),
    ("of nobody", "A9,A1,,1000000,2026-01-01,\n", "account_key"),
    ("a loop", "A1,A4,,1000000,2026-01-01,\nA4,A1,,1000000,2026-01-01,\n", "payer_key"),
    ("a payer is paid for", "A1,A4,,1000000,2026-01-01,\nA4,A4,,1,2026-01-01,\n", "payer_key"),
    ("shares of half", "A1,A4,,500000,2026-01-01,\n", "share_ppm"),
    ("shares of more", "A1,A4,,600000,2026-01-01,\nA1,A1,,600000,2026-01-01,\n", "share_ppm"),
    ("later a share is missing",
     "A1,A4,,500000,2026-01-01,\nA1,A1,,500000,2026-01-01,2026-05-01\n", "share_ppm"),
    ("a share of nothing", "A1,A4,,0,2026-01-01,\n", "share_ppm"),
    ("another bill day", "A1,A2,,1000000,2026-01-01,\n", "payer_key"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "rules", "field"), BAD)
def test_rules_that_are_not_sound_are_refused(snapshot, title, rules, field):
    with pytest.raises(Refusal) as refused:
        billed(snapshot, rules)
    assert (refused.value.code, refused.value.field) == ("BAD_BILLING_SNAPSHOT", field), title


KEYS = st.sampled_from("ABCDEFGH")


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(KEYS, KEYS), max_size=8))
def test_a_family_is_all_that_hang_together(pairs):
    found = families([{"account_key": a, "payer_key": b} for a, b in pairs])
    assert all(found[a] == found[b] for a, b in pairs)
    assert all(found[first] == first <= key for key, first in found.items())
    alone = {key: {key} for pair in pairs for key in pair}
    for a, b in pairs:
        together = alone[a] | alone[b]
        alone.update(dict.fromkeys(together, together))
    assert all(found[key] == min(group) for key, group in alone.items())
