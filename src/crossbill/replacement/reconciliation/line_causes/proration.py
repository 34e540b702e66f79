"""The old bill prorated by another day count."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import Case, monthly, what_if, with_their_charge

CODE = "PRORATION"
RANK = 70
WORDS = {
    "thirty_360": "30 days a month",
    "actual_actual": "the month's own days",
    "actual_365": "365 days a year",
}
NOT_COUNTED = ", the last day not counted"


def candidates(case: Case) -> ir.Table:
    """Lines of part of a period that agree under another day count, or when the end day counts."""
    rows = monthly(case.behind)
    part = rows.filter((rows.charge_from > rows.period_from) | (rows.charge_to < rows.period_to))
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
    return with_their_charge(what_if(case, ibis.union(*parts)))


def _variant(count: str, as_here: ir.BooleanValue) -> ir.StringValue:
    """Named so that of equals the one that treats the last day as the new side does comes first."""
    return as_here.ifelse(f"{count}, last day as here", f"{count}, last day otherwise")


def _words(count: str, end_day_counts: bool) -> str:
    return WORDS[count] + ("" if end_day_counts else NOT_COUNTED)


def _base_words(rows: ir.Table) -> ir.StringValue:
    counted = rows.end_day_counts.ifelse("", NOT_COUNTED)
    return rows.day_count.cases(*WORDS.items(), else_=rows.day_count) + counted
