"""Who pays for whom: an account's lines go to the accounts that pay for it, whole or in shares.

Shares are of the amount after discounts and commitments, cut so that they add up to it exactly. A
rule for one category stands before the rule for all. Tax stays that of where it was used.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.shares import largest_remainder
from crossbill.platform.customer.payer_rules import WHOLE_PPM

LINE = [
    "account_key", "period_from", "product_key", "category", "counted_as", "price_code",
    "charge_from", "sign", "taken_from",
]  # fmt: skip
RULE = ("account_key", "period_from")


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
