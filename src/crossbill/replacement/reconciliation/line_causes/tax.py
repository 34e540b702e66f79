"""The old bill taxed by the rate of another jurisdiction."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import INT64_MAX
from crossbill.engine.integers import div_trunc
from crossbill.platform.billing.charge import PPM
from crossbill.platform.billing.resolve import HIGHEST_TAX_PPM
from crossbill.replacement.reconciliation.lines import (
    EXPLAINED,
    RECORD,
    Case,
    behind,
    rate_words,
    what_if,
)

CODE = "TAX"
RANK = 90
BILL = ("account_key", "period_from")
PERCENT = PPM // 100
LARGEST = INT64_MAX // PPM - 1  # more tax has no rate that could be computed


def candidates(case: Case) -> ir.Table:
    """Lines with equal net whose tax agrees under another known rate."""
    records = case.records
    equal_net = records.filter(
        records.old_net == records.new_net, records.old_net != 0, records.old_tax.abs() < LARGEST
    )
    rates = _rates_within(_largest(equal_net), _rates(case.tax_rate, equal_net))
    rows = behind(case.behind, equal_net)
    pairs = rows.inner_join(rates, list(BILL))
    other = pairs.filter(pairs.rate_ppm != pairs.tax_ppm)
    variants = other.mutate(
        policy_code=ibis.literal("rate of ") + other.other_code,
        tax_ppm=other.rate_ppm,
        words=_words(other.rate_ppm, other.other_code),
        base_words=_words(other.tax_ppm, other.tax_code),
    )
    found = what_if(case, variants)
    return found.semi_join(equal_net, list(RECORD)).select(*EXPLAINED)


def _rates(tax_rate: ir.Table, records: ir.Table) -> ir.Table:
    """The rates valid on the first day of each period, each once, by the first of its codes."""
    periods = records.select("period_from").distinct()
    valid = [
        tax_rate.valid_from <= periods.period_from,
        tax_rate.valid_to.isnull() | (tax_rate.valid_to > periods.period_from),
    ]
    rates = periods.inner_join(tax_rate, valid)
    return rates.group_by("period_from", "rate_ppm").aggregate(other_code=rates.tax_code.min())


def _largest(records: ir.Table) -> ir.Table:
    """The largest of each bill's lines: a bill has one jurisdiction, and this line shows it best.

    Almost any rate gives the tax of a line of a few cents.
    """
    order = [ibis.desc(records.old_net.abs()), records.record_key]
    ranked = records.mutate(
        position=ibis.row_number().over(ibis.window(group_by=list(BILL), order_by=order))
    )
    return ranked.filter(ranked.position == 0)


def _rates_within(records: ir.Table, rates: ir.Table) -> ir.Table:
    """Per bill the rates that give the old tax, give or take one: few, where all would be many.

    They meet by whole percents first, so that not every bill meets every rate.
    """
    size = records.old_net.abs()
    tax = records.old_tax * records.old_net.sign().cast("int64")
    highest = div_trunc((tax + 1) * PPM, size) + 1
    near = records.mutate(
        lowest=div_trunc((tax - 1) * PPM, size), highest=ibis.least(highest, HIGHEST_TAX_PPM)
    )
    first, last = div_trunc(near.lowest, PERCENT), div_trunc(near.highest, PERCENT)
    by_percent = near.mutate(percent=ibis.range(first, last + 1).unnest().cast("int64"))
    known = rates.mutate(percent=div_trunc(rates.rate_ppm, PERCENT))
    pairs = by_percent.inner_join(known, ["period_from", "percent"])
    fitting = pairs.filter(pairs.rate_ppm.between(pairs.lowest, pairs.highest))
    return fitting.select(*BILL, "rate_ppm", "other_code").distinct()


def _words(ppm: ir.IntegerValue, tax_code: ir.StringValue) -> ir.StringValue:
    return ibis.literal("taxed at ") + rate_words(ppm) + ", the rate of " + tax_code
