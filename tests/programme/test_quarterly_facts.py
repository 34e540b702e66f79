"""The figures of the quarterly report, each counted again here in another way."""

from datetime import UTC, date, datetime

import pytest
from small_programme import BILLS, DIFFERENCES, WAVES, build

from crossbill.platform.ledger.models import Posting
from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.programme.facts import Check, as_plain, ppm
from crossbill.replacement.programme.models import BookedSpending, PlannedSpending
from crossbill.replacement.programme.quarter import Quarter
from crossbill.replacement.programme.queries import (
    CarrierNeeded,
    CarrierUnknown,
    NoReplacement,
    QuarterWithoutData,
    find_replacement,
    latest_quarter,
    quarterly_facts,
    quarters_with_data,
    replacements_of,
)
from crossbill.replacement.reconciliation.models import Difference, Gate, Signature
from crossbill.replacement.reconciliation.queries import bill_match
from crossbill.runs.models import Stage


def facts_of(replacement, quarter="2024Q2", as_of=None):
    asked = Quarter.parse(quarter)
    day = as_of or asked.as_of(date(2026, 1, 1))
    return quarterly_facts(replacement_id=replacement.pk, quarter=asked, as_of_date=day)


def test_accounts_are_counted_by_where_they_stand_at_the_end_of_the_quarter(facts):
    moves = list(AccountMove.objects.select_related("wave"))
    live = [move for move in moves if move.state == "live"]
    kept = [move for move in moves if move.state == "fallout"]
    accounts = facts.accounts
    assert (accounts.total, accounts.moved, accounts.fallout) == (len(moves), len(live), len(kept))
    assert (accounts.moved_before, accounts.moved_in_quarter, accounts.to_go) == (0, 9, 4)


def test_the_wave_of_the_next_quarter_is_not_among_the_waves_to_date(facts):
    assert [w.name for w in facts.waves] == ["Wave 1", "Wave 2"]
    assert [(w.name, w.accounts) for w in facts.next_waves] == [("Wave 3", 2)]
    assert [(w.accounts, w.moved, w.fallout) for w in facts.waves] == [
        (len(states), states.count("live"), states.count("fallout")) for _, _, states in WAVES[:2]
    ]


def test_a_wave_that_went_live_after_the_quarter_does_not_change_its_report(replacement, facts):
    wave = Wave.objects.get(position=3)
    gate = Gate.objects.create(
        wave=wave, rules=[], result="passed", evidence_sha256="a" * 64,
        facts={"bills": BILLS[0], "classes": {}, "control_totals": []},
    )  # fmt: skip
    for signature in Signature.objects.filter(gate__wave__position=1):
        Signature.objects.create(gate=gate, user=signature.user, evidence_sha256="a" * 64)
    wave.live_at = datetime(2024, 7, 20, tzinfo=UTC)
    wave.save()
    wave.moves.update(state="live")
    again = facts_of(replacement)
    assert (again.accounts, again.bills, again.waves) == (facts.accounts, facts.bills, facts.waves)
    assert [m.state for m in again.milestones if m.code == "M4"] == ["planned"]
    following = facts_of(replacement, "2024Q3")
    assert (following.accounts.moved_before, following.accounts.moved_in_quarter) == (9, 2)


def test_bills_are_those_that_the_gates_of_the_quarter_counted(facts):
    gates = Gate.objects.filter(wave__position__lte=2)
    for name in ("compared", "equal", "explained", "unexplained"):
        assert getattr(facts.bills, name) == sum(gate.facts["bills"][name] for gate in gates)
    assert facts.bills.match_ppm == 818_181  # 18 of 22, never rounded up


def test_classes_count_differences_and_whole_bills_only_once(facts):
    rows = Difference.objects.all()
    for each in facts.classes:
        mine = rows.filter(class_code=each.class_code)
        assert each.differences == mine.count()
        assert each.accounts == len({row.account_key for row in mine})
        totals = [row.amount_minor for row in mine if row.field == "total_minor"]
        over, under = (sum(a for a in totals if a * sign > 0) for sign in (1, -1))
        assert [(m.over_minor, m.under_minor) for m in each.money] in ([(over, under)], [])
    assert sum(each.differences for each in facts.classes) == len(DIFFERENCES)
    assert [each.class_code for each in facts.classes] == [
        "PRICE_VERSION", "UNEXPLAINED", "ROUNDING", "FORMAT"
    ]  # fmt: skip
    assert [(m.over_minor, m.under_minor) for m in facts.money] == [(982, -338)]


def test_fallout_shows_one_reason_of_each_class(facts):
    (kept,) = facts.fallout
    assert (kept.accounts, kept.example_account) == (2, "A07")
    assert kept.example_reason == "The price of A07 differs"


@pytest.mark.parametrize(
    ("code", "state", "achieved"),
    [
        ("M1", "achieved", date(2024, 4, 5)),  # typed
        ("M2", "achieved", date(2024, 5, 18)),  # by its wave, on the cutover date
        ("M3", "late", None),
        ("M4", "planned", None),
        ("M5", "achieved", date(2024, 1, 19)),
    ],
)
def test_a_milestone_is_achieved_late_or_planned(facts, code, state, achieved):
    (milestone,) = (m for m in facts.milestones if m.code == code)
    assert (milestone.state, milestone.achieved_date) == (state, achieved)


def test_in_the_middle_of_a_quarter_later_days_have_not_happened(replacement):
    early = facts_of(replacement, as_of=date(2024, 5, 17))
    assert {m.code: str(m.state) for m in early.milestones}["M2"] == "planned"
    assert [risk.code for risk in early.risks] == ["B1", "R1", "R2"]
    assert early.budget_to_date.booked_minor == 110_000


def test_closed_risks_and_teams_that_left_are_not_in_the_report(facts):
    assert [risk.code for risk in facts.risks] == ["B1", "R1"]
    assert [team.name for team in facts.teams] == ["Platform"]


def test_the_budget_adds_up_to_amount_and_percent_over_plan(facts):
    end = Quarter.parse("2024Q2").to_date
    booked = sum(b.amount_minor for b in BookedSpending.objects.filter(booked_date__lt=end))
    planned = sum(p.amount_minor for p in PlannedSpending.objects.filter(quarter__lte="2024Q2"))
    spending = facts.budget_to_date
    assert (spending.planned_minor, spending.booked_minor) == (planned, booked)
    assert (spending.over_minor, spending.over_ppm) == (20_000, 50_000)
    assert facts.budget_quarter.over_minor == (105_050 + 210_000 - 5_050) - 300_000


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(5, 100, 50_000), (-1, 3, -333_333), (2, 3, 666_667), (1, 0, None), (0, 7, 0)],
)
def test_shares_are_exact_millionths(part, whole, expected):
    assert ppm(part, whole) == expected


def test_the_ledger_ties_out_and_reversed_openings_do_not_count(facts):
    (book,) = facts.ledger
    receivable = Posting.objects.filter(gl_account="1200").values_list("amount_minor", flat=True)
    assert book.receivable_minor == sum(receivable) == 5_000
    assert (book.clearing_minor, book.open_items_minor) == (-5_000, 5_000)
    assert [check.name for check in facts.checks if not check.holds] == []


def test_a_difference_that_no_gate_counted_shows_as_a_check_that_does_not_hold(replacement):
    first = Difference.objects.first()
    first.pk = None
    first.save()
    broken = [check for check in facts_of(replacement).checks if not check.holds]
    assert broken == [Check("Differences on record = differences in the gates' facts", 6, 7)]


def test_the_next_gate_is_blocked_until_the_wave_is_rehearsed(facts):
    assert facts.blocks_next_gate == ("Wave 3 has not been rehearsed yet",)


def test_a_wave_that_waits_for_people_is_rehearsed_and_its_bills_count(replacement):
    before = bill_match(replacement.id).compared
    Stage.objects.create(
        run=replacement.run, name="reconcile-3", title="Compare", position=90,
        finished_at=datetime(2024, 6, 20, tzinfo=UTC),
        notes={"bills equal": 5, "bills explained": 2, "bills unexplained": 1},
    )  # fmt: skip
    facts = facts_of(replacement, "2024Q3")
    assert facts.blocks_next_gate == (
        "Wave 3 was compared; people have not taken it to its gate yet",
    )
    wave = facts.waves[-1]
    assert (wave.name, wave.gate, wave.bills.compared) == ("Wave 3", "waits for people", 8)
    assert bill_match(replacement.id).compared == before + 8


def test_a_refused_gate_names_the_rule_that_does_not_hold(replacement):
    rules = [
        {"rule": "Accounts that fall out", "limit": 25, "found": 31, "holds": False},
        {"rule": "Control totals", "limit": 0, "found": 0, "holds": True},
    ]
    facts = {"bills": BILLS[0], "classes": {}, "control_totals": []}
    Gate.objects.create(
        wave=Wave.objects.get(position=3), rules=rules, result="refused", evidence_sha256="a" * 64,
        facts=facts,
    )  # fmt: skip
    blocks = facts_of(replacement).blocks_next_gate
    assert blocks == ("Wave 3: Accounts that fall out (limit 25, found 31)",)


def test_json_holds_the_computed_figures_too(facts):
    plain = as_plain(facts)
    assert (plain["quarter"], plain["as_of_date"]) == ("2024Q2", "2024-06-30")
    assert plain["accounts"]["to_go"] == 4
    assert plain["budget_to_date"]["over_ppm"] == 50_000
    assert plain["milestones"][0]["state"] == "achieved"


def test_quarters_with_data_are_those_with_waves_plans_days_or_bookings(replacement):
    found = quarters_with_data(replacement_id=replacement.pk)
    assert [str(quarter) for quarter in found] == ["2024Q1", "2024Q2", "2024Q3"]
    assert str(latest_quarter(replacement_id=replacement.pk)) == "2024Q2"


def test_a_quarter_without_data_is_refused_and_names_those_that_have_some(replacement):
    with pytest.raises(QuarterWithoutData, match="use one of 2024Q1, 2024Q2, 2024Q3"):
        facts_of(replacement, "2023Q4")


def test_without_a_programme_file_the_system_still_knows_its_own_figures(db):
    facts = facts_of(build(with_programme=False))
    assert (facts.has_programme, facts.accounts.moved, facts.budget) == (False, 9, ())


@pytest.mark.django_db
def test_without_a_replacement_the_cure_is_the_demo():
    with pytest.raises(NoReplacement, match="crossbill demo"):
        find_replacement()


def test_of_several_carriers_one_must_be_named(replacement):
    other = build(carrier_code="telco", with_programme=False)
    with pytest.raises(CarrierNeeded, match="opticom, telco"):
        find_replacement()
    with pytest.raises(CarrierUnknown, match="use one of opticom, telco"):
        find_replacement(carrier_code="nobody")
    assert find_replacement(carrier_code="telco") == other


def test_without_a_carrier_the_newest_with_figures_in_the_quarter_is_reported(replacement):
    from crossbill.replacement.programme.quarter import Quarter

    newer = build(carrier_code="telco", with_programme=False)
    assert replacements_of(Quarter.parse("2024Q2")) == [newer, replacement]
    assert replacements_of(Quarter.parse("1999Q1")) == []
