"""A policy states every rule; what is missing or unknown is refused by name."""

import pytest

from crossbill.core.policy import Policy, PolicyUnreadable
from crossbill.engine.datasets import POLICY

STATED = {
    "policy_code": "old-2019",
    "day_count": "thirty_360",
    "end_day_counts": True,
    "rounding_mode": "down",
    "rounding_scope": "line",
    "rounding_digits": 0,
    "discount_base": "rounded",
    "price_by": "bill_time",
    "tax_scope": "line",
    "tax_rounding_mode": "half_even",
}


def test_a_policy_survives_as_a_row():
    policy = Policy.from_mapping(STATED)
    assert policy.as_row() == STATED
    assert list(policy.as_row()) == [column.name for column in POLICY.columns]


@pytest.mark.parametrize("name", STATED)
def test_no_rule_has_a_default(name):
    with pytest.raises(PolicyUnreadable) as caught:
        Policy.from_mapping({k: v for k, v in STATED.items() if k != name}, file="policy.yaml")
    assert caught.value.field == name
    assert "policy.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("day_count", "30/360"),
        ("rounding_mode", "DOWN"),
        ("tax_rounding_mode", 1),
        ("price_by", ""),
        ("tax_scope", "invoice"),
        ("end_day_counts", "yes"),
        ("end_day_counts", 1),
        ("policy_code", " "),
        ("policy_code", 7),
        ("roundingmode", "down"),
    ],
)
def test_a_value_that_the_engine_does_not_know_is_refused(field, value):
    with pytest.raises(PolicyUnreadable) as caught:
        Policy.from_mapping(STATED | {field: value})
    assert caught.value.field == field
