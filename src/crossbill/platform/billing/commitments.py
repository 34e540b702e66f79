"""Minimum commitments: what is missing of a promised amount is charged as a line of its own."""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.billing_datasets import NET_LINE
from crossbill.engine.datasets import UNRESOLVED
from crossbill.platform.billing.charge import counted_days
from crossbill.platform.billing.resolve import valid_rates

COMMITMENT = "commitment"
# By several policies at once an account, and so its promise, is there once for each.
PROMISED = ("account_key", "commitment_key", "period_from")
TAXED = ("tax_code", "tax_category", "period_from")


def true_up(billed: ir.Table, commitment: ir.Table, payer: ir.Table) -> ir.Table:
    """Reads lines after discounts, ``commitment`` and ``payer``; writes what is missing as lines.

    ``payer`` has each bill to be with its account's currency, tax_code and the policy's columns: a
    promise is due where nothing else is billed, too.
    """
    due = _due(payer, commitment)
    sums = _billed(billed, due)
    rows = due.left_join(sums, list(PROMISED)).drop(*(f"{key}_right" for key in PROMISED))
    missing = rows.due_minor - rows.billed_minor.fill_null(0)
    short = rows.mutate(amount_minor=missing).filter(missing > 0)
    return short.mutate(
        offering_code=ibis.null("string"),
        category=ibis.literal(COMMITMENT),
        price_code=short.commitment_key,
        discount_key=ibis.null("string"),
        counted_as=ibis.literal(COMMITMENT),
        taken_from=ibis.null("string"),
        charge_from=short.period_from,
        charge_to=short.period_to,
        sign=ibis.literal(1, "int64"),
        tax_inclusive=ibis.literal(value=False),
        source_changed_at=ibis.null("timestamp(6)"),
        events=ibis.null("int64"),
    ).select(*NET_LINE.ibis)


def taxable(lines: ir.Table, tax_rate: ir.Table, days: ir.Table) -> ir.Table:
    """The lines whose tax is stated."""
    return lines.semi_join(valid_rates(days, tax_rate), list(TAXED))


def not_taxable(lines: ir.Table, tax_rate: ir.Table, days: ir.Table) -> ir.Table:
    """The lines whose tax nobody states, as ``unresolved``."""
    rows = lines.anti_join(valid_rates(days, tax_rate), list(TAXED))
    return rows.mutate(
        product_key=rows.price_code,
        offering_code=rows.category,
        code=ibis.literal("TAX_RATE_MISSING"),
        field=ibis.literal("tax_category"),
        value=rows.tax_category,
    ).select(*UNRESOLVED.ibis)


def _due(payer: ir.Table, commitment: ir.Table) -> ir.Table:
    """What is promised in each period: all of it, or the share of the days that it holds."""
    on = [
        payer.account_key == commitment.account_key,
        payer.period_to > commitment.valid_from,
        commitment.valid_to.isnull() | (commitment.valid_to > payer.period_from),
    ]
    held = payer.inner_join(commitment, on).drop("account_key_right")
    dated = held.mutate(
        since=ibis.greatest(held.valid_from, held.period_from),
        until=ibis.least(held.valid_to.fill_null(held.period_to), held.period_to),
    )
    rows = dated.filter(dated.since < dated.until)
    counted = rows.mutate(  # columns, for what divides by them would count them many times over
        days=counted_days(rows.since, rows.until, rows.day_count),
        of_days=counted_days(rows.period_from, rows.period_to, rows.day_count),
    )
    share = integers.mul_div_rounded(
        counted.amount_minor,
        ibis.least(counted.days, counted.of_days),
        counted.of_days,
        counted.rounding_mode,
    )
    due = counted.mutate(due_minor=ibis.ifelse(counted.prorated, share, counted.amount_minor))
    return due.rename(only_category="category")


def _billed(billed: ir.Table, due: ir.Table) -> ir.Table:
    """What the promise counts of each bill; a discount counts as what it was taken from."""
    keys = ["account_key", "period_from"]
    wanted = due.select(*keys, "commitment_key", "only_category", only_product="product_key")
    rows = billed.inner_join(wanted, keys)
    counts = (rows.only_category.isnull() | (rows.only_category == rows.counted_as)) & (
        rows.only_product.isnull() | (rows.only_product == rows.product_key)
    )
    mine = rows.filter(counts)
    return mine.group_by(*PROMISED).aggregate(billed_minor=integers.sum_int64(mine.amount_minor))
