"""A discount was given on one side only, or with another rate."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case, what_if

CODE = "DISCOUNT"
RANK = 60


WHOLE_PERCENTS = 51  # 0 to 50


def candidates(case: Case) -> ir.Table:
    """Lines that agree with no discount, one of up to 50 whole percent, or one used elsewhere."""
    rows = case.behind
    used = case.charge.select(other_ppm="discount_ppm").distinct()
    percent = ibis.range(WHOLE_PERCENTS).unnest().name("percent").as_table()
    whole = percent.select(other_ppm=percent.percent.cast("int64") * 10_000)
    rates = used.union(whole, distinct=True)
    pairs = rows.cross_join(rates)
    other = pairs.filter(pairs.other_ppm != pairs.discount_ppm)
    variants = other.mutate(
        policy_code=ibis.literal("discount ") + other.other_ppm.cast("string"),
        discount_ppm=other.other_ppm,
        words=ibis.literal("discount of ") + _percent(other.other_ppm),
        base_words=ibis.literal("discount of ") + _percent(other.discount_ppm),
    )
    found = what_if(case, variants)
    return found.filter(found.category == "discount").select(*RECORD, "variant", "evidence")


def _percent(ppm: ir.IntegerValue) -> ir.StringValue:
    """Millionths as percent with the digits they need."""
    text = ppm.cast("string").lpad(5, "0")
    whole, part = text.substr(0, text.length() - 4), text.right(4).re_replace("0+$", "")
    return whole + (part == "").ifelse("", ibis.literal(".") + part) + " %"
