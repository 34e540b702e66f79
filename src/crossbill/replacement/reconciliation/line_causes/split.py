"""What one bill charges in one line, the other one charges in several."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import LINE, RECORD, Case, amounts_in_words

CODE = "SPLIT"
RANK = 24


def candidates(case: Case) -> ir.Table:
    """Lines of a product, or of a whole bill, in one category: one stands against several."""
    of_a_product = _together(case.records, (*LINE, "category"), "product")
    return of_a_product.union(
        _together(case.records, ("account_key", "period_from", "category"), "bill")
    )


def _together(records: ir.Table, key: Sequence[str], variant: str) -> ir.Table:
    """All that differs of a group, where one line stands against several of the other side.

    Never some of it: which of many amounts make up a sum would be a guess. And never what takes
    from one line and gives to another: all amounts have one sign.
    """
    on_old, on_new = records.kind != "extra", records.kind != "missing"
    olds, news = records.old_net.nullif(0), records.new_net.nullif(0)
    window = ibis.window(group_by=list(key))
    counted = records.mutate(
        old_lines=on_old.cast("int64").sum().over(window),
        new_lines=on_new.cast("int64").sum().over(window),
        amounts=(olds.count().over(window) + news.count().over(window)),
        least=ibis.least(olds.min().over(window), news.min().over(window)),
        most=ibis.greatest(olds.max().over(window), news.max().over(window)),
        together_net=records.old_net.sum().over(window).cast("int64"),
        together_tax=records.old_tax.sum().over(window).cast("int64"),
        more_net=(records.new_net - records.old_net).sum().over(window),
        more_tax=(records.new_tax - records.old_tax).sum().over(window),
    )
    lines = counted.old_lines + counted.new_lines
    found = counted.filter(
        ibis.least(counted.old_lines, counted.new_lines) == 1,
        lines > 2,
        counted.amounts == lines,
        (counted.least > 0) | (counted.most < 0),
        counted.more_net == 0,
        counted.more_tax == 0,
    )
    words = amounts_in_words("together", found.together_net, found.together_tax, found.digits)
    evidence = (
        _lines(found.old_lines, "old") + " and " + _lines(found.new_lines, "new") + ", " + words
    )
    return found.select(*RECORD, variant=ibis.literal(variant), evidence=evidence)


def _lines(count: ir.IntegerValue, side: str) -> ir.StringValue:
    return count.cast("string") + ibis.ifelse(count == 1, f" {side} line", f" {side} lines")
