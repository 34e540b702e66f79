"""The steps from differences to findings, for the chain that compares and classes them."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.engine.calculation import Step, Tables
from crossbill.replacement.reconciliation import finding_rows, findings, fixes, traits
from crossbill.replacement.reconciliation.lines import Taxes

ROUNDS = range(findings.MOST_OF_A_CLASS)


def finding_steps(names: Sequence[str], known: Sequence[str]) -> list[Step]:
    """Steps after ``difference``; results are ``finding``, ``finding_member`` and ``sorted_out``.

    ``sorted_out`` has the differences, each with the number of its finding.

    ``names`` are the compared tables. The input ``known`` has account_key and these columns.
    """
    return [
        Step("placed", lambda t: findings.placed(t["difference"], _account(t))),
        Step("marked", lambda t: findings.marked(t["placed"])),
        Step("account_trait", _account_traits),
        Step("product_trait", lambda t: _product_traits(t, names)),
        *_description_steps([*traits.ACCOUNT_TRAITS, *known]),
        *(step for number in ROUNDS for step in _round(number)),
        Step("member", _members),
        Step("cause", lambda t: findings.numbered(t["member"], t["fits"])),
        Step("sharer", lambda t: findings.sharers(t["cause"], t["everybody"])),
        *(_fix_steps() if "bill_line" in names else [Step("finding_left", _nothing_left)]),
        Step("worth", lambda t: finding_rows.worth(_found(t), _lines(t))),
        Step("finding", lambda t: finding_rows.rows(_found(t), t["worth"], t["finding_left"])),
        Step("finding_member", lambda t: finding_rows.members(t["worth"])),
        Step("sorted_out", lambda t: finding_rows.sorted_out(_found(t), t["placed"])),
    ]


def _account(t: Tables) -> ir.Table:
    """The accounts as the old side has them, or the new one where they are not compared."""
    return t.get("old_account", t["new_account"])


def _account_traits(t: Tables) -> ir.Table:
    account = _account(t)
    nobody = account.select("customer_key", segment=ibis.null("string"))
    return traits.account_traits(account, t.get("old_customer", nobody), t["known"])


def _product_traits(t: Tables, names: Sequence[str]) -> ir.Table:
    old = t["old_product"] if "product" in names else t["product"]
    lines = t["old_bill_line"] if "bill_line" in names else t["charge"]
    differing = lines.semi_join(t["marked"], "account_key")
    return traits.product_traits(old, t["product"], differing, t["charge"])


def _description_steps(names: Sequence[str]) -> list[Step]:
    """Which attributes, single and in pairs, describe differing accounts and few others."""

    def own(t: Tables) -> ir.Table:
        return findings.own_items(t["marked"], t["account_trait"], t["product_trait"], names)

    def everybody(t: Tables) -> ir.Table:
        return findings.with_any(t["own"], t["account_trait"], t["product_trait"], names)

    return [
        Step("own", own),
        Step("everybody", everybody),
        Step("single", _singles),
        Step("pair", lambda t: findings.pairs(t["own"], t["single"])),
        Step("having_one", lambda t: findings.having_the_rarer(t["pair"], t["everybody"])),
        Step("fits", _fitting),
        Step("described_0", lambda t: findings.described(t["own"], t["fits"])),
    ]


def _singles(t: Tables) -> ir.Table:
    return findings.singles(t["marked"], t["own"], t["everybody"], t["account_trait"])


def _fitting(t: Tables) -> ir.Table:
    return findings.fitting(t["single"], t["pair"], t["everybody"], t["having_one"])


def _round(number: int) -> list[Step]:
    """Take the best description of each class, and go on with those whom it does not explain."""
    before, mine, after = f"described_{number}", f"taken_{number}", f"described_{number + 1}"
    return [
        Step(mine, lambda t: findings.taken(t[before], t["fits"])),
        Step(after, lambda t: findings.without(t[before], t[mine])),
    ]


def _members(t: Tables) -> ir.Table:
    return findings.members(t["marked"], [t[f"taken_{number}"] for number in ROUNDS])


def _fix_steps() -> list[Step]:
    """Apply the fixes to a copy of the charges, charge again, compare again."""
    return [
        Step("change", lambda t: fixes.changes(_found(t), t["explained"], t["charge"])),
        Step("changed", lambda t: fixes.changed(_found(t), t["change"], t["charge"])),
        Step(
            "charged_again",
            lambda t: fixes.charged_again(t["changed"], Taxes(t["taxes"], t["exempt"])),
        ),
        Step("charged_before", lambda t: fixes.before(t["changed"], t["old_bill_line"])),
        Step("finding_left", _left),
    ]


def _left(t: Tables) -> ir.Table:
    return fixes.left(_found(t), t["changed"], t["charged_before"], t["charged_again"])


def _nothing_left(t: Tables) -> ir.Table:
    """Without lines there is no charge to change."""
    none = ibis.null("int64")
    return t["cause"].select("number", mended_accounts=none, left_accounts=none)


def _lines(t: Tables) -> ir.Table:
    """The differing bill lines with the tax of both sides; none where lines are not compared."""
    if "records" in t:
        return t["records"]
    nothing = ibis.literal(0, "int64")
    none = t["marked"].filter(ibis.literal(False))
    return none.select("record_key", old_tax=nothing, new_tax=nothing)


def _found(t: Tables) -> findings.Found:
    return findings.Found(t["cause"], t["member"], t["sharer"], t["marked"])
