"""Choosing among candidates: most lines win, equal ones are told, families agree where they can."""

import pytest

from crossbill.core.policy import Policy
from crossbill.replacement.reconciliation.inference import space
from crossbill.replacement.reconciliation.inference.space import Outcome, agreed, chosen

TAX = space.candidates(space.TAX)
KINDS = (("bill",), ("line",))


def numbers(**rules) -> list[int]:
    """The candidates of tax with these rules."""
    return [n for n, c in enumerate(TAX) if all(c[name] in v for name, v in rules.items())]


def outcome(kind: str, rows: int, fitting: list[int]) -> Outcome:
    return Outcome("all", "USD", kind, sum(1 << n for n in fitting), rows, rows, 0)


def test_the_space_has_every_policy_once():
    policies = {
        Policy.from_mapping({"policy_code": "x", **net, **tax})
        for net in space.candidates(space.NET)
        for tax in TAX
    }
    rounded = 3 * (1 + 4 * 2)  # without further digits there is one base of a discount
    assert len(policies) == (3 * 2 * 2 * 4 * rounded) * (3 * 4)


def test_most_rows_win_and_the_margin_is_told():
    down, up = numbers(tax_rounding_mode=["down"]), numbers(tax_rounding_mode=["up"])
    choice = chosen(space.TAX, [outcome("line", 7, down), outcome("line", 3, up)], KINDS, {})
    assert choice.best["tax_rounding_mode"] == "down"
    assert choice.margin == 4
    assert choice.open_fields == ("tax_scope",)
    assert choice.joint_fields == ()


def test_the_first_kind_goes_before_all_others():
    line, bill = numbers(tax_scope=["line"]), numbers(tax_scope=["bill"])
    choice = chosen(space.TAX, [outcome("line", 99, line), outcome("bill", 1, bill)], KINDS, {})
    assert choice.best["tax_scope"] == "bill"


def test_equal_numbers_of_different_rows_are_not_alike():
    """Both reproduce as many, yet one line would tell: the margin says so."""
    down, up = numbers(tax_rounding_mode=["down"]), numbers(tax_rounding_mode=["up"])
    choice = chosen(space.TAX, [outcome("line", 5, down), outcome("line", 5, up)], KINDS, {})
    assert choice.alternatives("tax_rounding_mode") == ("down",)
    assert choice.margin == 0


def test_rules_that_are_told_only_together():
    pair = [
        *numbers(tax_scope=["line"], tax_rounding_mode=["down"]),
        *numbers(tax_scope=["bill"], tax_rounding_mode=["up"]),
    ]
    choice = chosen(space.TAX, [outcome("line", 5, pair)], KINDS, {})
    assert choice.open_fields == ("tax_scope", "tax_rounding_mode")
    assert choice.joint_fields == ("tax_scope", "tax_rounding_mode")


@pytest.mark.parametrize(("like", "mode"), [({}, "half_up"), ({"tax_rounding_mode": "up"}, "up")])
def test_of_what_is_alike_the_likest_or_first_is_taken(like, mode):
    choice = chosen(space.TAX, [outcome("line", 5, list(range(len(TAX))))], KINDS, like)
    assert choice.best == {"tax_scope": "line", "tax_rounding_mode": mode}
    assert choice.margin is None


def test_families_take_what_all_of_them_hold_for_alike():
    any_mode = chosen(space.TAX, [outcome("line", 5, numbers(tax_scope=["line"]))], KINDS, {})
    only_up = [outcome("line", 5, numbers(tax_scope=["line"], tax_rounding_mode=["up"]))]
    both = agreed([any_mode, chosen(space.TAX, only_up, KINDS, {})], {})
    assert {choice.best["tax_rounding_mode"] for choice in both} == {"up"}


def test_families_that_cannot_agree_keep_their_own():
    choices = [
        chosen(space.TAX, [outcome("line", 5, numbers(tax_scope=[scope]))], KINDS, {})
        for scope in ("line", "bill")
    ]
    assert [choice.best["tax_scope"] for choice in agreed(choices, {})] == ["line", "bill"]
