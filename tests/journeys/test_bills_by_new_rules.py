"""By the new rules a bill is the shadow bill and what each rule makes of it, and no more."""

from collections import defaultdict
from datetime import date

import pytest
from oracle.plain_bill import Biller

from crossbill.config.environment import read_environment
from crossbill.core.policy import Policy
from crossbill.engine.store import Store
from crossbill.replacement import queries
from crossbill.replacement.migration.queries import billed_periods, new_policy, old_policy

pytestmark = pytest.mark.django_db

CODE = "moved"
CATALOGUE = ("price", "component", "tax_rate")
FACTS = ("account", "customer", "product", "discount", "exemption", *CATALOGUE, "usage_total")
CENTS = 2


@pytest.fixture(scope="module")
def stored(moved):
    """All waves' tables together, as plain rows."""
    store, found = Store(read_environment().store_url), defaultdict(list)
    for wave in moved.waves.all():
        for name in (*FACTS, "bill", "rule_change"):
            path = store.path(CODE, f"wave-{wave.position}", f"{name}.parquet")
            if name not in CATALOGUE or wave.position == 1:
                found[name] += store.read(path).to_pylist()
    assert found["discount"]
    found["discount"] = [row | {"left_minor": None} for row in found["discount"]]
    return found


class Plain:
    """The plain biller over the stored facts, by one policy."""

    def __init__(self, stored: dict, policy: Policy) -> None:
        self.policy, self.tables = policy, {name: stored[name] for name in CATALOGUE}
        self.own = {
            name: defaultdict(list) for name in ("product", "usage_total", "discount", "exemption")
        }
        for name, rows in self.own.items():
            for row in stored[name]:
                rows[row["account_key"]].append(row)

    def total(self, account: dict, period: tuple[date, date]) -> int:
        """What the account owes for the period."""
        key = account["account_key"]
        rows = self.tables | {name: mine[key] for name, mine in self.own.items()}
        rows["usage_total"] = [r for r in rows["usage_total"] if r["period_from"] == period[0]]
        rows["policy"] = [self.policy.as_row()]
        billed = account | {"policy_code": self.policy.policy_code}
        return Biller(rows, period, CENTS).bill(billed).total


def test_shadow_bill_and_changes_are_the_bill_by_the_new_rules(moved, stored):
    old, new = (Plain(stored, rules) for rules in (old_policy(moved), new_policy(moved)))
    shadow = {(r["account_key"], r["period_from"]): r["total_minor"] for r in stored["bill"]}
    changes = defaultdict(int)
    for row in stored["rule_change"]:
        changes[row["account_key"], row["period_from"]] += row["net_minor"] + row["tax_minor"]
    changed = 0
    for account in stored["account"]:
        for period in billed_periods(moved):
            place = (account["account_key"], period[0])
            before, after = (rules.total(account, period) for rules in (old, new))
            assert before == shadow.get(place, 0), place
            assert after - before == changes[place], place
            changed += after != before
    assert changed > 50


def test_every_rule_that_differs_changes_some_bill_and_no_other_is_named(moved, stored):
    before, after = old_policy(moved).as_row(), new_policy(moved).as_row()
    differing = {name for name in before if before[name] != after[name]} - {"policy_code"}
    assert {row["rule"] for row in stored["rule_change"]} == differing
    for row in stored["rule_change"]:
        assert (row["was"], row["becomes"]) == (before[row["rule"]], after[row["rule"]])


def test_summary_adds_up_to_what_is_stored(moved, stored):
    told = queries.summary(moved)["rule_changes"]
    assert [row["rule"] for row in told] == [
        "day_count", "rounding_mode", "tax_scope", "tax_rounding_mode",
    ]  # fmt: skip
    for row in told:
        mine = [r for r in stored["rule_change"] if r["rule"] == row["rule"]]
        assert row["bills"] == len(mine)
        cents = sum(int(row[side].replace(".", "")) for side in ("more", "less"))
        assert cents == sum(r["net_minor"] + r["tax_minor"] for r in mine)


def test_page_of_an_account_tells_each_change_and_the_bill_by_the_new_rules(
    moved, stored, admin_client
):
    """``admin_client`` may see everything."""
    key, day = next(
        (row["account_key"], row["period_from"])
        for row in stored["rule_change"]
        if row["rule"] == "day_count"
    )
    mine = [r for r in stored["rule_change"] if (r["account_key"], r["period_from"]) == (key, day)]
    (bill,) = (r for r in stored["bill"] if (r["account_key"], r["period_from"]) == (key, day))
    total = bill["total_minor"] + sum(row["net_minor"] + row["tax_minor"] for row in mine)
    page = admin_client.get(f"/accounts/{CODE}/{key}/").content.decode()
    assert (
        f"By the new rules this bill is <strong>{total // 100}.{total % 100:02} USD</strong>"
        in page
    )
    assert (
        "Parts of a month are charged by the days of the calendar; before: months of thirty" in page
    )
