"""Entry checks of who pays for whom: a level of the hierarchy, and shares that are a whole."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.integers import sum_int64
from crossbill.platform.customer.payer_rules import WHOLE_PPM
from crossbill.replacement.migration.checks import CHARGED, Check, Tables, is_not_in

FOREVER = "9999-12-31"


def payer_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """The checks of ``payer``, in the order in which they are made."""
    account = tables["account"]
    pair = _told(table.account_key, table.payer_key)
    above = _told(account.account_key, account.parent_account_key)
    return [
        Check(
            "ACCOUNT_MISSING",
            "SOURCE_DEFECT",
            "account_key",
            "The account that is paid for is not in the extract or was suspended; mend it first",
            is_not_in(table.account_key, account.account_key),
        ),
        Check(
            "PAYER_NOT_IN_HIERARCHY",
            "SOURCE_DEFECT",
            "payer_key",
            "The payer is neither the account itself nor its paying account; "
            "let parent_account_key name who pays",
            (table.payer_key != table.account_key) & is_not_in(pair, above),
        ),
        Check(
            "PAYER_IS_PAID_FOR",
            "SOURCE_DEFECT",
            "payer_key",
            "Somebody pays for this payer; name the account that pays in the end",
            (table.payer_key != table.account_key) & table.payer_key.isin(table.account_key),
        ),
        *_billed_alike(table, account),
        Check(
            "CATEGORY_UNKNOWN",
            "MAPPING",
            "category",
            f"The category is none of {', '.join(CHARGED)}; map the old code, or to nothing",
            ~(table.category.isin(CHARGED) | table.category.isnull()),
        ),
        Check(
            "SHARE_INVALID",
            "SENTINEL",
            "share_ppm",
            "The share is not above 0 and at most all of it",
            ~table.share_ppm.between(1, WHOLE_PPM),
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "valid_to",
            "The rule ends before it begins",
            (table.valid_to < table.valid_from).fill_null(False),
        ),
        Check(
            "SHARES_ARE_NO_WHOLE",
            "SOURCE_DEFECT",
            "share_ppm",
            "On some day the shares of the account do not add up to all of it; correct one of them",
            _group(table).isin(_no_whole(table)),
        ),
    ]


def _billed_alike(table: ir.Table, account: ir.Table) -> list[Check]:
    """A payer is billed in the currency and on the day of those it pays for."""
    return [
        Check(
            f"PAYER_OF_OTHER_{word}",
            "SOURCE_DEFECT",
            "payer_key",
            f"The payer has another {name} than the account; bill both alike",
            is_not_in(_told(table.account_key, table.payer_key), _pairs_alike(account, name)),
        )
        for name, word in (("currency", "CURRENCY"), ("bill_cycle_day", "CYCLE"))
    ]


def _pairs_alike(account: ir.Table, name: str) -> ir.StringColumn:
    """Account and paying account, and each account with itself, where both have the same."""
    payer = account.select(payer_key="account_key", theirs=name)
    one = account.select("account_key", "parent_account_key", mine=name)
    alone = one.mutate(payer_key=one.account_key).select("account_key", "payer_key")
    joined = one.inner_join(payer, one.parent_account_key == payer.payer_key)
    alike = joined.filter(joined.mine == joined.theirs).select("account_key", "payer_key")
    both = alike.union(alone)
    return _told(both.account_key, both.payer_key)


def _told(account_key: ir.StringValue, payer_key: ir.StringValue) -> ir.StringValue:
    return account_key + "|" + payer_key


def _no_whole(table: ir.Table) -> ir.StringColumn:
    """The accounts and categories whose shares on a day of a change are not all of it."""
    rules = table.select(
        "valid_from", "share_ppm", of=_group(table),
        until=table.valid_to.fill_null(ibis.date(FOREVER)),
    )  # fmt: skip
    changes = rules.select("of", day="valid_from").union(rules.select("of", day="until"))
    days = changes.distinct()
    later = rules.view()
    on = [days.of == later.of, later.valid_from <= days.day, days.day < later.until]
    held = days.inner_join(later, on)
    sums = held.group_by("of", "day").aggregate(share=sum_int64(held.share_ppm))
    return sums.filter(sums.share != WHOLE_PPM).of


def _group(table: ir.Table) -> ir.StringValue:
    """What the shares of one whole have in common, as text."""
    return table.account_key + "|" + table.category.fill_null("")
