"""The old bill taxed by the rate of another jurisdiction."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case, what_if

CODE = "TAX"
RANK = 90


def candidates(case: Case) -> ir.Table:
    """Lines with equal net whose tax agrees under another known rate."""
    rows = case.behind
    rates = case.tax_rate.rename(other_code="tax_code")
    rates = rates.select("other_code", "rate_ppm", "valid_from", "valid_to")
    valid = (rates.valid_from <= rows.period_from) & (
        rates.valid_to.isnull() | (rates.valid_to > rows.period_from)
    )
    pairs = rows.inner_join(rates, [valid, rates.rate_ppm != rows.tax_ppm])
    variants = pairs.mutate(
        policy_code=ibis.literal("rate of ") + pairs.other_code,
        tax_ppm=pairs.rate_ppm,
        words=ibis.literal("taxed as ") + pairs.other_code,
        base_words=ibis.literal("taxed as ") + pairs.tax_code,
    )
    equal_net = case.records.filter(case.records.old_net == case.records.new_net).select(*RECORD)
    found = what_if(case, variants)
    return found.semi_join(equal_net, list(RECORD)).select(*RECORD, "variant", "evidence")
