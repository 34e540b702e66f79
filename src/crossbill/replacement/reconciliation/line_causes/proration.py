"""The old bill prorated by another day count."""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.charge import charge
from crossbill.replacement.reconciliation.lines import (
    LINE,
    Case,
    price_words,
    recurring_charges,
    what_if,
    with_their_charge,
)

CODE = "PRORATION"
RANK = 70
WORDS = {
    "thirty_360": "30 days a month",
    "actual_actual": "the month's own days",
    "actual_365": "365 days a year",
}
NOT_COUNTED = ", the last day not counted"


def candidates(case: Case) -> ir.Table:
    """Lines of part of an interval that agree under another day count, or with its end day counted.

    What is paid for three months ahead is counted as part of all three.
    """
    rows = recurring_charges(case.behind)
    part = rows.filter(
        (rows.charge_from > rows.interval_from) | (rows.charge_to < rows.interval_to)
    )
    parts = [
        part.filter((part.day_count != count) | (part.end_day_counts != counts)).mutate(
            policy_code=_variant(count, part.end_day_counts == counts),
            day_count=ibis.literal(count),
            end_day_counts=ibis.literal(counts),
            words=ibis.literal(_words(count, counts)),
            base_words=_base_words(part),
        )
        for count in WORDS
        for counts in (True, False)
    ]
    return with_their_charge(what_if(case, _with_formulas(part, ibis.union(*parts))))


def _with_formulas(rows: ir.Table, variants: ir.Table) -> ir.Table:
    """Adds to the words how each side comes to its amount: price x days of days."""
    keys = [*LINE, "charge_from"]
    base = _formula(charge(rows), "base_formula").select(*keys, "base_formula")
    other = _formula(charge(variants), "formula").select(*keys, "policy_code", "formula")
    told = variants.inner_join(other, [*keys, "policy_code"]).inner_join(base, keys)
    return told.mutate(
        words=told.words + ", " + told.formula,
        base_words=told.base_words + ", " + told.base_formula,
    ).select(*variants.columns)


def _formula(charged: ir.Table, name: str) -> ir.Table:
    """Adds a calculation as text, as in 49.90 x 11/30."""
    units = (charged.quantity == 1).ifelse(
        "", ibis.literal(" x ") + charged.quantity.cast("string")
    )
    share = charged.numerator.cast("string") + "/" + charged.denominator.cast("string")
    price = price_words(charged.price_nanos, charged.minor_digits)
    return charged.mutate(**{name: price + units + " x " + share})


def _variant(count: str, as_here: ir.BooleanValue) -> ir.StringValue:
    """Named so that of equals the one that treats the last day as the new side does comes first."""
    return as_here.ifelse(f"{count}, last day as here", f"{count}, last day otherwise")


def _words(count: str, end_day_counts: bool) -> str:
    return WORDS[count] + ("" if end_day_counts else NOT_COUNTED)


def _base_words(rows: ir.Table) -> ir.StringValue:
    counted = rows.end_day_counts.ifelse("", NOT_COUNTED)
    return rows.day_count.cases(*WORDS.items(), else_=rows.day_count) + counted
