"""Differences with one cause as one finding: what the differing accounts share, and others do not.

Candidates are single attributes and pairs. One fits where most accounts that have it differ; of
those that fit, the one that accounts for most and accuses fewest comes first, with the fewest
words. What shares nothing is one finding of its class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.reconcile import FOLLOWS
from crossbill.replacement.reconciliation.traits import PRODUCT_TRAITS, items

LEAST_ACCOUNTS = 8  # fewer could share an attribute by chance
LEAST_PRECISION_PERCENT = 60
LEAST_TIMES = 2  # as often as accounts differ at all: else the attributes set nobody apart
# A pair of attributes that are each common is not looked for where, if they have nothing to do with
# each other, less than this share of the accounts with both would differ.
LEAST_EXPECTED_PERCENT = 25
MOST_OF_A_CLASS = 12  # findings that share something; what is left of a class shares nothing
PRICE_OF_A_WORD = 20  # a second attribute must gain a twentieth of what is explained
ONE, PAIR = ("attribute", "value"), ("attribute", "value", "attribute_2", "value_2")
SUBJECT = ("class_code", "subject", "currency")
# Fields that name one cause whatever else differs; those of printed bills follow from others.
OF_ANOTHER = {"printed_name": "customer name", "printed_postcode": "account postcode"}
WHOLE_CLASSES = ("MISSING_PRODUCT", "STALE_EXTRACT", "SPLIT", "DISCOUNT", "TAX", "ALLOCATION")
THIRD_PART = r"(?s)^(?:[^\\|]|\\.)*\|[^|]*\|((?:[^\\|]|\\.)*)"


@dataclass(frozen=True)
class Found:
    """What was found, by finding, by account, and by difference.

    ``finding``: SUBJECT, PAIR, ``accounts``, ``matching``, ``number``; ``member``: SUBJECT, PAIR,
    account_key, of differing accounts; ``sharer``: number, account_key and, where a product has the
    attributes, product_key of everybody who shares them; ``marked``: the differences.
    """

    finding: ir.Table
    member: ir.Table
    sharer: ir.Table
    marked: ir.Table


def placed(difference: ir.Table, account: ir.Table) -> ir.Table:
    """The differences with whose they are: account, its currency, product and ``subject``.

    What the difference itself says of account and currency is ``told_account``, ``told_currency``.
    """
    owners = account.group_by(account_key="customer_key").aggregate(owner=account.account_key.min())
    told = difference.rename(told_account="account_key", told_currency="currency")
    joined = told.left_join(owners, told.told_account == owners.account_key).drop("account_key")
    owned = joined.entity.isin(["customer", "contact"]) & joined.owner.notnull()
    product = ibis.cases(
        (joined.entity == "product", joined.record_key),
        (joined.entity == "bill_line", joined.record_key.re_extract(THIRD_PART, 1)),
        else_=ibis.null("string"),
    )
    rows = joined.select(
        *told.columns,
        account_key=ibis.ifelse(owned, joined.owner, joined.told_account),
        product_key=product.nullif(""),
        subject=_subject(joined),
    )
    return _with_currency(rows, account)


def marked(rows: ir.Table) -> ir.Table:
    """Those of the placed differences that do not follow from others."""
    return rows.filter(~rows.evidence.startswith(FOLLOWS))


def _with_currency(rows: ir.Table, account: ir.Table) -> ir.Table:
    """Adds the account's currency: what is one cause in two of them is two findings."""
    currencies = account.group_by("account_key").aggregate(currency=account.currency.min())
    joined = rows.view().left_join(currencies.view(), "account_key").drop("account_key_right")
    return joined.mutate(currency=joined.currency.fill_null(""))


def _subject(d: ir.Table) -> ir.StringValue:
    """What a class is split by: the field, where each field has causes of its own."""
    entity = d.entity.replace("_", " ")
    plain = d.field.re_replace("_(minor|nanos|ppm)$", "").replace("_", " ")
    field = ibis.ifelse(plain == entity, entity, entity + " " + plain)
    of_bills = d.entity.isin(["bill_line", "bill"]) | d.class_code.isin(WHOLE_CLASSES)
    doubled = d.class_code == "DUPLICATE"
    return ibis.cases(
        (d.evidence.startswith(FOLLOWS), ibis.literal("")),  # from lines, which are of this class
        *((d.field == name, ibis.literal(other)) for name, other in OF_ANOTHER.items()),
        (doubled & d.entity.isin(["bill_line", "product"]), ibis.literal("")),
        (doubled, entity),
        (of_bills, ibis.literal("")),
        (d.kind != "different", entity),
        else_=field,
    )


def own_items(
    rows: ir.Table, accounts: ir.Table, products: ir.Table, names: Sequence[str]
) -> ir.Table:
    """The attributes of differing accounts and products that are frequent among their like."""
    keys = (*SUBJECT, "account_key")
    differing = rows.select(*keys).distinct().inner_join(accounts, "account_key")
    held = rows.filter(rows.product_key.notnull()).select(*keys, "product_key").distinct()
    held = held.inner_join(products.drop("account_key"), "product_key")
    plain = items(differing.mutate(product_key=ibis.null("string")), names, *keys, "product_key")
    every = plain.union(items(held, PRODUCT_TRAITS, *keys, "product_key"))
    frequent = every.group_by(*SUBJECT, *ONE).aggregate(n=every.account_key.nunique())
    frequent = frequent.filter(frequent.n >= LEAST_ACCOUNTS)
    return every.semi_join(frequent, [*SUBJECT, *ONE])


def with_any(
    own: ir.Table, accounts: ir.Table, products: ir.Table, names: Sequence[str]
) -> ir.Table:
    """All accounts and products that have one of these attributes, differing or not."""
    keys = ("account_key", "product_key")
    wanted = own.select(*ONE).distinct()
    plain = items(accounts.mutate(product_key=ibis.null("string")), names, *keys)
    return plain.union(items(products, PRODUCT_TRAITS, *keys)).semi_join(wanted, list(ONE))


def singles(rows: ir.Table, own: ir.Table, everybody: ir.Table, accounts: ir.Table) -> ir.Table:
    """Single attributes: how many accounts of the group have them, and how many at all.

    Beside, how many accounts of the group there are, and how many at all; and ``item``, a number
    for the attribute of the group, to count by.
    """
    alone = everybody.product_key.isnull()  # an attribute of the account, which has it once
    having = everybody.group_by(*ONE).aggregate(
        matching=everybody.count(where=alone) + everybody.account_key.nunique(where=~alone)
    )
    having = having.cross_join(accounts.aggregate(total=accounts.count()))
    groups = rows.group_by(*SUBJECT).aggregate(differing=rows.account_key.nunique())
    sharing = own.group_by(*SUBJECT, *ONE).aggregate(accounts=own.account_key.nunique())
    rows = sharing.inner_join(groups, list(SUBJECT)).inner_join(having, list(ONE))
    return rows.mutate(item=ibis.row_number())


def pairs(own: ir.Table, single: ir.Table) -> ir.Table:
    """Pairs of attributes that so many differing accounts share that they may be the cause.

    The rarer one comes first.
    """
    counts = single.select(*SUBJECT, *ONE, "matching", "item")
    known = own.inner_join(counts, [*SUBJECT, *ONE])
    both = _beside(known, known.view(), (*SUBJECT, "account_key"))
    ordered = both.filter(
        (both.matching < both.matching_2)
        | ((both.matching == both.matching_2) & (both.attribute < both.attribute_2)),
        both.attribute != both.attribute_2,
    )
    counted = ordered.group_by("item", "item_2").aggregate(accounts=ordered.account_key.nunique())
    frequent = counted.filter(counted.accounts >= LEAST_ACCOUNTS)
    named = frequent.inner_join(single.drop("accounts"), "item")
    others = single.select(
        item_2="item", attribute_2="attribute", value_2="value", matching_2="matching"
    )
    named = named.inner_join(others, "item_2")
    chance = named.matching * named.matching_2 * LEAST_EXPECTED_PERCENT
    likely = named.filter(named.accounts * named.total * 100 >= chance)
    return likely.select(*SUBJECT, *PAIR, "accounts", "total", "differing")


def _beside(rows: ir.Table, others: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Each two items of an account, of products only where it is the same product."""
    renamed = others.rename(**{f"{name}_2": name for name in others.columns if name not in keys})
    pairs = rows.inner_join(renamed, list(keys))
    one, other = pairs.product_key, pairs.product_key_2
    return pairs.filter(one.isnull() | other.isnull() | (one == other))


def having_the_rarer(pair: ir.Table, everybody: ir.Table) -> ir.Table:
    """Everybody who has the rarer attribute of a pair, and what the other one would be.

    Store it: from the other attribute, the engine would start with many times as many.
    """
    return everybody.inner_join(pair.select(*PAIR).distinct(), list(ONE))


def fitting(single: ir.Table, pair: ir.Table, everybody: ir.Table, first: ir.Table) -> ir.Table:
    """Descriptions of which most accounts differ: SUBJECT, PAIR, ``accounts``, ``matching``.

    ``first`` is what ``having_the_rarer`` gives.
    """
    others = pair.select(attribute="attribute_2", value="value_2").distinct()
    second = everybody.semi_join(others, list(ONE))
    second = second.rename(attribute_2="attribute", value_2="value", product_2="product_key")
    having = first.inner_join(second, ["account_key", "attribute_2", "value_2"])
    one, other = having.product_key, having.product_2
    same = having.filter(one.isnull() | other.isnull() | (one == other))
    counted = same.group_by(*PAIR).aggregate(matching=same.account_key.nunique())
    pairs = pair.inner_join(counted, list(PAIR))
    alone = single.mutate(attribute_2=ibis.literal(""), value_2=ibis.literal(""))
    names = (*SUBJECT, *PAIR, "accounts", "matching", "differing", "total")
    every = alone.select(*names).union(pairs.select(*names))
    precise = every.accounts * 100 >= every.matching * LEAST_PRECISION_PERCENT
    apart = every.accounts * every.total >= every.differing * every.matching * LEAST_TIMES
    telling = every.filter(precise, apart, every.accounts >= LEAST_ACCOUNTS)
    return telling.drop("differing", "total")


def described(own: ir.Table, fits: ir.Table) -> ir.Table:
    """Which differing accounts each fitting description holds for."""
    keys = [*SUBJECT, *PAIR, "account_key"]
    alone = fits.filter(fits.attribute_2 == "").inner_join(own, [*SUBJECT, *ONE])
    both = fits.filter(fits.attribute_2 != "").inner_join(own, [*SUBJECT, *ONE])
    second = own.rename(attribute_2="attribute", value_2="value", product_2="product_key")
    same = both.inner_join(second, [*SUBJECT, "account_key", "attribute_2", "value_2"])
    one, other = same.product_key, same.product_2
    same = same.filter(one.isnull() | other.isnull() | (one == other))
    return alone.select(*keys).union(same.select(*keys)).distinct()


def taken(left: ir.Table, fits: ir.Table) -> ir.Table:
    """The accounts that the best description of each group explains: SUBJECT, PAIR, account_key."""
    mine = left.semi_join(_best(left, fits), [*SUBJECT, *PAIR])
    return mine.select(*SUBJECT, *PAIR, "account_key")


def without(left: ir.Table, explained: ir.Table) -> ir.Table:
    """What is described of accounts that no finding explains yet."""
    return left.anti_join(explained, [*SUBJECT, "account_key"])


def _best(left: ir.Table, fits: ir.Table) -> ir.Table:
    """Of each group the description that gains most: SUBJECT, PAIR."""
    counted = left.group_by(*SUBJECT, *PAIR).aggregate(explained=left.account_key.nunique())
    rows = counted.inner_join(fits, [*SUBJECT, *PAIR])
    words = ibis.ifelse(rows.attribute_2 == "", 0, 1)
    accused = rows.matching - rows.accounts
    gain = rows.explained * (PRICE_OF_A_WORD - words) - accused * PRICE_OF_A_WORD
    enough = rows.mutate(gain=gain).filter(rows.explained >= LEAST_ACCOUNTS)
    order = [ibis.desc(enough.gain), enough.matching, *(enough[name] for name in PAIR)]
    window = ibis.window(group_by=list(SUBJECT), order_by=order)
    ranked = enough.filter(enough.gain > 0).mutate(place=ibis.row_number().over(window))
    return ranked.filter(ranked.place == 0).select(*SUBJECT, *PAIR)


def members(rows: ir.Table, chosen: Sequence[ir.Table]) -> ir.Table:
    """All differing accounts with their description; those that share nothing have none."""
    names = (*SUBJECT, *PAIR, "account_key")
    shared = ibis.union(*chosen)
    groups = rows.select(*SUBJECT, "account_key").distinct()
    rest = groups.anti_join(shared, [*SUBJECT, "account_key"])
    rest = rest.mutate(**{name: ibis.literal("") for name in PAIR})
    return shared.select(*names).union(rest.select(*names))


def numbered(member: ir.Table, fits: ir.Table) -> ir.Table:
    """One row a finding, in order of classes, then of accounts."""
    counted = member.group_by(*SUBJECT, *PAIR).aggregate(accounts=member.count())
    matched = counted.left_join(fits.drop("accounts"), [*SUBJECT, *PAIR])
    order = [matched.class_code, ibis.desc(matched.accounts), matched.subject, matched.currency]
    window = ibis.window(order_by=[*order, *(matched[name] for name in PAIR)])
    return matched.select(
        *SUBJECT, *PAIR, "accounts", "matching", number=ibis.row_number().over(window) + 1
    )


def sharers(finding: ir.Table, everybody: ir.Table) -> ir.Table:
    """Everybody who shares the attributes of a finding."""
    described = finding.filter(finding.attribute != "").select("number", *PAIR)
    first = described.inner_join(everybody, list(ONE))
    alone = first.filter(first.attribute_2 == "").select("number", "account_key", "product_key")
    second = everybody.rename(attribute_2="attribute", value_2="value", product_2="product_key")
    both = first.inner_join(second, ["account_key", "attribute_2", "value_2"])
    one, other = both.product_key, both.product_2
    same = both.filter(one.isnull() | other.isnull() | (one == other))
    product = same.product_key.coalesce(same.product_2)
    return alone.union(same.select("number", "account_key", product_key=product)).distinct()
