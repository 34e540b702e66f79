"""Who can pay for whom: shares that are a whole, no loops, billed alike."""

from dataclasses import replace
from datetime import date

import pytest

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.amendments import Billed
from crossbill.platform.customer.payer_rules import PayersAsked, planned_payers

TODAY, MAY, JULY = date(2026, 4, 16), date(2026, 5, 1), date(2026, 7, 1)
ACCOUNTS = {
    key: Billed(key, currency, cycle, key == "SHUT")
    for key, currency, cycle in [
        ("A", "CHF", 1), ("B", "CHF", 1), ("C", "CHF", 1), ("EUR", "EUR", 1), ("MID", "CHF", 15),
        ("SHUT", "CHF", 1),
    ]
}  # fmt: skip
WHOLE, HALF = 1_000_000, 500_000
BY_B = PayersAsked("A", MAY, (("B", WHOLE),))


def rule(account, payer, share=WHOLE, category=None, begins=date(2026, 1, 1), ends=None):
    return {
        "account_key": account, "payer_key": payer, "category": category, "share_ppm": share,
        "valid_from": begins, "valid_to": ends,
    }  # fmt: skip


def test_another_account_pays_from_a_day_on():
    plan = planned_payers(BY_B, [], ACCOUNTS, TODAY)
    assert (plan.ends, plan.begins) == ((), (rule("A", "B", begins=MAY),))
    assert (plan.before, plan.after) == ("", "100 % of everything by B")


def test_new_shares_end_the_old_ones_of_the_same_kind_of_charges_only():
    over = rule("A", "C", begins=date(2025, 1, 1), ends=date(2026, 1, 1))
    held = [rule("A", "B"), rule("A", "C", category="usage"), over]
    asked = replace(BY_B, shares=(("B", HALF), ("A", HALF)))
    plan = planned_payers(asked, held, ACCOUNTS, TODAY)
    assert plan.ends == (held[0],)
    assert plan.after == "50 % of everything by B, 50 % of everything by itself"


def test_nobody_is_the_account_itself():
    plan = planned_payers(replace(BY_B, shares=()), [rule("A", "B")], ACCOUNTS, TODAY)
    assert (plan.begins, plan.before, plan.after) == ((), "100 % of everything by B", "")


REFUSED = [
    ({"shares": (("B", HALF),)}, [], "add up to 50 %"),
    ({"shares": (("B", WHOLE), ("C", HALF))}, [], "add up to 150 %"),
    ({"shares": (("B", 0), ("C", WHOLE))}, [], "Not a share"),
    ({"shares": (("B", HALF), ("B", HALF))}, [], "named twice"),
    ({"shares": (("X", WHOLE),)}, [], "No such account"),
    ({"shares": (("EUR", WHOLE),)}, [], "another currency"),
    ({"shares": (("MID", WHOLE),)}, [], "another bill_cycle_day"),
    ({"shares": (("SHUT", WHOLE),)}, [], "The payer is closed"),
    ({"account_key": "SHUT"}, [], "The account is closed"),
    ({"category": "tax"}, [], "no such category"),
    ({}, [rule("B", "A")], "Somebody pays for this payer"),
    ({}, [rule("B", "C")], "Somebody pays for this payer"),
    ({}, [rule("C", "A")], "Somebody pays for this payer"),
    ({}, [rule("A", "C", begins=JULY)], "Other payers begin on 2026-07-01"),
    ({}, [rule("A", "B")], "how it is paid already"),
    ({"shares": ()}, [], "how it is paid already"),
    ({"valid_from": date(2026, 3, 1)}, [], "that period is over"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "held", "said"), REFUSED, ids=[each[2] for each in REFUSED])
def test_what_cannot_be_is_refused_with_a_cure(asked, held, said):
    with pytest.raises(Refusal, match=said) as refused:
        planned_payers(replace(BY_B, **asked), held, ACCOUNTS, TODAY)
    assert refused.value.cure
    assert refused.value.field
