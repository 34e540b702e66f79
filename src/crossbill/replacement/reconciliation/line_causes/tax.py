"""The old bill taxed by the rate of another jurisdiction."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import INT64_MAX
from crossbill.engine.integers import div_trunc
from crossbill.platform.billing.charge import PPM
from crossbill.replacement.reconciliation.lines import (
    LINE,
    RECORD,
    Case,
    behind,
    rate_words,
    what_if,
)

CODE = "TAX"
RANK = 90
LARGEST = INT64_MAX // PPM - 1  # more tax has no rate that could be computed


def candidates(case: Case) -> ir.Table:
    """Lines with equal net whose tax agrees under another known rate."""
    records = case.records
    equal_net = records.filter(
        records.old_net == records.new_net, records.old_net != 0, records.old_tax.abs() < LARGEST
    )
    rates = _rates_within(equal_net, _rates(case.tax_rate, equal_net))
    rows = behind(case.behind, equal_net)
    pairs = rows.inner_join(rates, list(LINE))
    other = pairs.filter(pairs.rate_ppm != pairs.tax_ppm)
    variants = other.mutate(
        policy_code=ibis.literal("rate of ") + other.other_code,
        tax_ppm=other.rate_ppm,
        words=_words(other.rate_ppm, other.other_code),
        base_words=_words(other.tax_ppm, other.tax_code),
    )
    found = what_if(case, variants)
    return found.semi_join(equal_net, list(RECORD)).select(*RECORD, "variant", "evidence")


def _rates(tax_rate: ir.Table, records: ir.Table) -> ir.Table:
    """The rates valid on the first day of each period, each once, by the first of its codes."""
    periods = records.select("period_from").distinct()
    valid = [
        tax_rate.valid_from <= periods.period_from,
        tax_rate.valid_to.isnull() | (tax_rate.valid_to > periods.period_from),
    ]
    rates = periods.inner_join(tax_rate, valid)
    return rates.group_by("period_from", "rate_ppm").aggregate(other_code=rates.tax_code.min())


def _rates_within(records: ir.Table, rates: ir.Table) -> ir.Table:
    """The rates that give the old tax, give or take one: few, where all would be many."""
    size = records.old_net.abs()
    tax = records.old_tax * records.old_net.sign().cast("int64")
    near = records.mutate(
        lowest=div_trunc((tax - 1) * PPM, size), highest=div_trunc((tax + 1) * PPM, size) + 1
    )
    pairs = near.inner_join(
        rates,
        [
            near.period_from == rates.period_from,
            rates.rate_ppm >= near.lowest,
            rates.rate_ppm <= near.highest,
        ],
    )
    return pairs.select(*LINE, "rate_ppm", "other_code").distinct()


def _words(ppm: ir.IntegerValue, tax_code: ir.StringValue) -> ir.StringValue:
    return ibis.literal("taxed at ") + rate_words(ppm) + ", the rate of " + tax_code
