"""The policy behind old bills is found, or one that cannot be told from it.

Each carrier is a family of products with a policy of its own, so all are inferred at once.
"""

from datetime import date
from random import Random

import ibis
import pyarrow as pa
import pytest
from old_carrier import Carrier, any_policy, carrier, together
from oracle.tables import SCHEMAS

from crossbill.engine.duckdb import connect
from crossbill.platform.billing.bills import bill_population
from crossbill.replacement.reconciliation.inference.infer import infer

POLICIES = 200
ACCOUNTS = 12  # of each carrier
FEW = 40  # of 15,552
SPOILT_OF_A_HUNDRED = 2
FINE = {"rounding_scope", "rounding_digits", "discount_base"}
LATER = [(date(2024, month, 1), date(2024, month + 1, 1)) for month in (5, 6)]


@pytest.fixture(scope="module")
def engine():
    with connect(threads=1) as backend:
        yield backend


@pytest.fixture(scope="module")
def carriers() -> list[tuple[dict, Carrier]]:
    """So many carriers with their bills, each under a policy of its own."""
    dice = Random(20240229)
    policies = [any_policy(dice) | {"policy_code": f"F{n}"} for n in range(POLICIES)]
    unbilled = [
        carrier(n, ACCOUNTS, name=p["policy_code"], discounted=n % 4 == 1)
        for n, p in enumerate(policies)
    ]
    return [(p, found.bill(p)) for p, found in zip(policies, unbilled, strict=True)]


@pytest.fixture(scope="module")
def found(engine, carriers):
    fits = infer(engine, together([c for _, c in carriers]).tables()).fits
    assert len(fits) == POLICIES
    return {fit.family: fit for fit in fits}


def test_the_policy_or_one_alike_is_found_each_time(found, carriers):
    for true, _ in carriers:
        assert alike(found[true["policy_code"]], true), true


def test_the_terms_of_discounts_on_whole_bills_are_found_each_time(found, carriers):
    told = 0
    for true, old in carriers:
        for terms in old.facts["terms"]:
            choice = found[true["policy_code"]].discount
            assert any(terms.items() <= rules.items() for rules in choice.alike), true
            told += len(choice.alike) == 1
    assert told > POLICIES // 4 * 9 // 10


def test_most_policies_are_told_from_all_but_a_few(found):
    """Otherwise the first test would be empty: everything could be alike."""
    alike = [len(fit.net.alike) * len(fit.tax.alike) for fit in found.values()]
    assert sum(number == 1 for number in alike) > POLICIES // 5
    assert sum(number <= FEW for number in alike) > POLICIES * 9 // 10


def test_every_line_and_bill_is_reproduced(found):
    assert {reproduced(fit) for fit in found.values()} == {True}


def test_later_bills_are_reproduced_but_for_what_was_not_told(found, carriers):
    """By the engine under the inferred policy, and by the plain biller under the true one."""
    whole = together([c for _, c in carriers])
    inferred = [found[true["policy_code"]].policy(true["policy_code"]) for true, _ in carriers]
    billed = engine_bills(whole, [policy.as_row() for policy in inferred])
    wrong = []
    for (true, later), policy in zip(carriers, inferred, strict=True):
        expected = Carrier(later.facts).bill(true, LATER)
        rows = {key: billed.get(key) for key in expected.totals()}
        if rows != expected.totals():
            wrong.append((true, policy.as_row()))
    for true, policy in wrong:
        fit = found[true["policy_code"]]
        differing = {name for name in policy if policy[name] != true[name]}
        assert differing and differing <= {*fit.net.open_fields, *fit.tax.open_fields}
    assert len(wrong) < POLICIES // 4


def test_wrong_prices_do_not_mislead(engine, carriers):
    spoilt = [c.spoilt(Random(n), SPOILT_OF_A_HUNDRED) for n, (_, c) in enumerate(carriers)]
    fits = {fit.family: fit for fit in infer(engine, together(spoilt).tables()).fits}
    misled = [true for true, _ in carriers if not alike(fits[true["policy_code"]], true)]
    assert len(misled) <= POLICIES // 50
    for true in misled:  # by as many lines as are wrong another digit before the line explains more
        best = fits[true["policy_code"]].rules
        assert {name for name, value in best.items() if value != true[name]} <= FINE
    alone = [true["policy_code"] for true, c in carriers if not c.facts["payer"]]
    assert {reproduced(fits[code]) for code in alone} == {False}  # of parts, all are set aside


def alike(fit, true: dict) -> bool:
    """Whether the true policy is among those that the data cannot tell from the chosen one."""
    net, tax = ({name: true[name] for name in choice.best} for choice in (fit.net, fit.tax))
    return net in fit.net.alike and tax in fit.tax.alike


def reproduced(fit) -> bool:
    """Whether all lines and bills of a family fit."""
    stages = (
        (fit.net, ("line", "extra")),
        (fit.tax, ("taxed_line", "bill")),
        (fit.discount, ("off", "not_off")),
    )
    return all(
        outcome.fits(choice.number)
        for choice, kinds in stages
        for outcome in fit.outcomes
        if outcome.kind in kinds
    )


def engine_bills(whole: Carrier, policies: list[dict]) -> dict[tuple, tuple]:
    """Net and tax of each later bill, each account under the policy of its carrier."""
    facts = {name: rows for name, rows in whole.facts.items() if rows and name in SCHEMAS}
    tables = {name: pa.Table.from_pylist(rows, SCHEMAS[name]) for name, rows in facts.items()}
    tables["policy"] = pa.Table.from_pylist(policies, SCHEMAS["policy"])
    tables["periods"] = pa.Table.from_pylist(
        [{"period_from": a, "period_to": b} for a, b in LATER], SCHEMAS["periods"]
    )
    with connect(threads=1) as backend:
        held = {name: ibis.memtable(rows) for name, rows in tables.items()}
        rows = backend.to_pyarrow(bill_population(backend, held)["bill"]).to_pylist()
    return {
        (row["account_key"], row["period_from"]): (row["net_minor"], row["tax_minor"])
        for row in rows
    }
