"""Which account moves in which wave, and which stays as fallout before anything is loaded."""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import ACCOUNT
from crossbill.engine.expressions import scalar
from crossbill.replacement.migration.map import IBIS_TYPES
from crossbill.replacement.migration.spec import WaveSpec
from crossbill.replacement.migration.validate import LONGEST

HARD = {
    "credit_balance": "credit balance",
    "has_parent": "paid by another account",
    "has_children": "pays for other accounts",
    "suspended": "suspended",
    "disputed": "open dispute",
    "mid_cycle_change": "change within a billed period",
}
NOT_BLOCKING = "DUPLICATE_ROW"
KEPT_OF_LONG_KEY = 27  # with a sign and twelve digits, as long as a key may be
# What a wave's condition may use, with the types of the engine.
WAVE_FACTS = {column.name: IBIS_TYPES[column.type] for column in ACCOUNT.columns} | {
    "balance_minor": "int64",
    "product_count": "int64",
    **dict.fromkeys(HARD, "boolean"),
    "own_price": "boolean",
    "hard_reasons": "string",
    "hard": "boolean",
}


def facts(tables: Mapping[str, ir.Table], periods: Sequence[tuple[date, date]]) -> ir.Table:
    """One row an account: its columns and what makes it easy or hard to move."""
    account = tables["account"]
    for part in (_balances(tables), _products(tables["product"], periods)):
        account = account.left_join(part, "account_key").drop("account_key_right")
    parents = account.filter(account.parent_account_key.notnull()).parent_account_key
    marked = account.mutate(
        credit_balance=account.balance_minor.fill_null(0) < 0,
        balance_minor=account.balance_minor.fill_null(0),
        has_parent=account.parent_account_key.notnull(),
        has_children=account.account_key.isin(parents),
        suspended=account.status == "suspended",
        mid_cycle_change=account.mid_cycle_change.fill_null(False),
        own_price=account.own_price.fill_null(False),
        product_count=account.product_count.fill_null(0),
        bucket=_bucket(account.account_key),
    )
    reasons = _hard_reasons(marked)
    return marked.mutate(hard_reasons=reasons, hard=reasons != "")


def _balances(tables: Mapping[str, ir.Table]) -> ir.Table:
    if "balance" in tables:
        return tables["balance"].select("account_key", "balance_minor")
    return tables["account"].select("account_key", balance_minor=ibis.literal(0, "int64"))


def _products(product: ir.Table, periods: Sequence[tuple[date, date]]) -> ir.Table:
    """Per account: does a product start or end within a period, has one its own price, how many."""
    within = ibis.literal(False)
    for start, end in periods:
        for day in (product.start_date, product.end_date):
            within = within | ((day > start) & (day < end)).fill_null(False)
    own = product.price_override_nanos.notnull()
    return product.group_by("account_key").aggregate(
        mid_cycle_change=within.any(), own_price=own.any(), product_count=product.count()
    )


def _bucket(key: ir.StringValue) -> ir.IntegerValue:
    """A number from 0 to 99 that depends on the key alone: its SHA-256's first digits."""
    digits = key.hexdigest("sha256").substr(0, 8)
    return _as_integer(ibis.literal("0x") + digits) % 100


def _as_integer(text: ir.StringValue) -> ir.IntegerValue:
    return text.cast("int64")


def _hard_reasons(account: ir.Table) -> ir.StringValue:
    parts = [account[fact].ifelse(words, ibis.null("string")) for fact, words in HARD.items()]
    return ibis.array(parts).filter(lambda part: part.notnull()).join(", ").fill_null("")


def waves(account_facts: ir.Table, specs: Sequence[WaveSpec]) -> ir.Table:
    """The facts with ``wave``: the position, from 1, of the first wave that takes the account."""
    conditions = []
    for position, spec in enumerate(specs, start=1):
        where = scalar(
            spec.where, list(WAVE_FACTS), file="replacement.yaml", field=f"waves.{spec.name}"
        )
        low, high = spec.buckets
        conditions.append(
            f"WHEN coalesce(TRY({where}), false) AND bucket BETWEEN {low} AND {high - 1} "
            f"THEN {position}"
        )
    return account_facts.alias("planned").sql(
        f"SELECT *, CASE {' '.join(conditions)} END::BIGINT AS wave FROM planned"  # noqa: S608 - checked
    )


def apart_from_payer(planned: ir.Table, payer: ir.Table) -> ir.Table:
    """``account_key``, ``payer_key`` of those who would move in another wave than their payer."""
    mine = payer.select("account_key", "payer_key").distinct()
    waves_of = planned.select("account_key", "wave")
    theirs = waves_of.view().rename(payer_key="account_key", payer_wave="wave")
    both = mine.inner_join(waves_of, "account_key").inner_join(theirs, "payer_key")
    apart = both.filter(~both.wave.identical_to(both.payer_wave))
    return apart.group_by("account_key").aggregate(payer_key=apart.payer_key.min())


def moves(
    planned: ir.Table, suspended: ir.Table, account_keys: ir.Table, apart: ir.Table
) -> ir.Table:
    """One MOVE a account key that the extract names: planned, or fallout with its first reason.

    ``apart`` are those of ``apart_from_payer``: who pays and who is paid for move together.
    """
    blocking = suspended.filter(suspended.code != NOT_BLOCKING, suspended.account_key.notnull())
    order = ibis.window(
        group_by="account_key", order_by=[blocking.file, blocking.line, blocking.code]
    )
    first = blocking.mutate(position=ibis.row_number().over(order))
    first = first.filter(first.position == 0).select(
        "account_key",
        class_code="class_code",
        reason=first.message + " (" + first.file + ":" + first.line.cast("string") + ")",
    )
    known = account_keys.left_join(
        planned.select("account_key", "wave", "hard_reasons"), "account_key"
    ).drop("account_key_right")
    joined = known.left_join(first, "account_key").drop("account_key_right")
    joined = joined.left_join(apart, "account_key").drop("account_key_right")
    no_wave = joined.wave.isnull() & joined.reason.isnull()
    reason = ibis.coalesce(
        joined.reason,
        no_wave.ifelse("No wave takes this account; add one to replacement.yaml", None),
        ibis.literal("Another wave takes ")
        + joined.payer_key
        + ", which pays for it; let replacement.yaml take both in one",
    )
    return joined.select(
        "wave",
        account_key=shortened(joined.account_key),
        state=reason.notnull().ifelse("fallout", "planned"),
        hard_reasons=joined.hard_reasons.fill_null(""),
        class_code=ibis.coalesce(
            joined.class_code, reason.notnull().ifelse("MAPPING", None), ibis.literal("")
        ),
        reason=reason.fill_null(""),
    )


def shortened(key: ir.StringValue) -> ir.StringValue:
    """The key, or where it is too long for the books, its start and a part of its hash.

    Such an account stays on the old system, but it is counted.
    """
    start, digest = key.substr(0, KEPT_OF_LONG_KEY), key.hexdigest("sha256").substr(0, 12)
    return (key.length() > LONGEST["account_key"]).ifelse(start + "~" + digest, key)


def staying_together(planned: ir.Table, reached: ir.Table) -> ir.Table:
    """The moves, of which those ``reached`` from an account that stays, stay ``because`` of it."""
    joined = planned.left_join(reached, "account_key").drop("account_key_right")
    follows = (joined.state == "planned") & joined.because.notnull()
    reason = ibis.literal("Stays with ") + joined.because + ", which is in the same hierarchy"
    return joined.mutate(
        state=follows.ifelse("fallout", joined.state),
        reason=follows.ifelse(reason, joined.reason),
    ).drop("because")
