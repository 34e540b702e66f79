"""Whatever one account's old bill is made wrong by, it is found, and nobody else is accused."""

from copy import deepcopy
from datetime import date

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle.tables import ACCOUNT, MAY, OLD_POLICY, PRICE, PRODUCT, TAX_RATE, stated
from reconciliation.two_sides import Rows, billed, bills_of, reconciled

ACCOUNTS = 6
OFFERINGS = {"FIBRE": 49_000_000_000, "LINE": 17_990_000_000, "TV": 8_170_000_000}
RATES = {"NY01": 88_750, "CT01": 63_500, "EX00": 0}
DAYS = st.sampled_from([date(2020, 1, 1), date(2024, 5, 12), date(2024, 5, 26), date(2024, 5, 31)])
products = st.fixed_dictionaries(
    {
        "offering_code": st.sampled_from(sorted(OFFERINGS)),
        "quantity": st.integers(1, 5),
        "start_date": DAYS,
        "discount_ppm": st.none() | st.sampled_from([50_000, 100_000, 125_000]),
        "price_override_nanos": st.none() | st.just(39_990_000_000),
    }
)
estates = st.lists(st.lists(products, min_size=1, max_size=4), min_size=ACCOUNTS, max_size=ACCOUNTS)
NO_TARIFF: Rows = []
UNKNOWN = {"UNEXPLAINED"}
# A reconciliation takes a second: a failure is shown as it was found, not made small first.
NO_SHRINKING = (Phase.explicit, Phase.generate)


def carrier(estate: list[list[dict]], **changed: dict) -> dict[str, Rows]:
    """The estate under the old rules, or with one of them changed for the first account."""
    keys = [str(number) for number in range(len(estate))]
    policies = [OLD_POLICY, OLD_POLICY | {"policy_code": "changed"} | changed.get("policy", {})]
    accounts = [ACCOUNT | {"account_key": key} for key in keys]
    held = [
        PRODUCT | product | {"product_key": f"{key}.{number}", "account_key": key}
        for key, owned in zip(keys, estate, strict=True)
        for number, product in enumerate(owned)
    ]
    accounts[0] |= {"policy_code": "changed"} | changed.get("account", {})
    mine = changed.get("product", {})
    held = [product | mine if product["account_key"] == "0" else product for product in held]
    rates = [TAX_RATE | {"tax_code": code, "rate_ppm": ppm} for code, ppm in RATES.items()]
    prices = [
        PRICE | {"offering_code": code, "amount_nanos": amount - lower, **valid}
        for code, amount in OFFERINGS.items()
        for lower, valid in (
            (0, {"price_version": "now", "valid_from": date(2019, 1, 1)}),
            (
                4_000_000_000,
                {
                    "price_version": "before",
                    "valid_from": date(2010, 1, 1),
                    "valid_to": date(2019, 1, 1),
                },
            ),
        )
    ]
    tables = {"account": accounts, "product": held, "price": prices, "tax_rate": rates}
    return stated((MAY,), **tables, policy=policies)


def amounts(lines: Rows) -> dict[tuple, tuple]:
    return {
        (line["account_key"], line["product_key"], line["category"]): (
            line["net_minor"],
            line["tax_minor"],
        )
        for line in lines
    }


# A change of the old rules for one account, and what its differences may be told to be. Where
# another known rule gives the same cents, that is a true explanation too.
CAUSES = {
    "rounding": (
        {"policy": {"rounding_mode": "up", "tax_rounding_mode": "half_up"}},
        {"ROUNDING", "PRORATION", "TAX", "DISCOUNT"},
    ),
    "days": ({"policy": {"day_count": "actual_actual"}}, {"PRORATION", "ROUNDING"}),
    "tax": ({"account": {"tax_code": "CT01"}}, {"TAX", "ROUNDING"}),
    "no discount": ({"product": {"discount_ppm": None}}, {"DISCOUNT"}),
    "discount": ({"product": {"discount_ppm": 200_000}}, {"DISCOUNT"}),
    "one more": ({"product": {"quantity": 6}}, {"UNEXPLAINED", "DISCOUNT", "PRICE_VERSION"}),
}


@pytest.mark.parametrize("cause", CAUSES)
@settings(max_examples=2, suppress_health_check=list(HealthCheck), phases=NO_SHRINKING)
@given(estate=estates)
def test_one_wrong_account_is_found_and_no_other(cause, estate):
    changed, expected = CAUSES[cause]
    facts = carrier(estate)
    new, other = billed(facts), billed(carrier(estate, **changed))
    found = reconciled(facts, new, _old(other["bill_line"]))
    before, after = amounts(other["bill_line"]), amounts(new["bill_line"])
    differing = {key for key in before | after if before.get(key) != after.get(key)}
    assert {key for key, _, _ in differing} <= {"0"}
    told = {tuple(d["record_key"].split("|")[i] for i in (0, 2, 3)) for d in found.of("bill_line")}
    assert told == differing
    surprising = {
        (d["class_code"], d["evidence"])
        for d in found.of("bill_line")
        if d["class_code"] not in expected | UNKNOWN
    }
    assert not surprising
    assert {key for key, verdict in found.verdicts.items() if verdict != "equal"} == (
        {("0", MAY[0])} if differing else set()
    )


@settings(max_examples=8, suppress_health_check=list(HealthCheck), phases=NO_SHRINKING)
@given(estate=estates, data=st.data())
def test_any_other_amount_is_never_silently_equal(estate, data):
    facts = carrier(estate)
    new = billed(facts)
    lines = deepcopy(new["bill_line"])
    wrong = data.draw(st.sampled_from(range(len(lines))))
    by = data.draw(st.integers(-5_000, 5_000).filter(bool))
    part = data.draw(st.sampled_from(["net_minor", "tax_minor"]))
    lines[wrong][part] += by
    found = reconciled(facts, new, _old(lines))
    (difference,) = found.of("bill_line")
    assert (difference["field"], difference["amount_minor"]) == (part, -by)
    assert difference["evidence"]
    account = lines[wrong]["account_key"]
    assert {key for key, verdict in found.verdicts.items() if verdict != "equal"} == {
        (account, MAY[0])
    }
    explained = {d["class_code"] for d in found.differences}
    assert len(explained) == 1, "the header follows from its line"
    unexplained = explained == {"UNEXPLAINED"}
    assert found.verdicts[account, MAY[0]] == ("unexplained" if unexplained else "explained")


def _old(lines: Rows) -> dict[str, Rows]:
    return {"bill_line": lines, "bill": bills_of(lines), "tariff": NO_TARIFF}
