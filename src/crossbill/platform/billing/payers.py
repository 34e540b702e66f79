"""Who pays for whom: an account's lines go to the accounts that pay for it, whole or in shares.

Shares are of the amount after discounts and commitments, cut so that they add up to it exactly. A
rule for one category stands before the rule for all. Tax stays that of where it was used.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.shares import largest_remainder

WHOLE_PPM = 1_000_000
LINE = [
    "account_key", "period_from", "product_key", "category", "counted_as", "price_code",
    "charge_from", "sign", "taken_from",
]  # fmt: skip
RULE = ("account_key", "period_from")
FOREVER = date.max


def shared(line: ir.Table, payer: ir.Table, days: ir.Table) -> ir.Table:
    """Reads ``net_line`` and ``payer``; writes lines with ``used_by``: whose they were before.

    A line of which nobody else pays a part stays as it is, with an empty ``used_by``.
    """
    begun = days.period_from >= payer.valid_from
    lasting = payer.valid_to.isnull() | (days.period_from < payer.valid_to)
    rules = days.inner_join(payer, [begun, lasting]).drop("valid_from", "valid_to")
    named, general = rules.filter(rules.category.notnull()), rules.filter(rules.category.isnull())
    named = named.rename(counted_as="category")
    by_name = line.inner_join(named, [*RULE, "counted_as"])
    others = line.anti_join(named, [*RULE, "counted_as"])
    by_rule = others.inner_join(general.drop("category"), list(RULE))
    alone = others.anti_join(general, list(RULE))
    columns = line.columns
    parts = [_parts(rows.select(*columns, "payer_key", "share_ppm")) for rows in (by_name, by_rule)]
    own = alone.mutate(used_by=ibis.null("string")).select(*columns, "used_by")
    return ibis.union(own, *(part.select(*columns, "used_by") for part in parts))


def _parts(rows: ir.Table) -> ir.Table:
    """Each payer's part of each line, as the payer's line."""
    sized = rows.mutate(size=rows.amount_minor.abs(), whole_ppm=ibis.literal(WHOLE_PPM, "int64"))
    cut = largest_remainder(
        sized, amount="size", weight="share_ppm", whole="whole_ppm", group=LINE,
        order=["payer_key"],
    )  # fmt: skip
    part = cut.share * cut.amount_minor.sign().cast("int64")
    return cut.mutate(
        amount_minor=part, used_by=cut.account_key.nullif(""), account_key=cut.payer_key
    )


def families(rules: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """For every account that pays or is paid for, the first key of all that hang together."""
    first: dict[str, str] = {}

    def root(key: str) -> str:
        while first.setdefault(key, key) != key:
            key = first[key]
        return key

    for rule in rules:
        one, other = sorted((root(rule["account_key"]), root(rule["payer_key"])))
        first[other] = one
    return {key: root(key) for key in first}


def faults(
    rules: Iterable[Mapping[str, Any]], accounts: Mapping[str, Mapping[str, Any]]
) -> Iterable[tuple[Mapping[str, Any], str, str, str]]:
    """What is wrong with rules of who pays: the rule, field, what, and the cure.

    ``accounts`` has currency and bill_cycle_day by account_key.
    """
    known = list(rules)
    paid_for = {rule["account_key"] for rule in known}
    for rule in known:
        yield from _faults_of(rule, paid_for, accounts)
    yield from _faults_of_shares(known)


def _faults_of(
    rule: Mapping[str, Any], paid_for: set[str], accounts: Mapping[str, Mapping[str, Any]]
) -> Iterable[tuple[Mapping[str, Any], str, str, str]]:
    payer, used = (accounts.get(rule[key]) for key in ("payer_key", "account_key"))
    if payer is None or used is None:
        yield rule, "account_key" if used is None else "payer_key", "no such account", "add it"
        return
    if rule["payer_key"] in paid_for and rule["payer_key"] != rule["account_key"]:
        yield (
            rule,
            "payer_key",
            "somebody pays for this payer",
            "name the account that pays in the end",
        )
    for name in ("currency", "bill_cycle_day"):
        if payer[name] != used[name]:
            yield rule, "payer_key", f"the payer has another {name}", "bill both alike"
    if not 0 < rule["share_ppm"] <= WHOLE_PPM:
        yield rule, "share_ppm", "not a share", "above 0, at most 1,000,000 (all of it)"


def _faults_of_shares(
    rules: list[Mapping[str, Any]],
) -> Iterable[tuple[Mapping[str, Any], str, str, str]]:
    """On every day on which a rule begins or ends, the shares of an account must be all of it."""
    groups = defaultdict(list)
    for rule in rules:
        groups[rule["account_key"], rule["category"]].append(rule)
    for group in groups.values():
        days = {rule["valid_from"] for rule in group} | {rule["valid_to"] for rule in group}
        for day in sorted(days - {None}):
            valid = [r for r in group if r["valid_from"] <= day < (r["valid_to"] or FOREVER)]
            total = sum(rule["share_ppm"] for rule in valid)
            if valid and total != WHOLE_PPM:
                what = f"the shares of {day} add up to {total:,} millionths"
                yield valid[0], "share_ppm", what, "let them add up to 1,000,000"
