"""Policies behind bills of any terms: currencies, bill days, advance, prices with their tax."""

from random import Random

import ibis
import pyarrow as pa
import pytest
from old_carrier import any_policy, carrier
from oracle.plain_bill import Biller

from crossbill.core.period import month_period
from crossbill.engine.billing_datasets import COMPONENT
from crossbill.engine.duckdb import connect
from crossbill.replacement.reconciliation.inference.details import unfit_lines, unfit_taxes
from crossbill.replacement.reconciliation.inference.infer import infer

DIGITS = {"USD": 2, "JPY": 0, "KWD": 3}
OFTEN_MISSING = ("charge_from", "price_code", "category")


@pytest.fixture(scope="module")
def engine():
    with connect(threads=1) as backend:
        yield backend


@pytest.mark.parametrize("missing", [0, 2, len(OFTEN_MISSING)])
def test_the_policy_is_found_whatever_the_terms(engine, missing):
    """However much a line tells: its first day, its price, its category, or neither of them."""
    dice = Random(missing)
    true, found = any_policy(dice), carrier(missing, accounts=40)
    found.facts["payer"] = []  # each in a currency of its own, and everybody pays for themselves
    _settle(dice, found.facts)
    _bill(found, true)
    for line in found.lines:
        for name in OFTEN_MISSING[:missing]:
            del line[name]
    tables = found.tables()
    rows = pa.Table.from_pylist(found.facts["component"], COMPONENT.arrow)
    inferred = infer(engine, tables | {"component": ibis.memtable(rows)})
    (fit,) = inferred.fits
    assert {name: true[name] for name in fit.net.best} in fit.net.alike
    assert {name: true[name] for name in fit.tax.best} in fit.tax.alike
    assert (unfit_lines(inferred), unfit_taxes(inferred)) == ([], [])
    assert sum(outcome.lines for outcome in fit.outcomes if outcome.kind == "line") == len(
        found.lines
    )


def _settle(dice: Random, facts: dict) -> None:
    """Currencies and bill days for the accounts, terms for the offerings."""
    for account in facts["account"]:
        account |= {"currency": dice.choice(list(DIGITS)), "bill_cycle_day": _any_day(dice)}
    currencies = {account["account_key"]: account["currency"] for account in facts["account"]}
    for product in facts["product"]:
        product["offering_code"] = currencies[product["account_key"]] + product["offering_code"]
    terms = [row for offering in ("O0", "O1", "O2") for row in _terms(dice, offering)]
    facts["component"] = [
        row | {name: currency + row[name] for name in ("offering_code", "price_code")}
        for row in terms
        for currency in DIGITS
    ]
    facts["price"] = [
        row | {"currency": currency, "offering_code": currency + row["offering_code"] + part}
        for row in facts["price"]
        for currency in DIGITS
        for part in ("", "-SETUP")
    ]


def _any_day(dice: Random) -> int:
    return dice.choice([1, 15, 30, 31])


def _terms(dice: Random, offering: str) -> list[dict]:
    """A monthly price of any terms, and what it costs to begin."""
    monthly = {
        "offering_code": offering,
        "price_code": offering,
        "kind": "recurring",
        "timing": dice.choice(["advance", "arrears"]),
        "months": 1,
        "alignment": dice.choice(["cycle", "start", "calendar"]),
        "prorated": dice.random() < 0.7,
        "tax_category": "standard",
        "tax_inclusive": dice.random() < 0.5,
    }
    once = {"price_code": f"{offering}-SETUP", "kind": "one_time", "timing": "start"}
    return [monthly, monthly | once]


def _bill(found, policy: dict) -> None:
    """Four months of each account by its own bill day, in nanos of its currency."""
    for account in found.facts["account"]:
        digits = DIGITS[account["currency"]]
        for month in (1, 2, 3, 4):
            period = month_period(2024, month, account["bill_cycle_day"])
            days = (period.from_date, period.to_date)
            bill = Biller({**found.facts, "policy": [policy]}, days, digits).bill(account)
            billed = {"account_key": account["account_key"], "period_from": days[0]}
            nanos = 10 ** (9 - digits)
            for line in bill.lines:
                found.lines.append(
                    {
                        **billed, "period_to": days[1], "product_key": line.product,
                        "category": line.category, "price_code": line.price_code,
                        "charge_from": line.charge_from, "net_nanos": line.net * nanos,
                        "tax_nanos": line.tax * nanos,
                    }
                )  # fmt: skip
            if bill.lines:
                amounts = {"net": bill.net, "tax": bill.tax, "total": bill.total}
                found.bills.append(
                    billed | {f"{name}_nanos": value * nanos for name, value in amounts.items()}
                )
