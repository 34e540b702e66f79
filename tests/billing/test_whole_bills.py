"""Bills whose sum is rounded: what each prints, why, and what is refused."""

from datetime import date
from pathlib import Path

import pytest
from calculation import load, result
from oracle.tables import ACCOUNT, OLD_POLICY, PRICE, PRODUCT, stated

from crossbill.core.money import parse_nanos
from crossbill.engine.integers import AmountOverflow, refusing_overflow
from crossbill.platform.billing.compute import computed
from crossbill.platform.billing.explain_bill import explained

MOBILE = Path(__file__).parents[2] / "examples" / "billing" / "mobile"
CHARGED = ("recurring", "one_time", "usage")
THIRD = (1, 11)  # days of April
HALF = (16, 31)
ALL = (1, 31)
ADVANCE = {
    "kind": "recurring", "timing": "advance", "months": 1, "alignment": "cycle",
    "prorated": True, "tax_category": "standard", "tax_inclusive": False,
}  # fmt: skip
# What the case is; the policy; prices with the days of April that they are held; what is printed.
BILLS = [
    ("thirds are a price", {}, [("10", THIRD)] * 3, [334, 333, 333]),
    ("two thirds and a third", {}, [("10", THIRD), ("10", (1, 21))], [333, 667]),
    ("the larger rest first", {}, [("0.014", ALL), ("0.016", ALL)], [1, 2]),
    ("cut", {}, [("0.019", ALL), ("0.009", ALL)], [2, 0]),
    ("up", {"rounding_mode": "up"}, [("0.011", ALL), ("0.011", ALL)], [2, 1]),
    ("halves up", {"rounding_mode": "half_up"}, [("0.05", HALF)] * 3, [3, 3, 2]),
    ("a half to the even", {"rounding_mode": "half_even"}, [("0.05", HALF)], [2]),
    ("one line", {"rounding_mode": "half_up"}, [("49", (1, 20))], [3103]),
    ("nothing", {"rounding_mode": "up"}, [("0", ALL), ("0", THIRD)], [0, 0]),
    ("nothing has no rest", {"rounding_mode": "up"}, [("0", ALL), ("0.001", ALL)], [0, 1]),
    ("once", {"rounding_mode": "half_up"}, [("0.00495", ALL)], [0]),
    (
        "twice, by its further digits",
        {"rounding_mode": "half_up", "rounding_digits": 2}, [("0.00495", ALL)], [1],
    ),
    ("yen", {"rounding_mode": "half_up", "currency": "JPY"}, [("100.3", ALL)] * 2, [101, 100]),
]  # fmt: skip


def billed(cases, **changed):
    """What each case prints: its lines in order of its products."""
    rows = {"account": [], "product": [], "price": [], "policy": []}
    for case, changed_rules, prices, _ in cases:
        rules = {"policy_code": case, "rounding_scope": "bill", "currency": "USD"} | changed_rules
        currency = rules.pop("currency")
        account = {"account_key": case, "policy_code": case, "currency": currency}
        rows["account"].append(ACCOUNT | account)
        rows["policy"].append(OLD_POLICY | rules)
        for place, (price, (first, end)) in enumerate(prices):
            key = f"{case} {place}"
            held = {"product_key": key, "account_key": case, "offering_code": key}
            days = {"start_date": date(2024, 4, first)}
            days["end_date"] = date(2024, 4, end) if end <= 30 else None
            rows["product"].append(PRODUCT | held | days)
            listed = {"offering_code": key, "currency": currency}
            rows["price"].append(PRICE | listed | {"amount_nanos": parse_nanos(price)})
    load(stated(**rows | changed))
    with refusing_overflow():
        lines = sorted(result("bill_line"), key=lambda row: row["product_key"])
    assert result("unresolved") == []
    return {
        case[0]: [row["net_minor"] for row in lines if row["account_key"] == case[0]]
        for case in cases
    }


def test_lines_are_parts_of_the_rounded_sum_and_accounts_do_not_meet():
    assert billed(BILLS) == {case: printed for case, _, _, printed in BILLS}


@pytest.mark.parametrize(("mode", "back"), [("down", -666), ("up", -667), ("half_up", -667)])
def test_what_is_given_back_is_rounded_by_size(mode, back):
    case = ("back", {"rounding_mode": mode}, [("10", THIRD)], None)
    code = "back 0"
    terms = [ADVANCE | {"offering_code": code, "price_code": code}]
    through = {"product_key": code, "price_code": code, "charged_through": date(2024, 5, 1)}
    assert billed([case], component=terms, charged=[through]) == {"back": [back]}


def test_a_sum_beyond_the_limit_is_refused():
    largest = ("999999999", ALL)
    assert billed([("nine", {}, [largest] * 9, None)])["nine"] == [99_999_999_900] * 9
    with pytest.raises(AmountOverflow):
        billed([("ten", {}, [largest] * 10, None)])


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    text = (MOBILE / "policy.yaml").read_text("utf-8")
    changed = text.replace("rounding_scope: line", "rounding_scope: bill")
    assert changed != text
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(changed, "utf-8")
    return str(path)


def test_each_line_tells_of_the_sum_that_it_is_a_part_of(policy):
    with computed(MOBILE, period="2026-03", policy=policy) as found:
        bills, charges = explained(found), found.fetch("charge").to_pylist()
    told = [line for bill in bills for line in bill.lines if line.line["category"] in CHARGED]
    assert len(told) == sum(charge["numerator"] > 0 for charge in charges)
    for line in told:
        assert any(f"its part by largest remainder: {line.net}" in step for step in line.steps)
    first = "14.83548387, with all that the account is charged 78.68868387 (4 charges)"
    assert any(first in line.steps for line in told)
