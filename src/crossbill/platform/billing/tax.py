"""Tax: which rates hold for a line, what they take of it, and what a bill owes of each.

The price of a line may contain its tax; then the net amount is what is left without it. A policy
taxes each line, or the sum of a product's or a bill's lines of one rate. What is inclusive is
taxed by the line, because its price is final.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import TaxScope
from crossbill.engine import integers
from crossbill.engine.billing_datasets import BILL_TAX
from crossbill.platform.billing.resolve import PPM, valid_rates

TAXED = ("tax_code", "tax_category", "period_from")


def tax_of(net: ir.IntegerValue, ppm: ir.IntegerValue, mode: ir.StringValue) -> ir.IntegerValue:
    """What a rate takes of a net amount, rounded once."""
    return integers.mul_div_rounded(net, ppm, PPM, mode)


def line_tax(line: ir.Table, net: ir.IntegerValue) -> ir.IntegerValue:
    """The tax of a line of one rate where the policy taxes lines; a bill's tax is the bill's."""
    by_line = line.tax_scope == TaxScope.LINE.value
    return ibis.ifelse(by_line, tax_of(net, line.tax_ppm, line.tax_rounding_mode), 0)


def without_tax(
    amount: ir.IntegerValue, ppm: ir.IntegerValue, mode: ir.StringValue
) -> ir.IntegerValue:
    """The net amount of a price that contains taxes of so many millionths together."""
    return integers.mul_div_rounded(amount, PPM, ppm + PPM, mode)


def with_taxes(
    net_line: ir.Table, tax_rate: ir.Table, exemption: ir.Table, days: ir.Table, names: int
) -> ir.Table:
    """Reads ``net_line`` and the tables of those names; adds net_minor and tax_minor.

    Adds for each of up to ``names`` taxes of a line: name_N, rate_N (0 where exempt), exempt_N and
    tax_N, 0 where the bill is taxed.
    """
    valid = valid_rates(days, tax_rate)
    rows = _with_exemptions(_with_rates(net_line, valid, names), exemption, days, names)
    stated = sum((rows[f"stated_{n}"] for n in range(names)), ibis.literal(0, "int64"))
    without = without_tax(rows.amount_minor, stated, rows.tax_rounding_mode)
    rows = rows.mutate(
        net_minor=ibis.ifelse(rows.tax_inclusive, without, rows.amount_minor),
        by_line=rows.tax_inclusive | (rows.tax_scope == TaxScope.LINE.value),
    )
    return _with_line_taxes(rows, names)


def _with_rates(rows: ir.Table, valid: ir.Table, names: int) -> ir.Table:
    """Adds the taxes of each line side by side, the highest first."""
    highest = [ibis.desc(valid.rate_ppm), valid.tax_name]
    window = ibis.window(group_by=list(TAXED), order_by=highest)
    numbered = valid.mutate(place=ibis.row_number().over(window))
    for place in range(names):
        here = numbered.filter(numbered.place == place).select(
            *TAXED, **{f"name_{place}": "tax_name", f"stated_{place}": "rate_ppm"}
        )
        rows = rows.left_join(here, list(TAXED)).drop(*(f"{key}_right" for key in TAXED))
        rows = rows.mutate(**{f"stated_{place}": rows[f"stated_{place}"].fill_null(0)})
    return rows


def _with_exemptions(rows: ir.Table, exemption: ir.Table, days: ir.Table, names: int) -> ir.Table:
    """Adds why a tax is not due, and the rate that is."""
    begun = days.period_from >= exemption.valid_from
    lasting = exemption.valid_to.isnull() | (days.period_from < exemption.valid_to)
    held = days.inner_join(exemption, [begun, lasting])
    named = held.group_by("account_key", "period_from", "tax_name").aggregate(
        reason=held.reason.min()
    )
    for place in range(names):
        rows = _exempted(rows, named, place)
    return rows


def _exempted(rows: ir.Table, named: ir.Table, place: int) -> ir.Table:
    """Adds exempt_N and rate_N: exempt by this tax's name, or of all taxes."""
    keys = ["account_key", "period_from"]
    own = named.filter(named.tax_name.notnull()).select(
        *keys, exempted="tax_name", own_reason="reason"
    )
    every = named.filter(named.tax_name.isnull()).select(*keys, any_reason="reason")
    on = [rows[key] == own[key] for key in keys] + [rows[f"name_{place}"] == own.exempted]
    joined = rows.left_join(own, on).drop(*(f"{key}_right" for key in keys))
    joined = joined.left_join(every, keys).drop(*(f"{key}_right" for key in keys))
    why = joined.own_reason.coalesce(joined.any_reason)
    rate = ibis.ifelse(why.isnull(), joined[f"stated_{place}"], 0)
    found = joined.mutate(**{f"exempt_{place}": why, f"rate_{place}": rate})
    return found.drop("exempted", "own_reason", "any_reason")


def _with_line_taxes(rows: ir.Table, names: int) -> ir.Table:
    """Adds tax_N and their sum; of an inclusive price the first tax is what the others leave.

    It leaves the same where one of the others is not due, whose part the price loses.
    """

    def taken(rate: str) -> ir.IntegerValue:
        return tax_of(rows.net_minor, rows[rate], rows.tax_rounding_mode)

    rated = {n: taken(f"rate_{n}") for n in range(names)}
    others = sum((taken(f"stated_{n}") for n in range(1, names)), ibis.literal(0, "int64"))
    exempt = rows["exempt_0"].notnull()
    rest = ibis.ifelse(exempt, 0, rows.amount_minor - rows.net_minor - others)
    rated[0] = ibis.ifelse(rows.tax_inclusive, rest, rated[0])
    taxes = {f"tax_{n}": ibis.ifelse(rows.by_line, tax, 0) for n, tax in rated.items()}
    taxed = rows.mutate(**taxes)
    return taxed.mutate(tax_minor=sum((taxed[name] for name in taxes), ibis.literal(0, "int64")))


def bill_taxes(taxed: ir.Table, names: int, *, by_product: bool) -> ir.Table:
    """Reads lines with their bill and taxes; writes ``bill_tax``, each tax of a bill once a rate.

    Where the policy taxes products or bills, the tax is that of the sum of the net amounts of each,
    rounded once. ``by_product``: some policy taxes products; where none does, it costs nothing.
    """
    parts = [_tax_lines(taxed, place) for place in range(names)]
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    key = ("bill_key", "tax_code", "tax_name", "rate_ppm", "tax_rounding_mode")
    if not by_product:
        return _summed(rows, key).select(*BILL_TAX.ibis)
    alone = rows.tax_scope == TaxScope.PRODUCT.value
    sold = ibis.ifelse(alone, rows.product_key.fill_null(""), ibis.null("string"))
    each = _summed(rows.mutate(sold=sold), (*key, "sold"))
    return each.group_by("bill_key", "tax_code", "tax_name", "rate_ppm").aggregate(
        taxable_minor=integers.sum_int64(each.taxable_minor),
        tax_minor=integers.sum_int64(each.tax_minor),
        exempt=each.exempt.max(),
    )


def _summed(rows: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The tax of all rows of each key: that of its lines, and that of the sum of the others."""
    sums = rows.group_by(*key).aggregate(
        taxable_minor=integers.sum_int64(rows.net_minor),
        by_lines=integers.sum_int64(rows.tax),
        untaxed=integers.sum_int64(ibis.ifelse(rows.by_line, 0, rows.net_minor)),
        exempt=rows.exempt.max(),
    )
    of_sum = tax_of(sums.untaxed, sums.rate_ppm, sums.tax_rounding_mode)
    return sums.mutate(tax_minor=sums.by_lines + of_sum)


def _tax_lines(taxed: ir.Table, place: int) -> ir.Table:
    named = taxed.filter(taxed[f"name_{place}"].notnull())
    return named.select(
        "bill_key", "product_key", "tax_code", "tax_scope", "tax_rounding_mode", "net_minor",
        "by_line",
        tax_name=f"name_{place}", rate_ppm=f"rate_{place}", exempt=f"exempt_{place}",
        tax=f"tax_{place}",
    )  # fmt: skip
