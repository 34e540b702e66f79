"""The old bill taxed by the rates of another jurisdiction."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import INT64_MAX
from crossbill.engine.integers import div_trunc, sum_int64
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.charge import PPM
from crossbill.platform.billing.due import RECURRING
from crossbill.platform.billing.resolve import HIGHEST_TAX_PPM
from crossbill.replacement.reconciliation.lines import (
    EXPLAINED,
    LINE,
    LOST_BY_CUTS,
    RECORD,
    Case,
    behind,
    rate_words,
    same_amount,
    what_if,
)

CODE = "TAX"
RANK = 90
BILL = ("account_key", "period_from")
PERCENT = PPM // 100
LARGEST = INT64_MAX // PPM - LOST_BY_CUTS  # more tax has no rate that could be computed


def candidates(case: Case) -> ir.Table:
    """Lines of an equal amount whose tax agrees in another known jurisdiction."""
    records = case.records
    equal = records.filter(
        same_amount(records), records.old_net != 0, records.old_tax.abs() < LARGEST
    )
    rows, totals = behind(case.behind, equal), _totals(case.taxes.rates)
    largest = _largest(_with_category(equal, rows))
    near = _near(largest, totals).union(_anywhere(largest, totals, case.taxes.exempt)).distinct()
    others = rows.inner_join(near, list(BILL)).filter(lambda t: t.other_code != t.tax_code)
    known = totals.rename(other_code="tax_code", other_ppm="total_ppm", other_bears="bears")
    own = totals.select("period_from", "tax_category", "tax_code", "bears")
    pairs = others.inner_join(known, ["period_from", "tax_category", "other_code"])
    pairs = pairs.inner_join(own, ["period_from", "tax_category", "tax_code"])
    other = pairs.filter(pairs.bears != pairs.other_bears)
    variants = other.mutate(
        policy_code=ibis.literal("rate of ") + other.other_code,
        tax_code=other.other_code,
        words=_words(other.other_ppm, other.other_code),
        base_words=_words(other.tax_ppm, other.tax_code),
    )
    found = what_if(case, variants)
    return found.semi_join(equal, list(RECORD)).select(*EXPLAINED)


def _totals(taxes: ir.Table) -> ir.Table:
    """What the taxes of each jurisdiction take together of each kind of thing.

    ``bears`` is the same for jurisdictions of the same taxes; ``first`` is the first of these.
    """
    named = taxes.mutate(
        said=taxes.tax_category + "/" + taxes.tax_name + "/" + taxes.rate_ppm.cast("string")
    )
    each = named.group_by("period_from", "tax_code").aggregate(
        bears=named.said.group_concat(sep="|", order_by=named.said)
    )
    alike = ibis.window(group_by=["period_from", "bears"])
    each = each.mutate(first=each.tax_code.min().over(alike))
    sums = taxes.group_by("period_from", "tax_code", "tax_category").aggregate(
        total_ppm=sum_int64(taxes.rate_ppm)
    )
    return sums.inner_join(each, ["period_from", "tax_code"])


def _largest(records: ir.Table) -> ir.Table:
    """The largest of each bill's charges: a bill has one jurisdiction, and this line shows it best.

    Almost any rate gives the tax of a line of a few cents.
    """
    order = [ibis.desc(records.old_net.abs()), records.record_key]
    ranked = records.mutate(
        position=ibis.row_number().over(ibis.window(group_by=list(BILL), order_by=order))
    )
    return ranked.filter(ranked.position == 0)


def _with_category(records: ir.Table, rows: ir.Table) -> ir.Table:
    """Adds what kind of thing for tax the charge behind each line is."""
    charged = rows.select(*LINE, "charge_from", "tax_category", charged="category").distinct()
    is_off = records.category == DISCOUNT
    named = records.mutate(charged=ibis.ifelse(is_off, RECURRING, records.category))
    return named.inner_join(charged, [*LINE, "charge_from", "charged"])


def _near(records: ir.Table, totals: ir.Table) -> ir.Table:
    """Per bill the jurisdictions that give the old tax or almost: few, where all would be many.

    They meet by whole percents first, so that not every bill meets every jurisdiction.
    """
    size = records.old_net.abs()
    tax = records.old_tax * records.old_net.sign().cast("int64")
    highest = div_trunc((tax + LOST_BY_CUTS) * PPM, size) + 1
    near = records.mutate(
        lowest=div_trunc((tax - LOST_BY_CUTS) * PPM, size),
        highest=ibis.least(highest, HIGHEST_TAX_PPM),
    )
    first, last = div_trunc(near.lowest, PERCENT), div_trunc(near.highest, PERCENT)
    by_percent = near.mutate(percent=ibis.range(first, last + 1).unnest().cast("int64"))
    firsts = totals.filter(totals.tax_code == totals.first)
    known = firsts.mutate(percent=div_trunc(firsts.total_ppm, PERCENT))
    pairs = by_percent.inner_join(known, ["period_from", "tax_category", "percent"])
    fitting = pairs.filter(pairs.total_ppm.between(pairs.lowest, pairs.highest))
    return fitting.select(*BILL, other_code="tax_code").distinct()


def _anywhere(records: ir.Table, totals: ir.Table, exempt: ir.Table) -> ir.Table:
    """Per bill of an account that need not pay some tax, all jurisdictions: what is left of their
    taxes is not known before it is computed.
    """
    free = records.semi_join(exempt, list(BILL))
    firsts = totals.filter(totals.tax_code == totals.first)
    pairs = free.inner_join(firsts, "period_from")
    return pairs.select(*BILL, other_code="tax_code").distinct()


def _words(ppm: ir.IntegerValue, tax_code: ir.StringValue) -> ir.StringValue:
    return ibis.literal("taxed at ") + rate_words(ppm) + ", the rate of " + tax_code
