"""Prices for some customers only: which list of a price holds for an account.

A list is for a segment, a region, or both at once; the general price is for everybody. Of the lists
that match the account and are valid on the day the most specific wins: segment and region, then
segment, then region, then the general price. What was agreed with a kind of customer stands before
what holds where they live, and nobody has to list all pairs to say so.
"""

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.platform.billing.look_up import looked_up

WHOM = ("segment", "region")
# What tells the lists of each kind apart; each kind beats those that stand before it.
KINDS: dict[str, tuple[str, ...]] = {
    "region": ("region",),
    "segment": ("segment",),
    "segment_region": ("segment", "region"),
}
GENERAL = "general"
OF_ACCOUNT = ("customer_key", "segments", *WHOM)
KEYS = ("price_code", "price_date")
VALUES = ("list_version", "list_currency", "amount_nanos")
COUNT = "prices"
CHOSEN = ("price_segment", "price_region")  # whose list gave the price

Lists = tuple[str, ...]  # the kinds of lists that there are


def completed(price: ir.Table) -> ir.Table:
    """The price table with ``segment`` and ``region``; a blank one is for everybody, as none is."""
    blank = {
        name: price[name].strip().nullif("") if name in price.columns else ibis.null("string")
        for name in WHOM
    }
    return price.mutate(**blank)


def kinds_of(backend: Backend, price: ir.Table) -> Lists:
    """The kinds of lists that a price table has; none: everybody pays the general price."""
    found = backend.to_pyarrow(price.select(kind=_kind(price)).distinct())["kind"].to_pylist()
    return tuple(kind for kind in KINDS if kind in found)


def kinds_in(price: pa.Table) -> Lists:
    """The same of rows that are in memory; a price without the columns is for everybody."""
    if not set(WHOM) <= set(price.column_names):
        return ()
    stated = price.group_by(list(WHOM)).aggregate([]).to_pylist()
    found = {tuple(name for name in WHOM if row[name]) for row in stated}
    return tuple(kind for kind, whom in KINDS.items() if whom in found)


def with_segment(account: ir.Table, customer: ir.Table) -> ir.Table:
    """Adds the ``segment`` of each account's customer, and how many ``segments`` are stated.

    An account whose customer is unknown has none.
    """
    stated = customer.group_by("customer_key").aggregate(
        segments=customer.segment.nunique(), segment=customer.segment.max()
    )
    return account.left_join(stated, "customer_key").drop("customer_key_right")


def with_listed(rows: ir.Table, valid: ir.Table, lists: Lists) -> ir.Table:
    """Reads rows with ``KEYS`` and ``OF_ACCOUNT``, and the versions ``valid`` on each day.

    Adds the values of the version that the row's account pays, how many stand beside it in the same
    list, and ``CHOSEN``: empty for the general price.
    """
    found = looked_up(rows, valid.filter(_kind(valid) == GENERAL), KEYS, VALUES, COUNT)
    found = found.mutate(**{name: ibis.null("string") for name in CHOSEN})
    for kind in lists:
        found = _preferring(found, valid.filter(_kind(valid) == kind), KINDS[kind])
    return found


def _preferring(rows: ir.Table, versions: ir.Table, whom: tuple[str, ...]) -> ir.Table:
    """The rows with the price of the list that is for them, where there is one."""
    other = {f"other_{name}": name for name in VALUES}
    found = looked_up(rows, versions.rename(other), (*KEYS, *whom), tuple(other), f"other_{COUNT}")
    mine = found[f"other_{COUNT}"].notnull()
    stated = {name: found[f"other_{name}"] for name in (*VALUES, COUNT)}
    for name, column in zip(WHOM, CHOSEN, strict=True):
        stated[column] = found[name] if name in whom else ibis.null("string")
    chosen = {name: ibis.ifelse(mine, value, found[name]) for name, value in stated.items()}
    return found.mutate(**chosen).drop(*other, f"other_{COUNT}")


def _kind(price: ir.Table) -> ir.StringValue:
    """Which kind of list a version stands in."""
    by_segment, by_region = (price[name].notnull() for name in WHOM)
    return ibis.cases(
        (by_segment & by_region, "segment_region"),
        (by_segment, "segment"),
        (by_region, "region"),
        else_=GENERAL,
    )
