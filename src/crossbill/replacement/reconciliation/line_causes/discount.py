"""A discount was given on one side only, or with another rate."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case, behind, what_if

CODE = "DISCOUNT"
RANK = 60


WHOLE_PERCENTS = range(51)


def candidates(case: Case) -> ir.Table:
    """Lines that agree with no discount, with one of up to 50 whole percent, or one used elsewhere."""
    rows = behind(case)
    used = case.charge_input.select(other_ppm="discount_ppm").distinct()
    whole = ibis.memtable({"other_ppm": [percent * 10_000 for percent in WHOLE_PERCENTS]})
    rates = used.union(whole.cast({"other_ppm": "int64"}), distinct=True)
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
